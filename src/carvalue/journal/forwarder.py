"""Forward entries from the outbox to the journal in the background until the journal has them all."""

import asyncio
import logging
import time
from collections.abc import Callable
from math import inf
from threading import Lock
from typing import Literal, Protocol

from carvalue.journal.entries import JournalEntry
from carvalue.journal.outbox import Outbox
from carvalue.journal.store import EntriesRefused, JournalUnavailable
from carvalue.telemetry import ServiceMetrics

FORWARD_EVERY_S = 0.5  # collects a few hundred quotes of a busy service into one transaction
RETRY_S = 2  # while the journal is unavailable

logger = logging.getLogger(__name__)

JournalState = Literal["not asked yet", "up", "down"]


class JournalWrites(Protocol):
    """The part of `Journal` that the forwarder and the writer use."""

    def write(self, entries: list[JournalEntry]) -> None:
        """Store all entries or none. An entry whose id exists already is left unchanged.

        Args:
            entries: At least one entry.
        """


class Forwarder:
    """Move entries from the outbox to the journal (transactional outbox). Safe to call from several threads.

    Args:
        spool: The outbox to read from.
        journal: The journal to write to.
        metrics: The metrics to update.
        clock: Returns the time in seconds since 1970.

    Attributes:
        journal_state: Whether the last write to the journal succeeded.

    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from carvalue.journal import Journal
    >>> outbox, journal = Outbox(Path("forwarded"), limit_bytes=2**20), Journal("sqlite:///forwarded.db")
    >>> outbox.append([JournalEntry(
    ...     quote_id="1" * 32, quoted_at=datetime(2026, 1, 1, tzinfo=UTC), model_version="3",
    ...     price=19_000, low=15_000, high=23_000, warnings=(), listing={"manufacturer": "toyota"},
    ... )])
    >>> forwarder = Forwarder(spool=outbox, journal=journal, metrics=ServiceMetrics())
    >>> forwarder.forward()
    >>> forwarder.journal_state, outbox.waiting_bytes
    ('up', 0)
    >>> [entry.price for entry in journal.up_to("9", model_version="3", limit=10)]
    [19000]
    """

    def __init__(
        self,
        *,
        spool: Outbox,
        journal: JournalWrites,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._spool, self._journal, self._metrics, self._clock = spool, journal, metrics, clock
        self._lock = Lock()
        self._oldest: float | None = None
        self.journal_state: JournalState = "not asked yet"
        metrics.measure(metrics.journal_lag, self.lag_s)
        metrics.measure(metrics.spool_bytes, lambda: spool.waiting_bytes)
        metrics.spool_limit.set(spool.limit_bytes)

    def lag_s(self) -> float:
        """Compute how long the oldest entry in the outbox has been waiting.

        Returns:
            Seconds; 0 when nothing waits.
        """
        return 0.0 if self._oldest is None else max(0.0, self._clock() - self._oldest)

    def forward(self, *, within_s: float = inf) -> None:
        """Write all waiting entries to the journal. Stop when the time is up or the journal fails.

        Args:
            within_s: How long to go on, in seconds.
        """
        deadline = time.monotonic() + within_s
        with self._lock:
            try:
                self._spool.adopt_segments()
                while time.monotonic() < deadline and self._forward_chunk():
                    pass
            except (JournalUnavailable, OSError) as error:
                self._set_state("down", reason=str(error))

    def _forward_chunk(self) -> bool:
        chunk = self._spool.next_chunk()
        if chunk is None:
            self._oldest = None
            return False
        entries = self._read(chunk.data)
        if entries:
            self._oldest = entries[0].quoted_at.timestamp()
            self._write(entries)
            self._set_state("up")
        self._spool.mark_forwarded(chunk)
        return True

    def _read(self, data: bytes) -> list[JournalEntry]:
        entries = []
        for line in data.splitlines(keepends=True):
            try:
                entries.append(JournalEntry.from_line(line))
            except ValueError:
                if line.endswith(b"\n"):  # otherwise a crash cut it off before its quote was answered
                    self._drop("unreadable", detail="A line of the spool is not an entry.")
        return entries

    def _write(self, entries: list[JournalEntry]) -> None:
        try:
            self._journal.write(entries)
            self._metrics.journal_writes.inc(len(entries))
        except EntriesRefused as error:
            if len(entries) == 1:
                self._drop("refused", detail=str(error))
                return
            for entry in entries:  # an entry that cannot be stored must not block the others
                self._write([entry])

    def _drop(self, reason: str, *, detail: str) -> None:
        self._metrics.journal_dropped.labels(reason).inc()
        logger.error("journal entry dropped", extra={"reason": reason, "because": detail})

    def _set_state(self, state: JournalState, *, reason: str = "") -> None:
        self._metrics.journal_up.set(state == "up")
        if state != self.journal_state:
            level = logging.WARNING if state == "down" else logging.INFO
            logger.log(level, "journal", extra={"state": state, "because": reason})
        self.journal_state = state


async def forward_forever(forwarder: Forwarder) -> None:
    """Forward in a thread until cancelled, so that a slow journal does not block the event loop.

    Args:
        forwarder: What moves the entries.
    """
    while True:
        try:
            await asyncio.to_thread(forwarder.forward)
        except Exception:  # a failed round must not end the task; the entries stay in the outbox
            logger.exception("forwarding quotes to the journal failed")
        await asyncio.sleep(RETRY_S if forwarder.journal_state == "down" else FORWARD_EVERY_S)
