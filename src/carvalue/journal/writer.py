"""Records quotes before their answers are sent: one write and one flush for all that wait together."""

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

from carvalue.journal.entries import JournalEntry
from carvalue.journal.forwarder import JournalWrites
from carvalue.journal.outbox import Outbox, OutboxFull
from carvalue.journal.store import EntriesRefused, JournalUnavailable
from carvalue.telemetry import ServiceMetrics

TRY_JOURNAL_S = 10  # an answer waits up to 5 s for a journal that is away; so often is enough

OutboxState = Literal["spool full", "disk"]
Waiting = list[tuple[Sequence[JournalEntry], asyncio.Future[None]]]

logger = logging.getLogger(__name__)


class JournalWriter:
    """Group commit into the spool: while one group is being flushed, the next one gathers."""

    def __init__(self, *, spool: Outbox, journal: JournalWrites, metrics: ServiceMetrics) -> None:
        self._spool, self._journal, self._metrics = spool, journal, metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._waiting: Waiting = []
        self._is_committing = False
        self._try_journal_at = 0.0
        metrics.spool_up.set(1)
        self.trouble: OutboxState | None = None
        """What keeps quotes from the spool right now."""

    def record(self, entries: Sequence[JournalEntry]) -> asyncio.Future[None]:
        """Give what is done when the entries are on disk, or dropped and counted: each quote is answered."""
        on_disk = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, on_disk))
        if not self._is_committing:
            self._commit_waiting()
        return on_disk

    def close(self) -> None:
        """Wait for the flush under way."""
        self._thread.shutdown()

    def _commit_waiting(self) -> None:
        group, self._waiting, self._is_committing = self._waiting, [], True
        entries = [entry for some, _ in group for entry in some]
        commit = asyncio.get_running_loop().run_in_executor(self._thread, self._commit, entries)
        commit.add_done_callback(partial(self._settle, group))

    def _settle(self, group: Waiting, commit: asyncio.Future[None]) -> None:
        self._is_committing = False
        if self._waiting:
            self._commit_waiting()  # first, so that the disk works while answers are written
        for _, on_disk in group:
            if on_disk.done():  # its client went away
                continue
            if (error := commit.exception()) is None:
                on_disk.set_result(None)
            else:
                on_disk.set_exception(error)

    def _commit(self, entries: Sequence[JournalEntry]) -> None:
        try:
            self._spool.append(entries)
        except OutboxFull as error:  # the journal is away, or it would not be full
            self._note("spool full", because=str(error))
            self._drop(entries, "spool full")
        except OSError as error:
            self._note("disk", because=str(error))
            if not self._writes_past(entries):
                self._drop(entries, "disk")
        else:
            self.trouble = None
            self._metrics.spool_up.set(1)

    def _writes_past(self, entries: Sequence[JournalEntry]) -> bool:
        """Write to the journal itself, which may be elsewhere; where it is away too, not each time."""
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

    def _note(self, trouble: OutboxState, *, because: str) -> None:
        if self.trouble != trouble:  # once, not for every quote: a full disk needs no longer log
            told = {"reason": trouble, "because": because}
            logger.error("quotes are answered without a spool", extra=told)
        self.trouble = trouble
        self._metrics.spool_up.set(0)
