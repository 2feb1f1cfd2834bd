"""Folders in a bucket: all changes or none, on several machines, behind the interface of a local folder."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import boto3
import pytest

from buckets import fake_s3, new_bucket
from carvalue.files import (
    Bucket,
    StorageDamaged,
    StorageUnavailable,
    StoredCopy,
    StoredFolder,
    open_folder,
)
from carvalue.files.storage import bucket
from carvalue.settings import StateSettings

Open = Callable[[str], StoredFolder]
"""Opens the folder on a machine with this name."""


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with fake_s3() as address:
        yield address


@pytest.fixture
def in_bucket(s3: str, tmp_path: Path) -> Iterator[Open]:
    with new_bucket(tmp_path.name, address=s3):
        yield lambda machine: open_folder(
            StateSettings(state_dir=tmp_path / machine, storage_url=f"s3://{tmp_path.name}/cars"),
            "work/training",
        )


@pytest.fixture(params=["file", "s3"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    if request.param == "s3":
        found: Open = request.getfixturevalue("in_bucket")
        return found
    settings = StateSettings(storage_url=f"file://{tmp_path}")
    return lambda machine: open_folder(settings, "work")


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }


def write(stored: StoredFolder, **contents: str) -> None:
    with stored.updated() as folder:
        for name, content in contents.items():
            (folder / "part").mkdir(exist_ok=True)
            (folder / "part" / name).write_text(content)


def test_another_machine_reads_what_one_wrote(opened: Open) -> None:
    write(opened("a"), rows="1", card="x")
    with opened("b").updated() as folder:
        (folder / "part" / "rows").write_text("2")
        (folder / "part" / "card").unlink()

    assert files(opened("a").read()) == {"part/rows": "2"}
    assert files(opened("c").read()) == {"part/rows": "2"}


def test_nothing_of_a_failed_block_is_stored_or_kept(in_bucket: Open) -> None:
    write(in_bucket("a"), rows="1")

    with suppress(RuntimeError), in_bucket("a").updated() as folder:
        (folder / "part" / "rows").write_text("2")
        (folder / "half").write_text("written")
        raise RuntimeError

    assert files(in_bucket("b").read()) == {"part/rows": "1"}
    assert files(in_bucket("a").read()) == {"part/rows": "1"}


def test_changes_of_two_machines_at_once_are_both_kept(in_bucket: Open) -> None:
    write(in_bucket("a"), rows="1", old="1")

    with in_bucket("a").updated() as folder:
        (folder / "part" / "old").unlink()
        write(in_bucket("b"), rows="2", new="2")
        (folder / "mine").write_text("a")

    expected = {"part/rows": "2", "part/new": "2", "mine": "a"}
    assert files(in_bucket("a").read()) == expected
    assert files(in_bucket("c").read()) == expected


def test_a_machine_that_dies_before_the_index_leaves_the_files_as_they_were(
    in_bucket: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(in_bucket("a"), rows="1")

    with monkeypatch.context() as context:
        context.setattr(Bucket, "replace", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write(in_bucket("a"), rows="2", more="2")

    assert files(in_bucket("b").read()) == {"part/rows": "1"}
    assert files(in_bucket("a").read()) == {"part/rows": "1"}


def test_unchanged_files_are_not_copied_again(in_bucket: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    write(in_bucket("a"), rows="1", card="x")
    in_bucket("b").read()
    copied: list[str] = []
    upload, download = Bucket.upload, Bucket.download
    monkeypatch.setattr(
        Bucket, "upload", lambda self, path, key: (copied.append(path.name), upload(self, path, key))
    )
    monkeypatch.setattr(
        Bucket, "download", lambda self, key, path: (copied.append(key[-4:]), download(self, key, path))
    )

    write(in_bucket("b"), rows="2")
    in_bucket("a").read()

    assert copied == ["rows", "rows"]


def test_a_damaged_object_is_refused(in_bucket: Open, tmp_path: Path) -> None:
    write(in_bucket("a"), rows="1")
    client = boto3.client("s3")
    (key,) = (
        item["Key"]
        for item in client.list_objects_v2(Bucket=tmp_path.name)["Contents"]
        if item["Key"].endswith("rows")
    )
    client.put_object(Bucket=tmp_path.name, Key=key, Body=b"7")

    with pytest.raises(StorageDamaged):
        in_bucket("b").read()

    assert files(in_bucket("a").read()) == {"part/rows": "1"}  # this machine's copy is whole


def test_replaced_objects_are_deleted_after_a_day(
    in_bucket: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(in_bucket("a"), rows="1")
    write(in_bucket("a"), rows="2")
    client = boto3.client("s3")

    def objects() -> int:
        return client.list_objects_v2(Bucket=tmp_path.name, Prefix="cars/work/training/objects/")["KeyCount"]

    assert objects() == 2
    monkeypatch.setattr(bucket, "UNUSED_AFTER", timedelta(seconds=-5))
    write(in_bucket("a"), card="x")

    assert objects() == 2  # the present rows and the card
    assert files(in_bucket("b").read()) == {"part/rows": "2", "part/card": "x"}


def test_a_bucket_that_is_not_there_is_reported(in_bucket: Open, tmp_path: Path) -> None:
    elsewhere = StateSettings(state_dir=tmp_path, storage_url="s3://no-such-bucket")
    stored = open_folder(elsewhere, "work")

    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        stored.read()


@pytest.fixture
def copied(opened: Open, tmp_path: Path) -> Callable[[str], StoredCopy]:
    """Open the copy of a machine's database and request."""
    return lambda machine: StoredCopy(
        tmp_path / "disks" / machine, names=["alerts.db", "request.json"], stored=opened(machine)
    )


