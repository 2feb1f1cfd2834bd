"""A backup of PostgreSQL and S3 restores databases, artifacts and storage as they were, and is verified."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from buckets import fake_s3, new_bucket
from carvalue.files import StoredCopy, connect_bucket, open_folder
from carvalue.journal.store import Journal
from carvalue.monitoring.watcher import WATCHER_FILES
from carvalue.platform.admin import backup
from carvalue.platform.admin.archive import ArchiveDamaged
from carvalue.platform.admin.backup import WouldOverwrite, create_backup, restore_backup
from carvalue.platform.admin.external import AIRFLOW, MLFLOW, MLFLOW_BUCKET, DumpFailed, StoreMissing
from carvalue.settings import Settings
from factories import an_entry
from production import postgres

pytestmark = pytest.mark.platform

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)
BUCKET = "cars"


class Stores(NamedTuple):
    """Addresses of real servers."""

    database: str
    s3: str


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    folder = tmp_path_factory.mktemp("servers")
    with ExitStack() as stack:
        port, password = stack.enter_context(postgres(folder))
        address = stack.enter_context(fake_s3())
        yield Stores(f"postgresql+psycopg://owner:{password}@127.0.0.1:{port}", address)


@pytest.fixture
def settings(servers: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    names = {AIRFLOW: "airflow", MLFLOW: "mlflow"}
    values = {name: f"{servers.database}/{database}" for name, database in names.items()}
    values[MLFLOW_BUCKET] = f"s3://{BUCKET}/mlflow"
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    _create_databases(servers, "journal", *names.values())
    with new_bucket(BUCKET, address=servers.s3):
        yield Settings(
            state_dir=tmp_path / "var",
            journal_url=f"{servers.database}/journal",
            storage_url=f"s3://{BUCKET}/storage",
        )


def _create_databases(servers: Stores, *names: str) -> None:
    address = servers.database.replace("+psycopg", "")
    with psycopg.connect(f"{address}/postgres", autocommit=True) as owner:
        for name in names:
            owner.execute(f"drop database if exists {name} with (force)")
            owner.execute(f"create database {name}")


def fill(settings: Settings, text: str) -> None:
    """Write something into each store."""
    for name in (MLFLOW, AIRFLOW):
        with psycopg.connect(os.environ[name].replace("+psycopg", "")) as database:
            database.execute("create table if not exists notes (line text)")
            database.execute("insert into notes values (%s)", [text])
    artifact = settings.state_dir / "artifact"
    artifact.parent.mkdir(parents=True, exist_ok=True)
    artifact.write_text(text)
    connect_bucket(f"s3://{BUCKET}/mlflow").upload(artifact, "1/model.ubj")
    with open_folder(settings, "datasets").updated() as folder:
        (folder / "current").write_text(text)


def read(settings: Settings) -> list[object]:
    found: list[object] = []
    for name in (MLFLOW, AIRFLOW):
        with psycopg.connect(os.environ[name].replace("+psycopg", "")) as database:
            found += database.execute("select line from notes").fetchall()
    model = connect_bucket(f"s3://{BUCKET}/mlflow").get("1/model.ubj")
    return [*found, model and model[0], (open_folder(settings, "datasets").read() / "current").read_text()]


def test_everything_is_as_it_was(settings: Settings, tmp_path: Path) -> None:
    with closing(Journal(settings.journal_url.get_secret_value())) as journal:
        journal.migrate()
        journal.write([an_entry(1)])
        fill(settings, "before")
        before = read(settings)

        summary = create_backup(settings, into=tmp_path / "file", now=NOW)
        fill(settings, "after")
        journal.write([an_entry(2)])
        restore_backup(settings, source=tmp_path / "file", overwrite=True)

        assert summary.left_out == ()
        assert read(settings) == before
        assert [entry.quote_id for entry in journal.after("", until=LATER, limit=9)] == [an_entry(1).quote_id]


def test_the_watchers_stored_alerts_are_backed_up_from_another_machine(
    settings: Settings, tmp_path: Path
) -> None:
    fill(settings, "before")
    save_alerts(settings, tmp_path / "watcher", "drift")
    create_backup(settings, into=tmp_path / "file", now=NOW)
    save_alerts(settings, tmp_path / "watcher", "accuracy")

    restore_backup(settings, source=tmp_path / "file", overwrite=True)

    with closing(sqlite3.connect(open_folder(settings, WATCHER_FILES).read() / "alerts.db")) as alerts:
        assert alerts.execute("select key from alerts").fetchall() == [("drift",)]


def save_alerts(settings: Settings, disk: Path, key: str) -> None:
    """Store an alert as the watcher does, on a machine of its own."""
    elsewhere = settings.model_copy(update={"state_dir": disk})
    with closing(sqlite3.connect(disk.with_name("alerts.db"))) as alerts, alerts:
        alerts.execute("create table if not exists alerts (key text)")
        alerts.execute("insert into alerts values (?)", [key])
    copy = StoredCopy(disk.parent, names=["alerts.db"], stored=open_folder(elsewhere, WATCHER_FILES))
    copy.save()


def test_databases_are_replaced_only_when_asked(settings: Settings, tmp_path: Path) -> None:
    fill(settings, "before")
    create_backup(settings, into=tmp_path / "file", now=NOW)
    fill(settings, "after")
    elsewhere = settings.model_copy(update={"state_dir": tmp_path / "new"})
    after = read(settings)

    with pytest.raises(WouldOverwrite, match="databases"):
        restore_backup(elsewhere, source=tmp_path / "file")

    assert read(settings) == after


def test_a_database_without_an_address_is_not_dropped_silently(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(settings, "before")
    create_backup(settings, into=tmp_path / "file", now=NOW)
    monkeypatch.delenv(MLFLOW)

    with pytest.raises(StoreMissing, match="mlflow"):
        restore_backup(settings, source=tmp_path / "file", overwrite=True)


def test_a_database_that_does_not_answer_ends_the_backup(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MLFLOW, "postgresql://owner:secret@127.0.0.1:1/mlflow")

    with pytest.raises(DumpFailed) as failed:
        create_backup(settings, into=tmp_path / "file", now=NOW)

    assert not (tmp_path / "file").exists()
    assert "secret" not in str(failed.value)


def test_the_password_is_on_no_command_line(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, commands = subprocess.run, list[str]()
    monkeypatch.setattr(
        subprocess, "run", lambda words, **options: (commands.extend(words), run(words, **options))[1]
    )

    create_backup(settings, into=tmp_path / "file", now=NOW)

    password = settings.journal_url.get_secret_value().split(":")[2].split("@")[0]
    assert commands
    assert not any(password in word for word in commands)


def test_a_backup_that_the_disk_damaged_is_reported(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(settings, "before")
    verify = backup.verify_archive

    def damaged(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        verify(path)

    monkeypatch.setattr(backup, "verify_archive", damaged)

    with pytest.raises(ArchiveDamaged):
        create_backup(settings, into=tmp_path / "file", now=NOW)
