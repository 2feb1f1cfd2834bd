"""Callers without a key have a stable name that does not reveal their address."""

from pathlib import Path

import pytest

from carvalue.serving.auth.pseudonyms import ClientPseudonyms


def test_names_last_over_restarts_and_differ_between_installations(tmp_path: Path) -> None:
    secret = tmp_path / "service" / "secret"
    first, restarted = ClientPseudonyms(secret), ClientPseudonyms(secret)

    assert first.client_at("192.0.2.7") == restarted.client_at("192.0.2.7")
    assert first.client_at("192.0.2.7") != first.client_at("192.0.2.8")
    assert first.client_at("192.0.2.7") != ClientPseudonyms(tmp_path / "other").client_at("192.0.2.7")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in secret.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_is_local(tmp_path: Path, address: str) -> None:
    assert ClientPseudonyms(tmp_path / "secret").client_at(address) == "local"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "nowhere", "local"])
def test_others_are_neither_local_nor_named_by_their_address(tmp_path: Path, address: str) -> None:
    name = ClientPseudonyms(tmp_path / "secret").client_at(address)

    assert name.startswith("~")
    assert address not in name


def test_a_network_of_one_household_is_one_client(tmp_path: Path) -> None:
    pseudonyms = ClientPseudonyms(tmp_path / "secret")

    assert pseudonyms.client_at("2001:db8:1:2::1") == pseudonyms.client_at("2001:db8:1:2:3:4:5:6")
    assert pseudonyms.client_at("2001:db8:1:2::1") != pseudonyms.client_at("2001:db8:1:3::1")


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_damaged_secret_is_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    names = {ClientPseudonyms(tmp_path / "secret").client_at("192.0.2.7") for _ in range(2)}

    assert len(names) == 2  # each process has a secret of its own


def test_a_read_only_folder_stops_no_request(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")

    assert ClientPseudonyms(tmp_path / "file" / "secret").client_at("192.0.2.7").startswith("~")
