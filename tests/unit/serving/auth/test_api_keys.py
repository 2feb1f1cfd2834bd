"""API keys: random, stored as digests, reloaded by a running service, compared in constant time."""

import re
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr

from carvalue.serving.auth import key_store
from carvalue.serving.auth.api_keys import (
    ClientNotFound,
    InvalidClientName,
    InvalidKeyLine,
    KeyFile,
    StoredKey,
    key_digest,
    read_keys,
)
from carvalue.serving.auth.key_store import KeyStore, NoKeys, load_key_store
from carvalue.settings import Settings

TODAY = date(2026, 11, 24)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "service" / "keys"


def make(path: Path, client: str) -> str:
    key, _ = KeyFile(path).add(client, today=TODAY)
    return key


def test_a_key_names_its_client_and_only_its_hash_is_kept(path: Path) -> None:
    key = make(path, "shop")

    kept = path.read_text()
    assert re.fullmatch(r"carvalue\.shop\.[A-Za-z0-9_-]{43}", key)
    assert key not in kept
    assert key.rsplit(".", 1)[1] not in kept
    assert path.stat().st_mode & 0o777 == 0o600
    assert KeyFile(path).read() == (StoredKey(client="shop", digest=key_digest(key), created_on=TODAY),)


def test_a_client_may_have_two_keys_while_it_changes_from_one_to_the_other(path: Path) -> None:
    old, new, other = make(path, "shop"), make(path, "shop"), make(path, "page")

    both = KeyStore(file=path)
    assert [both.client_of(key) for key in (old, new)] == ["shop", "shop"]
    assert KeyFile(path).revoke_old("shop") == 1

    ring = KeyStore(file=path)
    assert [ring.client_of(key) for key in (old, new, other)] == [None, "shop", "page"]


def test_a_revoked_client_has_no_key_left(path: Path) -> None:
    keys = [make(path, "shop"), make(path, "shop")]

    assert KeyFile(path).revoke("shop") == 2

    ring = KeyStore(file=path)
    assert [ring.client_of(key) for key in keys] == [None, None]
    assert ring.is_required  # whoever revokes the last key does not open the door
    with pytest.raises(ClientNotFound, match="shop"):
        KeyFile(path).revoke("shop")


@pytest.mark.parametrize("name", ["", "Shop", "a b", "a.b", 'a"b', "ä", "-a", "a" * 41])
def test_a_client_has_a_name_that_fits_into_keys_and_logs(path: Path, name: str) -> None:
    with pytest.raises(InvalidClientName):
        make(path, name)

    assert not path.exists()


@pytest.mark.parametrize("line", ["shop", "shop sha256:12", f"shop sha256:{'0' * 64} 2026-13-01", "x y z"])
def test_a_line_that_is_no_key_is_named_and_not_shown(line: str) -> None:
    with pytest.raises(InvalidKeyLine, match="Line 3 of SERVICE_KEYS") as caught:
        read_keys(f"# mine\n\n{line}\n", source="SERVICE_KEYS")

    assert line not in str(caught.value)


@pytest.mark.parametrize(
    "given", ["", "carvalue", "carvalue.shop", "carvalue.shop.", "carvalue.page.{}", "shop.{}", "{}", "ä.ö.ü"]
)
def test_an_unknown_key_is_refused(path: Path, given: str) -> None:
    secret = make(path, "shop").rsplit(".", 1)[1]

    assert KeyStore(file=path).client_of(given.format(secret)) is None


@pytest.fixture
def watchful(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring looks at its file each time."""
    monkeypatch.setattr(key_store, "RELOAD_S", 0)


@pytest.mark.usefixtures("watchful")
def test_a_running_service_reloads_changed_keys(path: Path) -> None:
    ring = KeyStore(file=path)
    assert not ring.is_required

    key = make(path, "shop")
    assert ring.is_required
    assert ring.client_of(key) == "shop"

    KeyFile(path).revoke("shop")
    assert ring.client_of(key) is None


@pytest.mark.usefixtures("watchful")
def test_a_file_that_cannot_be_read_changes_nothing(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    key = make(path, "shop")
    ring = KeyStore(file=path)

    path.write_text(f"shop sha256:{'0' * 63}")

    assert [ring.client_of(key), ring.client_of(key)] == ["shop", "shop"]
    assert [record.message for record in caplog.records] == ["keys not reloaded, the earlier ones stay"]


def test_a_file_that_is_not_text_is_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"\x80\x00")

    with pytest.raises(InvalidKeyLine, match="is not text in UTF-8"):
        KeyFile(path).read()


@pytest.mark.usefixtures("watchful")
def test_a_file_that_is_no_longer_text_changes_nothing(path: Path) -> None:
    key = make(path, "shop")
    store = KeyStore(file=path)
    path.write_bytes(b"\x80\x00")

    assert store.client_of(key) == "shop"


def test_keys_come_from_the_setting_and_from_the_file(tmp_path: Path) -> None:
    given = key_digest("carvalue.page.1")
    settings = Settings(
        state_dir=tmp_path, service_keys=SecretStr(f"page sha256:{given}, till sha256:{given} 2026-11-24")
    )
    key = make(settings.service_keys_file, "shop")

    ring = load_key_store(settings)

    assert ring.client_of("carvalue.page.1") == "page"
    assert ring.client_of("carvalue.till.1") is None  # the hash is of another's key
    assert ring.client_of(key) == "shop"


def test_off_loopback_there_must_be_a_key(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, bind_host="0.0.0.0", airflow_password=SecretStr("of my own"))

    with pytest.raises(NoKeys, match=r"BIND_HOST='0\.0\.0\.0'.*carvalue keys new CLIENT"):
        load_key_store(settings)
    make(settings.service_keys_file, "shop")

    assert load_key_store(settings).is_required


@pytest.mark.usefixtures("watchful")
def test_off_loopback_a_key_is_required_even_without_the_file(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, bind_host="0.0.0.0", airflow_password=SecretStr("of my own"))
    make(settings.service_keys_file, "shop")
    ring = load_key_store(settings)

    settings.service_keys_file.unlink()

    assert ring.is_required
