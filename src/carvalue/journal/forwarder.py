"""Passes on what the spool holds to the journal, in the background, as long as it takes."""

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

PASS_EVERY_S = 0.5  # gathers a few hundred quotes into one transaction of a busy service
RETRY_S = 2  # a journal that is away is asked again this often

logger = logging.getLogger(__name__)

JournalState = Literal["not asked yet", "up", "down"]


class JournalWrites(Protocol):
    """What is asked of the journal here."""

    def write(self, entries: list[JournalEntry]) -> None:
        """Store entries, all or none; one that is there already stays as it is."""


class Forwarder:
    """From the spool to the journal. Any thread may pass on, one at a time does."""

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
        """How long the oldest entry that the journal lacks has been waiting, in seconds."""
        return 0.0 if self._oldest is None else max(0.0, self._clock() - self._oldest)

    def pass_on(self, *, within_s: float = inf) -> None:
        """Write everything that waits, as far as the time allows; stop at the first sign of trouble."""
        until = time.monotonic() + within_s
        with self._lock:
            try:
                self._spool.adopt()
                while time.monotonic() < until and self._pass_on_chunk():
                    pass
            except (JournalUnavailable, OSError) as error:
                self._note("down", because=str(error))

    def _pass_on_chunk(self) -> bool:
        chunk = self._spool.next_chunk()
        if chunk is None:
            self._oldest = None
            return False
        entries = self._read(chunk.data)
        if entries:
            self._oldest = entries[0].quoted_at.timestamp()
            self._write(entries)
            self._note("up")
        self._spool.forget(chunk)
        return True

    def _read(self, data: bytes) -> list[JournalEntry]:
        entries = []
        for line in data.splitlines(keepends=True):
            try:
                entries.append(JournalEntry.from_line(line))
            except ValueError:
                if line.endswith(b"\n"):  # else a crash cut it off, and its quote was never answered
                    self._drop("unreadable", because="A line of the spool is no entry.")
        return entries

    def _write(self, entries: list[JournalEntry]) -> None:
        try:
            self._journal.write(entries)
            self._metrics.journal_writes.inc(len(entries))
        except EntriesRefused as error:
            if len(entries) == 1:
                self._drop("refused", because=str(error))
                return
            for entry in entries:  # one that can never be stored must not hold up the others
                self._write([entry])

    def _drop(self, reason: str, *, because: str) -> None:
        self._metrics.journal_dropped.labels(reason).inc()
        logger.error("journal entry dropped", extra={"reason": reason, "because": because})

    def _note(self, state: JournalState, *, because: str = "") -> None:
        self._metrics.journal_up.set(state == "up")
        if state != self.journal_state:
            level = logging.WARNING if state == "down" else logging.INFO
            logger.log(level, "journal", extra={"state": state, "because": because})
        self.journal_state = state


async def forward_forever(replay: Forwarder) -> None:
    """Pass on until cancelled, in a thread: a slow journal must not hold up a quote."""
    while True:
        try:
            await asyncio.to_thread(replay.pass_on)
        except Exception:  # one bad round must not end it; what waits stays in the spool
            logger.exception("passing quotes on to the journal failed")
        await asyncio.sleep(RETRY_S if replay.journal_state == "down" else PASS_EVERY_S)
