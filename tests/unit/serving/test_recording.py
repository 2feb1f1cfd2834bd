"""Quotes that wait together share one flush; a spool that takes nothing stops no answer."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from threading import Event

import pytest

from carvalue.monitoring.entries import JournalEntry
from carvalue.monitoring.metrics import ServiceMetrics
from carvalue.monitoring.spool import Spool
from carvalue.serving.recording import Recorder
from factories import an_entry


class SlowSpool(Spool):
    """A spool whose disk waits for a word, and that remembers what was flushed together."""

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


async def recorded(recorder: Recorder, entries: Sequence[JournalEntry]) -> None:
    await recorder.record(entries)


async def record_ten(spool: SlowSpool, recorder: Recorder) -> None:
    first = asyncio.ensure_future(recorder.record([an_entry(0)]))
    while not spool.groups:
        await asyncio.sleep(0)
    others = [asyncio.ensure_future(recorder.record([an_entry(number)])) for number in range(1, 10)]
    await asyncio.sleep(0)
    others[0].cancel()  # a client that goes away holds up nobody
    assert not first.done()

    spool.go_on.set()
    await asyncio.gather(first, *others[1:])

    assert spool.groups == [1, 9]
    assert others[0].cancelled()


def test_what_waits_together_is_flushed_together(tmp_path: Path) -> None:
    spool = SlowSpool(tmp_path)
    recorder = Recorder(spool=spool, metrics=ServiceMetrics())

    asyncio.run(record_ten(spool, recorder))

    assert spool.waiting_bytes == sum(len(an_entry(number).as_line()) for number in range(10))
    recorder.close()
    spool.close()


def test_a_spool_that_cannot_be_written_drops_and_counts(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be")
    metrics = ServiceMetrics()
    recorder = Recorder(spool=Spool(tmp_path / "spool", limit_bytes=2**20), metrics=metrics)

    asyncio.run(recorded(recorder, [an_entry(0), an_entry(1)]))

    assert metrics.registry.get_sample_value("carvalue_journal_dropped_total", {"reason": "disk"}) == 2
    assert recorder.is_dropping
    (tmp_path / "spool").unlink()
    asyncio.run(recorded(recorder, [an_entry(2)]))
    assert not recorder.is_dropping
    recorder.close()


def test_a_fault_reaches_the_request_and_not_those_after_it(tmp_path: Path) -> None:
    spool = SlowSpool(tmp_path)
    recorder = Recorder(spool=spool, metrics=ServiceMetrics())
    spool.go_on.set()
    spool.fault = RuntimeError("a fault of ours")
    with pytest.raises(RuntimeError):
        asyncio.run(recorded(recorder, [an_entry(0)]))

    spool.fault = None
    asyncio.run(recorded(recorder, [an_entry(1)]))

    assert spool.waiting_bytes == len(an_entry(1).as_line())
    recorder.close()
    spool.close()
