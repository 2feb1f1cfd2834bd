"""Records quotes before their answers are sent: one write and one flush for all that wait together."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from carvalue.monitoring.entries import JournalEntry
from carvalue.monitoring.metrics import ServiceMetrics
from carvalue.monitoring.spool import Spool, SpoolFull

logger = logging.getLogger(__name__)


class Recorder:
    """Group commit into the spool: while one group is being flushed, the next one gathers."""

    def __init__(self, *, spool: Spool, metrics: ServiceMetrics) -> None:
        self._spool, self._metrics = spool, metrics
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="spool")
        self._waiting: list[tuple[Sequence[JournalEntry], asyncio.Future[None]]] = []
        self._committing: asyncio.Task[None] | None = None
        self.is_dropping = False

    async def record(self, entries: Sequence[JournalEntry]) -> None:
        """Return when the entries are on disk, or counted as dropped: a quote is answered in any case."""
        on_disk = asyncio.get_running_loop().create_future()
        self._waiting.append((entries, on_disk))
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_waiting())
        await on_disk

    def close(self) -> None:
        """Wait for the flush under way."""
        self._thread.shutdown()

    async def _commit_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            entries = [entry for some, _ in group for entry in some]
            commit = asyncio.get_running_loop().run_in_executor(self._thread, self._commit, entries)
            await asyncio.wait([commit])
            _settle([on_disk for _, on_disk in group], commit.exception())
        self._committing = None

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


def _settle(waiting: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for on_disk in waiting:
        if on_disk.done():  # its client went away
            continue
        if error is None:
            on_disk.set_result(None)
        else:
            on_disk.set_exception(error)
