"""Records quotes before their answers are sent: one write and one flush for all that wait together."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from carvalue.monitoring.entries import JournalEntry
from carvalue.monitoring.metrics import ServiceMetrics
from carvalue.monitoring.spool import Spool, SpoolFull

Waiting = list[tuple[Sequence[JournalEntry], asyncio.Future[None]]]

logger = logging.getLogger(__name__)


class Recorder:
    """Group commit into the spool: while one group is being flushed, the next one gathers."""

    def __init__(self, *, spool: Spool, metrics: ServiceMetrics) -> None:
        self._spool, self._metrics = spool, metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._waiting: Waiting = []
        self._is_committing = False
        self.is_dropping = False

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
        except (SpoolFull, OSError) as error:
            self._drop(entries, error)
        else:
            self.is_dropping = False

    def _drop(self, entries: Sequence[JournalEntry], error: Exception) -> None:
        reason = "spool full" if isinstance(error, SpoolFull) else "disk"
        self._metrics.journal_dropped.labels(reason).inc(len(entries))
        if not self.is_dropping:  # once, not for every quote: a full disk needs no longer log
            logger.error(
                "quotes are answered but not journaled", extra={"reason": reason, "because": str(error)}
            )
        self.is_dropping = True
