"""Entries of the outbox reach the journal when it is available; those that never can go to the quarantine."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import pytest

from carvalue.journal.entries import JournalEntry
from carvalue.journal.forwarder import (
    FORWARD_EVERY_S,
    RETRY_S,
    Forwarder,
    forward_forever,
    replay_quarantine,
)
from carvalue.journal.framing import frame
from carvalue.journal.outbox import Outbox
from carvalue.journal.quarantine import Quarantine
from carvalue.journal.store import EntriesRefused, Journal, JournalCursor, JournalUnavailable
from carvalue.telemetry.metrics import ServiceMetrics
from factories import an_entry


class FakeJournal:
    """A journal in memory: up or down, and it takes no entry with a price of a dollar."""

    def __init__(self) -> None:
        self.stored: dict[str, JournalEntry] = {}
        self.is_down = False

    def write(self, entries: list[JournalEntry], *, validated: bool = False) -> None:
        if self.is_down:
            raise JournalUnavailable("Down.")
        if any(entry.price == 1 for entry in entries):
            raise EntriesRefused("Too cheap.")
        self.stored |= {entry.quote_id: entry for entry in entries}


class ForwarderSetup:
    """An outbox, a journal, and a clock ten seconds after the first entry."""

    def __init__(self, folder: Path) -> None:
        self.outbox, self.journal, self.metrics = (
            Outbox(folder, limit_bytes=2**20),
            FakeJournal(),
            ServiceMetrics(),
        )
        self.quarantine = Quarantine(folder.with_name("quarantine"))
        at = an_entry().quoted_at.timestamp() + 10
        self.replay = Forwarder(
            outbox=self.outbox,
            journal=self.journal,
            quarantine=self.quarantine,
            metrics=self.metrics,
            clock=lambda: at,
        )

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def test_an_outage_is_survived_and_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    setup = ForwarderSetup(tmp_path)
    assert setup.replay.journal_state == "not tried yet"
    assert setup.replay.quarantined_records == 0
    setup.journal.is_down = True
    setup.outbox.append([an_entry(0), an_entry(1)])

    for _ in range(2):  # it is logged once
        setup.replay.forward()
    down = {
        name: setup.metric(f"carvalue_{name}")
        for name in ("journal_up", "journal_lag_seconds", "outbox_bytes")
    }
    state = setup.replay.journal_state
    setup.journal.is_down = False
    setup.replay.forward()

    assert state == "down"
    assert down == {
        "journal_up": 0,
        "journal_lag_seconds": 10,
        "outbox_bytes": 2 * len(an_entry(0).as_line()),
    }
    assert list(setup.journal.stored.values()) == [an_entry(0), an_entry(1)]
    assert setup.replay.journal_state == "up"
    assert setup.metric("carvalue_journal_lag_seconds") == setup.metric("carvalue_outbox_bytes") == 0
    assert setup.metric("carvalue_journal_writes_total") == 2
    assert setup.metric("carvalue_journal_up") == 1
    down_log, up_log = caplog.records
    assert (down_log.levelname, down_log.__dict__["state"]) == ("WARNING", "down")
    assert down_log.__dict__["because"].startswith("Down.")
    assert (up_log.levelname, up_log.__dict__["state"]) == ("INFO", "up")
    setup.outbox.close()


def test_a_service_without_requests_reports_no_outage(tmp_path: Path) -> None:
    setup = ForwarderSetup(tmp_path)

    setup.replay.forward()

    assert setup.metric("carvalue_journal_up") == 1
    setup.outbox.close()


def test_a_refused_entry_does_not_delay_the_others(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    setup = ForwarderSetup(tmp_path)
    setup.outbox.append([an_entry(0), an_entry(1, price=1), an_entry(2)])

    setup.replay.forward()

    assert list(setup.journal.stored.values()) == [an_entry(0), an_entry(2)]
    assert setup.metric("carvalue_quarantined_records") == 1
    (kept,) = setup.quarantine.records()
    assert JournalEntry.from_line(kept.record) == an_entry(1, price=1)
    assert kept.reason == "the journal rejects it: Too cheap."
    assert caplog.records[-1].__dict__["reasons"] == [kept.reason]
    setup.outbox.close()


@pytest.mark.parametrize(("tail", "quarantined"), [(b'{"quote_id": "0', 0), (b"3\xff\x00", 1), (b"xyz", 1)])
def test_a_last_line_is_cut_off_if_it_begins_like_a_line_and_is_printable(
    tmp_path: Path, tail: bytes, quarantined: int
) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    (folder / "1.ndjson").write_bytes(an_entry(1).as_line() + tail)
    setup = ForwarderSetup(folder)

    setup.replay.forward()

    assert list(setup.journal.stored.values()) == [an_entry(1)]
    assert setup.metric("carvalue_journal_quarantined_total") == quarantined
    setup.outbox.close()


def test_a_damaged_line_is_counted_and_a_torn_one_is_not(tmp_path: Path) -> None:
    torn = an_entry(3).as_line()[:-5]
    lines = [an_entry(1).as_line(), b"\xff\x00 garbage\n", b"[1]\n", b"{}\n", an_entry(2).as_line(), torn]
    folder = tmp_path / "outbox"
    folder.mkdir()
    (folder / "1.ndjson").write_bytes(b"".join(lines))
    setup = ForwarderSetup(folder)

    setup.replay.forward()

    assert list(setup.journal.stored.values()) == [an_entry(1), an_entry(2)]
    assert setup.metric("carvalue_journal_quarantined_total") == 3
    assert {kept.record + b"\n" for kept in setup.quarantine.records()} == set(lines[1:4])
    assert list(folder.iterdir()) == []
    setup.outbox.close()


def first_release(**changes: object) -> bytes:
    """A line as release 0.1 wrote it: JSON alone, without a client."""
    values = an_entry(7).as_row() | {"quoted_at": an_entry(7).quoted_at.isoformat()}
    del values["client"]
    return json.dumps(values | changes).encode()


WHOLE = an_entry(7).as_line()[:-1]
UNREADABLE = {
    "flipped bit": WHOLE.replace(b"22450", b"22451"),
    "newer version": b"4" + WHOLE[1:],
    "deep nesting": b'{"listing":' + b"[" * 100_000,
    "nothing but brackets": b"[" * 100_000,
    "huge integer": first_release(price=2**70),
    "thousands of digits": b'{"price":' + b"9" * 5_000 + b"}",
    "lone surrogate": first_release(listing={"model": "\ud800"}),
    "year 1": first_release(quoted_at="0001-01-01T00:00:00+00:00"),
    "no time zone": first_release(quoted_at="2021-05-04T12:00:00"),
    "price is an object": first_release(price={"amount": 3}),
    "price is a text": first_release(price="abc"),
    "infinite price": first_release(price=0).replace(b'"price": 0', b'"price": 1e999'),
    "not a number": first_release(price=float("nan")),
    "unknown field": frame(first_release(currency="USD"))[:-1],
    "not UTF-8": b'{"price":"\xff"}',
    "not UTF-8, with a checksum": frame(b'{"quote_id":"\xff"}')[:-1],
    "NUL block": b"\0" * 300_000,
    "carriage return": WHOLE[:60] + b"\r" + WHOLE[60:],
}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "the line does not begin with a format version and a checksum"),
        (frame(b"[1]")[:-1], "the line does not hold a JSON object"),
        (b"4" + WHOLE[1:], "format version 4 is newer than 3, which this release reads"),
        (WHOLE.replace(b"22450", b"22451"), "the checksum does not match: the line is damaged"),
        (first_release(price=-5), "price"),
    ],
)
def test_the_quarantine_says_why_a_line_is_unreadable(tmp_path: Path, line: bytes, reason: str) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    (folder / "1.ndjson").write_bytes(line + b"\n")
    setup = ForwarderSetup(folder)

    setup.replay.forward()

    (kept,) = setup.quarantine.records()
    assert reason in kept.reason
    setup.outbox.close()


def test_an_error_of_the_journal_that_may_quote_a_value_is_named_by_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = ForwarderSetup(tmp_path / "outbox")

    def refuse(entries: list[JournalEntry], *, validated: bool) -> None:
        assert validated
        raise ValueError(entries[0].price)

    monkeypatch.setattr(setup.journal, "write", refuse)
    setup.outbox.append([an_entry(0), an_entry(1)])

    setup.replay.forward()

    assert [kept.reason for kept in setup.quarantine.records()] == ["the journal rejects it: ValueError"] * 2
    setup.outbox.close()


@pytest.mark.parametrize("line", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("end", [b"\n", b""])
def test_an_unreadable_line_is_quarantined_and_those_behind_it_pass(
    tmp_path: Path, line: bytes, end: bytes
) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    good = [an_entry(number) for number in range(3)]
    (folder / "1.records-v2").write_bytes(
        line + b"\n" + b"".join(entry.as_line() for entry in good) + (line if not end else b"")
    )
    setup = ForwarderSetup(folder)
    setup.outbox.append([an_entry(4)])

    setup.replay.forward()

    assert list(setup.journal.stored.values()) == [*good, an_entry(4)]
    (kept,) = setup.quarantine.records()
    assert kept.record == line
    assert setup.replay.journal_state == "up"
    assert setup.replay.quarantined_records == 1
    assert not (folder / "1.records-v2").exists()
    setup.outbox.close()


def test_lines_and_segments_of_the_format_before_are_read(tmp_path: Path) -> None:
    payload = an_entry(1).as_line().split(b" ", 2)[2].removesuffix(b"\n")
    payload = payload.replace(b',"calibrated_low":null,"calibrated_high":null', b"")
    (tmp_path / "1.records-v2").write_bytes(b"2 %08x %b\n" % (crc32(payload), payload))
    setup = ForwarderSetup(tmp_path)

    setup.replay.forward()

    assert b"calibrated" not in payload
    assert list(setup.journal.stored.values()) == [an_entry(1)]
    setup.outbox.close()


def test_lines_of_release_0_1_are_read(tmp_path: Path) -> None:
    (tmp_path / "1.ndjson").write_bytes(first_release() + b"\n")
    setup = ForwarderSetup(tmp_path)

    setup.replay.forward()

    assert list(setup.journal.stored.values()) == [an_entry(7)]
    setup.outbox.close()


def test_a_segment_stays_until_its_bad_lines_are_in_the_quarantine(tmp_path: Path) -> None:
    folder = tmp_path / "outbox"
    folder.mkdir()
    (folder / "1.ndjson").write_bytes(b"{}\n" + an_entry(1).as_line())
    setup = ForwarderSetup(folder)
    (tmp_path / "quarantine").write_text("a file where the folder should be, as on a broken disk")

    setup.replay.forward()

    assert setup.replay.journal_state == "down"
    assert (folder / "1.ndjson").exists()
    (tmp_path / "quarantine").unlink()
    setup.replay.forward()
    assert len(setup.quarantine) == 1
    assert not (folder / "1.ndjson").exists()
    setup.outbox.close()


def test_an_unexpected_error_shows_the_journal_as_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    setup = ForwarderSetup(tmp_path)
    setup.outbox.append([an_entry(1)])
    setup.replay.forward()

    def broken() -> None:
        raise MemoryError

    monkeypatch.setattr(setup.outbox, "next_chunk", broken)
    with pytest.raises(MemoryError):
        setup.replay.forward()

    assert setup.replay.journal_state == "down"
    assert caplog.records[-1].__dict__["because"] == "MemoryError"
    setup.outbox.close()


def test_a_replay_stores_what_has_become_readable(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "quarantine")
    quarantine.add([(WHOLE, "format version 2 is newer"), (b"{}", "quote_id is missing")])
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")

    result = replay_quarantine(quarantine, journal)

    assert (result.stored, result.remaining) == (1, 1)
    assert journal.arrived(JournalCursor(), until=datetime.max.replace(tzinfo=UTC), limit=9).entries == [
        an_entry(7)
    ]
    assert [kept.record for kept in quarantine.records()] == [b"{}"]


def test_a_replay_leaves_what_the_journal_still_refuses(tmp_path: Path) -> None:
    quarantine, journal = Quarantine(tmp_path / "quarantine"), FakeJournal()
    refused = an_entry(1, price=1).as_line()[:-1]
    quarantine.add([(refused, "refused"), (WHOLE, "refused")])

    result = replay_quarantine(quarantine, journal)

    assert (result.stored, result.remaining) == (1, 1)
    assert list(journal.stored.values()) == [an_entry(7)]
    assert [kept.record for kept in quarantine.records()] == [refused]


def test_the_limit_is_exported_with_the_waiting_bytes(tmp_path: Path) -> None:
    assert ForwarderSetup(tmp_path).metric("carvalue_outbox_limit_bytes") == 2**20


def test_the_lag_of_a_clock_that_is_behind_is_zero(tmp_path: Path) -> None:
    setup = ForwarderSetup(tmp_path)
    setup.journal.is_down = True
    setup.outbox.append([an_entry(60), an_entry(0)])  # the first one is from 50 s after the clock's time

    setup.replay.forward()

    assert setup.replay.lag_s() == 0
    setup.outbox.close()


def test_nothing_is_forwarded_after_the_time_is_up(tmp_path: Path) -> None:
    setup = ForwarderSetup(tmp_path)
    setup.outbox.append([an_entry(1)])

    setup.replay.forward(within_s=0)

    assert setup.journal.stored == {}
    assert setup.outbox.waiting_bytes > 0
    setup.outbox.close()


def test_a_down_journal_is_asked_less_often_and_an_error_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup, pauses = ForwarderSetup(tmp_path), list[float]()
    setup.outbox.append([an_entry(1)])

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        setup.journal.is_down = len(pauses) == 1
        if len(pauses) == 2:
            monkeypatch.setattr(setup.outbox, "next_chunk", None)  # an error that nobody expects
        if len(pauses) == 4:
            raise asyncio.CancelledError

    monkeypatch.setattr("carvalue.journal.forwarder.asyncio.sleep", sleep)
    monkeypatch.setattr(setup.journal, "is_down", False)
    setup.outbox.append([an_entry(2)])

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(forward_forever(setup.replay))

    assert pauses[0] == FORWARD_EVERY_S
    assert pauses[2:] == [RETRY_S, RETRY_S]
    assert list(setup.journal.stored.values()) == [an_entry(1), an_entry(2)]
    setup.outbox.close()