def rows(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [row[0] for row in database.execute("select * from alerts")]


def test_an_empty_disk_gets_the_files_that_another_machine_saved(
    copied: Callable[[str], StoredCopy], tmp_path: Path
) -> None:
    disk, other = tmp_path / "disks" / "a", tmp_path / "disks" / "b"
    disk.mkdir(parents=True)
    (disk / "request.json").write_text("{}")
    with closing(sqlite3.connect(disk / "alerts.db", isolation_level=None)) as database:
        database.execute("create table alerts (id)")
        database.execute("insert into alerts values (1)")
        database.execute("begin")
        database.execute("insert into alerts values (2)")  # not committed
        copied("a").save()

    copied("b").restore(copied("b").fetch())

    assert rows(other / "alerts.db") == [1]
    assert (other / "request.json").read_text() == "{}"


def test_a_disk_keeps_what_is_newer_than_its_own_copy(
    copied: Callable[[str], StoredCopy], tmp_path: Path
) -> None:
    request = tmp_path / "disks" / "a" / "request.json"
    request.parent.mkdir(parents=True)
    request.write_text("saved")
    copied("a").save()
    request.write_text("written while the storage was away")

    copied("a").restore(copied("a").fetch())
    assert request.read_text() == "written while the storage was away"
    assert copied("a").save()

    copied("b").restore(copied("b").fetch())
    (tmp_path / "disks" / "b" / "request.json").write_text("of another machine")
    copied("b").save()
    copied("a").restore(copied("a").fetch())
    assert request.read_text() == "of another machine"


def test_a_restored_database_does_not_get_the_journal_of_the_one_before(
    copied: Callable[[str], StoredCopy], tmp_path: Path
) -> None:
    for machine, row in (("a", 1), ("b", 2)):
        (tmp_path / "disks" / machine).mkdir(parents=True)
        with closing(sqlite3.connect(tmp_path / "disks" / machine / "alerts.db")) as database, database:
            database.execute("create table alerts (id)")
            database.execute("insert into alerts values (?)", [row])
    journal = tmp_path / "disks" / "b" / "alerts.db-journal"
    journal.write_bytes(b"left by a crash")
    copied("a").save()

    copied("b").restore(copied("b").fetch())

    assert rows(tmp_path / "disks" / "b" / "alerts.db") == [1]
    assert not journal.exists()


def test_a_copy_that_cannot_be_stored_is_stored_by_the_next_call(in_bucket: Open, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "request.json").write_text("{}")
    copy = StoredCopy(tmp_path / "disk", names=["request.json"], stored=in_bucket("a"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bucket, "replace", unavailable)
        with pytest.raises(StorageUnavailable):
            copy.save()

    assert copy.save()
    assert not copy.save()


def unavailable(*_: object, **__: object) -> bool:
    raise StorageUnavailable("The bucket does not answer.")
