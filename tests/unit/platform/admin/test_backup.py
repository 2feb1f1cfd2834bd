"""A backup is consistent while services run; damaged backups are rejected; nothing is replaced silently."""

import io
import json
import sqlite3
import tarfile
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from threading import Event, Thread

import pytest

from carvalue.journal.entries import JournalEntry
from carvalue.journal.forwarder import Forwarder
from carvalue.journal.outbox import Outbox
from carvalue.journal.quarantine import Quarantine
from carvalue.journal.store import Journal
from carvalue.platform.admin.archive import ArchiveDamaged
from carvalue.platform.admin.backup import NothingToBackUp, WouldOverwrite, create_backup, restore_backup
from carvalue.settings import Settings
from carvalue.telemetry.metrics import ServiceMetrics
from factories import an_entry

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    state = tmp_path / "var"
    for name in ("mlflow/artifacts/bundle/forest.ubj", "storage/promotions.ndjson", "logs/mlflow.log"):
        (state / name).parent.mkdir(parents=True, exist_ok=True)
        (state / name).write_text(name)
    (state / "airflow").mkdir()
    (state / "airflow" / "passwords.json").write_text("{}")
    (state / "airflow" / "airflow.cfg").touch(mode=0o600)
    journal = Journal(f"sqlite:///{state}/service/journal.db")
    journal.write([an_entry(1)])
    journal.close()
    return Settings(state_dir=state)


def elsewhere(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path / "other" / "var")


def files(state: Path) -> set[str]:
    return {path.relative_to(state).as_posix() for path in state.rglob("*") if path.is_file()}


def test_a_backup_restores_state_and_skips_files_that_can_be_rebuilt(
    settings: Settings, tmp_path: Path
) -> None:
    kept = create_backup(settings, into=tmp_path / "file", now=NOW)
    contents = restore_backup(elsewhere(tmp_path), source=tmp_path / "file")

    state = elsewhere(tmp_path).state_dir
    assert files(state) - {"storage/datasets/.lock"} == {
        "airflow/airflow.cfg",
        "mlflow/artifacts/bundle/forest.ubj",
        "service/journal.db",
        "storage/promotions.ndjson",
    }
    assert (state / "storage/promotions.ndjson").read_text() == "storage/promotions.ndjson"
    assert (state / "airflow/airflow.cfg").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert Journal(f"sqlite:///{state}/service/journal.db").after("", until=LATER, limit=9) == [an_entry(1)]
    assert kept.left_out == ()
    assert contents.facts["made_at"] == NOW.isoformat()


def test_state_outside_the_folder_is_reported(settings: Settings, tmp_path: Path) -> None:
    away = Settings(
        state_dir=settings.state_dir,
        journal_url=f"sqlite:///{tmp_path}/journal.db",
        mlflow_tracking_uri="https://mlflow.example",
    )

    kept = create_backup(away, into=tmp_path / "file", now=NOW)

    assert ["JOURNAL_URL" in line for line in kept.left_out] == [True, False]
    assert "https://mlflow.example" in kept.left_out[1]
    assert "MLFLOW_BACKEND_STORE_URI" in kept.left_out[1]


def test_every_quote_that_was_on_disk_is_in_a_backup_made_while_quotes_come(
    settings: Settings, tmp_path: Path
) -> None:
    """Quotes go through outbox and journal as in the service; each is either in the one or the other."""
    state, stop, numbers = settings.state_dir, Event(), count(2)
    on_disk: list[str] = []
    outbox = Outbox(state / "service" / "outbox", limit_bytes=2**30, segment_bytes=2_000)
    journal = Journal(settings.journal_url.get_secret_value())
    replay = Forwarder(
        outbox=outbox, journal=journal, quarantine=Quarantine(state / "quarantine"), metrics=ServiceMetrics()
    )

    def quote() -> None:
        while not stop.is_set():
            entry = an_entry(next(numbers))
            outbox.append([entry])
            on_disk.append(entry.quote_id)

    def pass_on() -> None:
        while not stop.is_set():
            replay.forward()

    threads = [Thread(target=quote), Thread(target=pass_on)]
    for thread in threads:
        thread.start()
    backups: list[tuple[Path, set[str]]] = []
    try:
        for number in range(8):
            before = set(on_disk)
            create_backup(settings, into=tmp_path / f"file{number}", now=NOW)
            backups.append((tmp_path / f"file{number}", before))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        outbox.close()
        journal.close()

    for file, before in backups:
        restore_backup(elsewhere(tmp_path), source=file, overwrite=True)
        assert before <= quotes_of(elsewhere(tmp_path).state_dir)


@pytest.mark.parametrize("folder", ["outbox", "spool"])
def test_waiting_quotes_are_restored_into_their_folder(
    settings: Settings, tmp_path: Path, folder: str
) -> None:
    """Release 0.1 called the outbox `spool`, so this is also what its backups hold."""
    segment = Path("service") / folder / "00000000000000000001-9.ndjson"
    (settings.state_dir / segment).parent.mkdir()
    (settings.state_dir / segment).write_bytes(an_entry(2).as_line())

    create_backup(settings, into=tmp_path / "file", now=NOW)
    restore_backup(elsewhere(tmp_path), source=tmp_path / "file")

    assert (elsewhere(tmp_path).state_dir / segment).read_bytes() == an_entry(2).as_line()


