"""An appended entry is on disk, is read until the journal has it, and survives the process that wrote it."""

import os
from pathlib import Path

import pytest

from carvalue.journal.entries import JournalEntry
from carvalue.journal.outbox import Outbox, OutboxFull
from factories import an_entry
from time_limits import files_of_at_most

LIMIT = 2**20


def an_outbox(folder: Path, **options: int) -> Outbox:
    return Outbox(folder, **({"limit_bytes": LIMIT} | options))


def taken(outbox: Outbox) -> list[JournalEntry]:
    """Everything that waits, as the journal would take it."""
    entries = []
    while chunk := outbox.next_chunk():
        entries += [JournalEntry.from_line(line) for line in chunk.data.splitlines()]
        outbox.mark_forwarded(chunk)
    return entries


def test_an_entry_comes_back_as_it_was(tmp_path: Path) -> None:
    outbox, entry = an_outbox(tmp_path), an_entry(listing={"model": "citroën ds \u2028 ", "year": 2015})

    outbox.append([entry])

    assert taken(outbox) == [entry]
    assert taken(outbox) == []
    outbox.close()


def test_waiting_entries_are_adopted_by_the_next_process(tmp_path: Path) -> None:
    entries = [an_entry(number) for number in range(3)]
    killed, following = an_outbox(tmp_path), an_outbox(tmp_path)
    killed.append(entries)

    following.adopt_segments()
    while_alive = taken(following)
    killed.close()  # what the end of a process does to its locks
    following.adopt_segments()

    assert while_alive == []
    assert taken(following) == entries
    assert list(tmp_path.iterdir()) == []
    following.close()


def test_segments_in_the_folder_of_an_earlier_release_are_adopted_once_its_processes_end(
    tmp_path: Path,
) -> None:
    entries = [an_entry(number) for number in range(3)]
    earlier = Outbox(tmp_path / "earlier", limit_bytes=LIMIT)
    outbox = Outbox(tmp_path / "outbox", earlier_folder=tmp_path / "earlier", limit_bytes=LIMIT)
    outbox.adopt_segments()  # without a folder of an earlier release
    earlier.append(entries[:2])
    outbox.append(entries[2:])
    (tmp_path / "earlier" / "2.records-v9").write_text("newer\n")

    outbox.adopt_segments()
    while_alive = taken(outbox)
    earlier.close()
    outbox.adopt_segments()

    assert while_alive == entries[2:]
    assert taken(outbox) == entries[:2]
    assert outbox.newer_segments == 1
    assert [path.name for path in (tmp_path / "earlier").iterdir()] == ["2.records-v9"]
    outbox.close()


def test_release_0_1_would_not_find_today_s_segments(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    outbox.append([an_entry(1)])

    assert list(tmp_path.glob("*.ndjson")) == []  # it deletes what it cannot read
    outbox.close()


def test_segments_of_a_newer_release_are_left_alone_and_counted(tmp_path: Path) -> None:
    newer = tmp_path / "1.records-v4"
    newer.write_bytes(b"4 of a release to come\n")
    outbox = an_outbox(tmp_path)

    outbox.adopt_segments()

    assert taken(outbox) == []
    assert outbox.newer_segments == 1
    assert newer.read_bytes() == b"4 of a release to come\n"
    outbox.close()


def test_temporary_files_of_a_crash_are_removed_once_they_are_old(tmp_path: Path) -> None:
    old, fresh = tmp_path / "1-7.new", tmp_path / "2-8.new"
    for path in (old, fresh):
        path.touch()
    os.utime(old, (0, 0))
    outbox = an_outbox(tmp_path)

    outbox.adopt_segments()

    assert list(tmp_path.iterdir()) == [fresh]
    outbox.close()


def test_an_incomplete_last_line_is_ignored(tmp_path: Path) -> None:
    whole, torn = an_entry(1).as_line(), an_entry(2).as_line()[:-20]
    (tmp_path / "1.ndjson").write_bytes(whole + torn)
    outbox = an_outbox(tmp_path)
    outbox.adopt_segments()

    first = outbox.next_chunk()
    assert first is not None
    outbox.mark_forwarded(first)
    second = outbox.next_chunk()

    assert first.data == whole
    assert second is not None
    assert second.data == torn
    outbox.close()


def test_segments_rotate_and_are_deleted_once_taken(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path, segment_bytes=1_000)
    entries = [an_entry(number) for number in range(20)]
    for entry in entries:
        outbox.append([entry])
    many = len(list(tmp_path.iterdir()))

    assert taken(outbox) == entries
    assert many == 5
    assert len(list(tmp_path.iterdir())) == 1
    outbox.close()
    assert list(tmp_path.iterdir()) == []


def test_the_limit_holds_until_entries_are_taken(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path, limit_bytes=1_000)
    outbox.append([an_entry(1)])
    outbox.append([an_entry(2)])

    with pytest.raises(OutboxFull):
        outbox.append([an_entry(number) for number in range(3, 8)])

    assert [entry.quote_id for entry in taken(outbox)] == [an_entry(1).quote_id, an_entry(2).quote_id]
    outbox.append([an_entry(3)])
    assert taken(outbox) == [an_entry(3)]
    outbox.close()


def test_the_limit_and_the_quarter_for_batches_are_exact(tmp_path: Path) -> None:
    line = len(an_entry(1).as_line())
    outbox = an_outbox(tmp_path, limit_bytes=4 * line)

    reserved = []
    for number in range(1, 5):
        outbox.append([an_entry(number)])
        reserved.append(outbox.is_reserved_for_single_quotes)

    assert reserved == [False, True, True, True]
    assert outbox.waiting_bytes == 4 * line
    with pytest.raises(
        OutboxFull, match=f"^{4 * line:,} bytes of quotes wait for the journal: no more are kept"
    ):
        outbox.append([an_entry(5)])
    outbox.close()


def test_a_closed_outbox_keeps_only_segments_with_waiting_entries(tmp_path: Path) -> None:
    taken_by_journal, waiting = an_outbox(tmp_path / "taken"), an_outbox(tmp_path / "waiting")
    for outbox in (taken_by_journal, waiting):
        outbox.append([an_entry(1)])
    assert taken(taken_by_journal) == [an_entry(1)]

    for outbox in (taken_by_journal, waiting):
        outbox.close()

    assert list((tmp_path / "taken").iterdir()) == []
    (kept,) = (tmp_path / "waiting").iterdir()
    assert kept.read_bytes() == an_entry(1).as_line()


def test_a_write_cut_short_by_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    outbox = an_outbox(tmp_path)
    outbox.append([an_entry(1)])

    with files_of_at_most(outbox.waiting_bytes + 100), pytest.raises(OSError, match="large"):
        outbox.append([an_entry(2)])
    outbox.append([an_entry(3)])

    assert taken(outbox) == [an_entry(1), an_entry(3)]
    assert all(path.read_bytes().endswith(b"\n") for path in tmp_path.iterdir())
    outbox.close()
