"""The commands for API keys print what a person or a script needs next."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from carvalue.cli import app
from carvalue.serving.auth.key_store import KeyStore


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERVICE_KEYS_FILE", str(tmp_path / "keys"))
    return tmp_path / "keys"


def carvalue(*words: str) -> Result:
    return CliRunner().invoke(app, ["keys", *words], catch_exceptions=False)


def test_a_new_key_is_all_that_is_on_standard_output(file: Path) -> None:
    done = carvalue("new", "shop")

    assert KeyStore(file=file).client_of(done.stdout.strip()) == "shop"
    assert file.read_text().splitlines()[-1] in done.stderr


def test_the_list_shows_clients_and_not_their_hashes(file: Path) -> None:
    for client in ("shop", "page"):
        carvalue("new", client)

    listed = carvalue("list").stdout

    assert [line.split()[0] for line in listed.splitlines()] == ["shop", "page"]
    assert not [line for line in file.read_text().splitlines()[1:] if line.split()[1] in listed]


def test_a_client_changes_its_key_without_downtime(file: Path) -> None:
    old, new = (carvalue("new", "shop").stdout.strip() for _ in range(2))

    assert "1 of shop's keys revoked" in carvalue("revoke", "shop", "--old").stdout
    assert [KeyStore(file=file).client_of(key) for key in (old, new)] == [None, "shop"]
    assert "1 of shop's keys revoked" in carvalue("revoke", "shop").stdout
    assert KeyStore(file=file).client_of(new) is None


def test_an_unknown_client_is_an_error_of_one_line(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "carvalue", "keys", "revoke", "shop"], capture_output=True, text=True
    )

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"carvalue: 'shop' has no key in {file}. `carvalue keys list` lists the clients that have keys."
    ]