def quotes_of(state: Path) -> set[str]:
    with closing(sqlite3.connect(state / "service" / "journal.db")) as journal:
        journaled = {str(row[0]) for row in journal.execute("select quote_id from quotes")}
    waiting = [path.read_bytes() for path in state.glob("service/outbox/*")]
    whole_lines = [line for data in waiting for line in data.split(b"\n")[:-1]]
    return journaled | {JournalEntry.from_line(line).quote_id for line in whole_lines}


def test_existing_state_is_not_replaced_without_an_option(settings: Settings, tmp_path: Path) -> None:
    create_backup(settings, into=tmp_path / "file", now=NOW)

    with pytest.raises(WouldOverwrite, match="file exists"):
        create_backup(settings, into=tmp_path / "file", now=NOW)
    with pytest.raises(WouldOverwrite, match="airflow, mlflow, service, storage"):
        restore_backup(settings, source=tmp_path / "file")

    (settings.state_dir / "storage" / "promotions.ndjson").write_text("changed since")
    (settings.state_dir / "watcher").mkdir()
    restore_backup(settings, source=tmp_path / "file", overwrite=True)
    assert (settings.state_dir / "storage/promotions.ndjson").read_text() == "storage/promotions.ndjson"
    assert not (settings.state_dir / "watcher").exists()
    assert (settings.state_dir / "logs" / "mlflow.log").exists()


def test_an_incomplete_backup_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "file"
    create_backup(settings, into=file, now=NOW)
    whole, before = file.read_bytes(), files(settings.state_dir)
    one_bit = whole.replace(b"storage/promotions.ndjson" + bytes(7), b"storage/promotionS.ndjson" + bytes(7))
    place = whole.rindex(b"storage/promotions.ndjson\0")
    content = whole[: place + 512] + b"S" + whole[place + 513 :]

    for damaged in (whole[: len(whole) // 2], one_bit, content, b"", b"no archive at all"):
        file.write_bytes(damaged)
        with pytest.raises(ArchiveDamaged):
            restore_backup(settings, source=file, overwrite=True)

    assert files(settings.state_dir) == before


@pytest.mark.parametrize("name", ["../outside", "/outside", "mlflow/../../outside"])
def test_nothing_is_restored_outside_the_state(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside").write_text("x")
    listed = tmp_path / "contents.json"
    listed.write_text(json.dumps({"facts": {"made_at": "now"}, "files": {name: ""}}))
    with tarfile.open(tmp_path / "file", "w") as tar:
        tar.add(tmp_path / "outside", arcname=name)
        tar.add(listed, arcname=listed.name)
    (tmp_path / "outside").unlink()

    with pytest.raises(ArchiveDamaged):
        restore_backup(elsewhere(tmp_path), source=tmp_path / "file")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", ["symlink", "hard link", "sparse", "device", "folder"])
def test_only_plain_files_are_restored(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "secret"
    target.write_text("secret")
    member = tarfile.TarInfo("mlflow/mlflow.db")
    member.type = {
        "symlink": tarfile.SYMTYPE,
        "hard link": tarfile.LNKTYPE,
        "sparse": tarfile.GNUTYPE_SPARSE,
        "device": tarfile.CHRTYPE,
        "folder": tarfile.DIRTYPE,
    }[kind]
    member.linkname = "contents.json" if kind in {"symlink", "hard link"} else ""
    content = json.dumps({"facts": {}, "files": {member.name: ""}}).encode()
    listed = tarfile.TarInfo("contents.json")
    listed.size = len(content)
    with tarfile.open(tmp_path / "file", "w") as tar:
        tar.addfile(listed, io.BytesIO(content))
        tar.addfile(member)

    with pytest.raises(ArchiveDamaged, match=r"special file|truncated"):
        restore_backup(elsewhere(tmp_path), source=tmp_path / "file")

    assert not (elsewhere(tmp_path).state_dir / "mlflow").exists()


def test_restored_files_are_readable_only_by_their_owner(settings: Settings, tmp_path: Path) -> None:
    create_backup(settings, into=tmp_path / "file", now=NOW)

    restored = elsewhere(tmp_path)
    restore_backup(restored, source=tmp_path / "file")

    assert restored.state_dir.stat().st_mode & 0o777 == 0o700
    assert not [
        path for path in restored.state_dir.rglob("*") if path.is_file() and path.stat().st_mode & 0o077
    ]


def test_an_empty_state_is_reported(tmp_path: Path) -> None:
    with pytest.raises(NothingToBackUp, match="STATE_DIR"):
        create_backup(Settings(state_dir=tmp_path / "var"), into=tmp_path / "file", now=NOW)
    assert not (tmp_path / "file").exists()
