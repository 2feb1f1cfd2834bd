"""Write quotes to the outbox before their responses are sent, many with one write (group commit).

A thread writes, so that the event loop goes on meanwhile. A single entry is written in the event loop if the
last write was quick: to wake the thread and to wait for its answer would take longer than the write.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from math import inf
from typing import Literal

from carvalue.journal.entries import JournalEntry
from carvalue.journal.forwarder import JournalWrites
from carvalue.journal.outbox import Outbox, OutboxFull
from carvalue.journal.store import EntriesRefused, JournalUnavailable
from carvalue.telemetry import ServiceMetrics

QUICK_S = 0.002  # a write that takes less is not worth a switch of threads
TRY_JOURNAL_S = 10  # a response waits up to 5 s for an unavailable journal, so it is not tried more often

OutboxState = Literal["outbox full", "disk"]
Waiting = list[tuple[Sequence[JournalEntry], asyncio.Future[bool]]]

logger = logging.getLogger(__name__)


class JournalWriter:
    """Append entries to the outbox in groups (group commit): while one is written, the next one collects.

    Args:
        outbox: The outbox to append to.
        journal: The journal to write to directly while local disk fails.
        metrics: The metrics to update.
        clock: Returns seconds, to time writes.

    >>> import asyncio
    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from carvalue.journal import Journal
    >>> entry = JournalEntry(
    ...     quote_id="2" * 32, quoted_at=datetime(2026, 1, 1, tzinfo=UTC), model_version="3",
    ...     price=19_000, low=15_000, high=23_000, warnings=(), listing={"manufacturer": "toyota"},
    ... )
    >>> outbox = Outbox(Path("written"), limit_bytes=2**20)
    >>> async def record_one() -> None:
    ...     writer = JournalWriter(
    ...         outbox=outbox, journal=Journal("sqlite:///written.db"), metrics=ServiceMetrics()
    ...     )
    ...     print(await writer.record([entry]))
    ...     writer.close()
    >>> asyncio.run(record_one())
    True
    >>> outbox.waiting_bytes == len(entry.as_line())
    True
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        journal: JournalWrites,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._outbox, self._journal, self._metrics, self._clock = outbox, journal, metrics, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        self._waiting: Waiting = []
        self._is_committing = False
        self._try_journal_at, self._last_write_s = 0.0, inf
        metrics.outbox_up.set(1)
        self.trouble: OutboxState | None = None
        """Why quotes cannot be written to the outbox; None while they can."""

    def record(self, entries: Sequence[JournalEntry]) -> asyncio.Future[bool]:
        """Write entries to the outbox with the next group. Call it in the event loop.

        Args:
            entries: The entries of one request.

        Returns:
            A future: True when the entries are on disk or in the journal, False if they were dropped and
            counted.
        """
        on_disk: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, on_disk))
        if not self._is_committing:
            self._commit_waiting()
        return on_disk

    def close(self) -> None:
        """Wait for the write in progress."""
        self._thread.shutdown()

    def _commit_waiting(self) -> None:
        group, self._waiting = self._waiting, []
        entries = [entry for members, _ in group for entry in members]
        if len(entries) == 1 and self._last_write_s < QUICK_S and self._is_appended(entries):
            if not group[0][1].done():  # the client may have disconnected
                group[0][1].set_result(True)
            return
        self._is_committing = True
        commit = asyncio.get_running_loop().run_in_executor(self._thread, self._commit, entries)
        commit.add_done_callback(partial(self._settle, group))

    def _settle(self, group: Waiting, commit: asyncio.Future[bool]) -> None:
        self._is_committing = False
        for _, on_disk in group:
            if on_disk.done():  # the client disconnected
                continue
            if (error := commit.exception()) is None:
                on_disk.set_result(commit.result())
            else:
                on_disk.set_exception(error)
        if self._waiting:
            self._commit_waiting()  # now, so that the disk is busy while responses are written

    def _is_appended(self, entries: Sequence[JournalEntry]) -> bool:
        """Append in the event loop; on an error return False, so that the thread tries again."""
        try:
            self._append(entries)
        except Exception:  # the thread meets it again, and reports it to the request
            return False
        return True

    def _append(self, entries: Sequence[JournalEntry]) -> None:
        started, self._last_write_s = self._clock(), inf  # until it has succeeded
        self._outbox.append(entries)
        self._last_write_s = self._clock() - started
        if self.trouble:
            self.trouble = None
            self._metrics.outbox_up.set(1)

    def _commit(self, entries: Sequence[JournalEntry]) -> bool:
        """Write entries; return whether they are stored."""
        try:
            self._append(entries)
        except OutboxFull as error:
            self._note("outbox full", reason=str(error))
            self._drop(entries, "outbox full")
            return False
        except OSError as error:
            self._note("disk", reason=str(error))
            if self._write_to_journal(entries):
                return True
            self._drop(entries, "disk")
            return False
        return True

    def _write_to_journal(self, entries: Sequence[JournalEntry]) -> bool:
        """Write to the journal directly: it may be on another machine. After a failure, pause."""
        if time.monotonic() < self._try_journal_at:
            return False
        try:
            self._journal.write(list(entries))
        except (JournalUnavailable, EntriesRefused):
            self._try_journal_at = time.monotonic() + TRY_JOURNAL_S
            return False
        self._metrics.journal_writes.inc(len(entries))
        return True

    def _drop(self, entries: Sequence[JournalEntry], reason: OutboxState) -> None:
        self._metrics.journal_dropped.labels(reason).inc(len(entries))

    def _note(self, trouble: OutboxState, *, reason: str) -> None:
        if self.trouble != trouble:  # log once, not for every quote
            logger.error(
                "quotes are answered without an outbox", extra={"reason": trouble, "because": reason}
            )
        self.trouble = trouble
        self._metrics.outbox_up.set(0)
