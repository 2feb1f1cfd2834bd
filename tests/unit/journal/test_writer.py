"""Quotes that wait together share one write; an outbox that fails stops no response."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, current_thread

import pytest

from carvalue.journal.entries import JournalEntry
from carvalue.journal.outbox import Outbox
from carvalue.journal.store import JournalUnavailable
from carvalue.journal.writer import JournalWriter
from carvalue.telemetry.metrics import ServiceMetrics
from factories import an_entry


class SlowOutbox(Outbox):
    """An outbox whose disk waits for an event, and that records the entries of each flush."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, limit_bytes=2**20)
        self.groups: list[int] = []
        self.go_on = Event()
        self.fault: Exception | None = None

    def append(self, entries: Sequence[JournalEntry]) -> None:
        self.groups.append(len(entries))
        assert self.go_on.wait(timeout=10)
        if self.fault:
            raise self.fault
        super().append(entries)


@dataclass
class FakeJournal:
    """A journal in memory, available or not."""

    is_away: bool = False
    asked: int = 0
    written: list[JournalEntry] = field(default_factory=list)

    def write(self, entries: list[JournalEntry], *, validated: bool = False) -> None:
        self.asked += 1
        if self.is_away:
            raise JournalUnavailable("The journal is away.")
        self.written += entries


async def recorded(recorder: JournalWriter, entries: Sequence[JournalEntry]) -> bool:
    return await recorder.record(entries)


async def record_ten(outbox: SlowOutbox, recorder: JournalWriter) -> None:
    first = asyncio.ensure_future(recorder.record([an_entry(0)]))
    while not outbox.groups:
        await asyncio.sleep(0)
    others = [asyncio.ensure_future(recorder.record([an_entry(number)])) for number in range(1, 10)]
    await asyncio.sleep(0)
    others[0].cancel()  # a client that goes away holds up nobody
    assert not first.done()

    outbox.go_on.set()
    await asyncio.gather(first, *others[1:])

    assert outbox.groups == [1, 9]
    assert others[0].cancelled()


def test_waiting_entries_share_one_flush(tmp_path: Path) -> None:
    outbox = SlowOutbox(tmp_path)
    recorder = JournalWriter(outbox=outbox, journal=FakeJournal(), metrics=ServiceMetrics())

    asyncio.run(record_ten(outbox, recorder))

    assert outbox.waiting_bytes == sum(len(an_entry(number).as_line()) for number in range(10))
    recorder.close()
    outbox.close()


def a_file_in_its_place(folder: Path) -> Outbox:
    folder.write_text("a file where the folder should be")
    return Outbox(folder, limit_bytes=2**20)


def test_with_a_failing_disk_quotes_go_directly_to_the_journal(tmp_path: Path) -> None:
    journal, metrics = FakeJournal(), ServiceMetrics()
    recorder = JournalWriter(
        outbox=a_file_in_its_place(tmp_path / "outbox"), journal=journal, metrics=metrics
    )

    assert asyncio.run(recorded(recorder, [an_entry(0), an_entry(1)]))

    assert journal.written == [an_entry(0), an_entry(1)]
    assert recorder.trouble == "disk"
    assert metrics.registry.get_sample_value("carvalue_outbox_up") == 0
    assert metrics.registry.get_sample_value("carvalue_journal_dropped_total", {"reason": "disk"}) == 0
    (tmp_path / "outbox").unlink()
    asyncio.run(recorded(recorder, [an_entry(2)]))
    assert recorder.trouble is None
    assert metrics.registry.get_sample_value("carvalue_outbox_up") == 1
    assert len(journal.written) == 2
    recorder.close()


def test_quotes_that_neither_disk_nor_journal_accept_are_dropped_and_counted(tmp_path: Path) -> None:
    journal, metrics = FakeJournal(is_away=True), ServiceMetrics()
    recorder = JournalWriter(
        outbox=a_file_in_its_place(tmp_path / "outbox"), journal=journal, metrics=metrics
    )

    for number in range(3):
        assert not asyncio.run(recorded(recorder, [an_entry(number)]))

    assert metrics.registry.get_sample_value("carvalue_journal_dropped_total", {"reason": "disk"}) == 3
    assert journal.asked == 1  # each time would hold up the answers
    recorder.close()


def test_a_full_outbox_drops_quotes_and_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal, metrics = FakeJournal(), ServiceMetrics()
    recorder = JournalWriter(outbox=Outbox(tmp_path, limit_bytes=1), journal=journal, metrics=metrics)
    assert metrics.registry.get_sample_value("carvalue_outbox_up") == 1

    for number in range(2):
        assert not asyncio.run(recorded(recorder, [an_entry(number)]))

    assert recorder.trouble == "outbox full"
    assert metrics.registry.get_sample_value("carvalue_outbox_up") == 0
    assert metrics.registry.get_sample_value("carvalue_journal_dropped_total", {"reason": "outbox full"}) == 2
    assert journal.asked == 0
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.__dict__["reason"] == "outbox full"
    assert "no more are kept" in record.__dict__["because"]
    recorder.close()


