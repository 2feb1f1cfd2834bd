"""The quarantine keeps every record once, on disk, with its reason, until it is removed."""

from errno import EIO
from pathlib import Path
from threading import Thread

import pytest

from carvalue.journal.quarantine import DAMAGED, RECORDS, Quarantine
from time_limits import files_of_at_most


def test_a_record_is_kept_once_and_readable_only_by_its_owner(tmp_path: Path) -> None:
    folder, record = tmp_path / "quarantine", b"\x00\xff \r not text"
    quarantine = Quarantine(folder)

    added = quarantine.add([(record, "why"), (record, "again"), (b"{}", "empty")])
    again = Quarantine(folder).add([(record, "after a crash")])

    assert (added, again, len(quarantine)) == (2, 0, 2)
    assert [(kept.record, kept.reason) for kept in quarantine.records()][1] == (b"{}", "empty")
    assert quarantine.records()[0].record == record
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / RECORDS).stat().st_mode & 0o777 == 0o600


def test_removed_records_are_gone_and_others_stay(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    quarantine.add([(b"%d" % number, "why") for number in range(3)])
    first, *others = quarantine.records()

    assert quarantine.remove({first.id, "unknown"}) == 1
    assert [kept.id for kept in quarantine.records()] == [kept.id for kept in others]
    assert (tmp_path / RECORDS).stat().st_mode & 0o777 == 0o600
    assert len(quarantine) == 2


def test_an_incomplete_line_affects_no_other(tmp_path: Path) -> None:
    Quarantine(tmp_path).add([(b"one", "why")])
    with (tmp_path / RECORDS).open("ab") as file:
        file.write(b'{"quarantined_at": "20')

    Quarantine(tmp_path).add([(b"two", "why")])

    records = Quarantine(tmp_path).records()
    assert [kept.record for kept in records if kept.reason == "why"] == [b"one", b"two"]
    assert [kept.reason for kept in records] == ["why", DAMAGED, "why"]
    assert records[1].quarantined_at.tzinfo is not None
    Quarantine(tmp_path).remove({records[0].id})
    assert [kept.id for kept in Quarantine(tmp_path).records()] == [kept.id for kept in records[1:]]


def test_a_record_that_is_not_base64_is_damaged(tmp_path: Path) -> None:
    line = b'{"record": "b25!l", "reason": "why", "quarantined_at": "2026-11-01T00:00:00+00:00"}'
    (tmp_path / RECORDS).write_bytes(line + b"\n")

    (kept,) = Quarantine(tmp_path).records()

    assert (kept.record, kept.reason) == (line, DAMAGED)


def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path)
    quarantine.add([(b"one", "why")])
    before = (tmp_path / RECORDS).read_bytes()

    with files_of_at_most(len(before) + 50), pytest.raises(OSError, match="large"):
        quarantine.add([(b"two" * 100, "why")])

    assert (tmp_path / RECORDS).read_bytes() == before
    assert len(quarantine) == 1


def test_a_record_whose_file_could_not_be_flushed_is_added_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []

    def fail_once(path: Path) -> None:
        flushed.append(path)
        if len(flushed) == 1:
            raise OSError(EIO, "the disk is broken")

    monkeypatch.setattr("carvalue.journal.quarantine.fsync", fail_once)
    with pytest.raises(OSError, match="broken"):
        Quarantine(tmp_path).add([(b"one", "why")])

    assert Quarantine(tmp_path).add([(b"one", "why")]) == 1
    assert flushed == [tmp_path, tmp_path]


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    def add(first: int) -> None:
        mine = Quarantine(tmp_path)
        for number in range(first, first + 20):
            mine.add([(b"%d" % number, "why")])

    threads = [Thread(target=add, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {int(kept.record) for kept in Quarantine(tmp_path).records()} == set(range(40))