def test_an_error_affects_its_own_request_only(tmp_path: Path) -> None:
    outbox = SlowOutbox(tmp_path)
    recorder = JournalWriter(outbox=outbox, journal=FakeJournal(), metrics=ServiceMetrics())
    outbox.go_on.set()
    outbox.fault = RuntimeError("a fault of ours")
    with pytest.raises(RuntimeError):
        asyncio.run(recorded(recorder, [an_entry(0)]))

    outbox.fault = None
    asyncio.run(recorded(recorder, [an_entry(1)]))

    assert outbox.waiting_bytes == len(an_entry(1).as_line())
    recorder.close()
    outbox.close()


class DiskOfTwoSpeeds(Outbox):
    """An outbox whose writes take a given time on a clock of its own, and that records who writes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, limit_bytes=2**20)
        self.now, self.write_s = 0.0, 0.0001
        self.threads: list[str] = []

    def append(self, entries: Sequence[JournalEntry]) -> None:
        self.threads.append(current_thread().name.partition("_")[0])
        super().append(entries)
        self.now += self.write_s


def test_a_single_entry_is_written_without_a_thread_while_the_disk_is_quick(tmp_path: Path) -> None:
    outbox = DiskOfTwoSpeeds(tmp_path)
    recorder = JournalWriter(
        outbox=outbox, journal=FakeJournal(), metrics=ServiceMetrics(), clock=lambda: outbox.now
    )

    async def record() -> None:
        for number in range(3):
            assert await recorder.record([an_entry(number)])
        assert await recorder.record([an_entry(3), an_entry(4)])
        outbox.write_s = 0.1
        for number in range(5, 8):
            assert await recorder.record([an_entry(number)])

    asyncio.run(record())
    recorder.close()

    assert outbox.threads == [
        "outbox",
        "MainThread",
        "MainThread",
        "outbox",
        "MainThread",
        "outbox",
        "outbox",
    ]
    assert outbox.waiting_bytes == sum(len(an_entry(number).as_line()) for number in range(8))


def test_a_disk_that_fails_is_met_again_in_the_thread(tmp_path: Path) -> None:
    outbox, journal = SlowOutbox(tmp_path), FakeJournal()
    recorder = JournalWriter(outbox=outbox, journal=journal, metrics=ServiceMetrics(), clock=lambda: 0.0)
    outbox.go_on.set()

    async def record() -> None:
        assert await recorder.record([an_entry(0)])
        outbox.fault = OSError("The disk is gone.")
        assert await recorder.record([an_entry(1)])

    asyncio.run(record())
    recorder.close()

    assert journal.written == [an_entry(1)]
    assert recorder.trouble == "disk"


class OutboxOfOneWrite(SlowOutbox):
    """An outbox that has a fault after its first write."""

    def append(self, entries: Sequence[JournalEntry]) -> None:
        super().append(entries)
        self.fault = RuntimeError("a fault of ours")


async def written_after_another(
    outbox: SlowOutbox, recorder: JournalWriter, *, is_cancelled: bool
) -> tuple[bool, asyncio.Future[bool]]:
    """Record two entries; the second waits for the first, and is then written in the event loop."""
    first = recorder.record([an_entry(0)])
    while not outbox.groups:
        await asyncio.sleep(0)
    second = recorder.record([an_entry(1)])
    if is_cancelled:
        second.cancel()
    outbox.go_on.set()
    stored = await asyncio.wait_for(first, 30)
    await asyncio.wait([second])
    return stored, second


def test_a_client_that_goes_away_before_a_write_without_a_thread_holds_up_nobody(tmp_path: Path) -> None:
    outbox = SlowOutbox(tmp_path)
    recorder = JournalWriter(
        outbox=outbox, journal=FakeJournal(), metrics=ServiceMetrics(), clock=lambda: 0.0
    )

    stored, second = asyncio.run(written_after_another(outbox, recorder, is_cancelled=True))

    assert stored
    assert second.cancelled()
    assert outbox.groups == [1, 1]
    recorder.close()
    outbox.close()


def test_an_error_of_a_write_without_a_thread_affects_its_own_request_only(tmp_path: Path) -> None:
    outbox = OutboxOfOneWrite(tmp_path)
    recorder = JournalWriter(
        outbox=outbox, journal=FakeJournal(), metrics=ServiceMetrics(), clock=lambda: 0.0
    )

    stored, second = asyncio.run(written_after_another(outbox, recorder, is_cancelled=False))

    assert stored
    assert isinstance(second.exception(), RuntimeError)
    recorder.close()
    outbox.close()
