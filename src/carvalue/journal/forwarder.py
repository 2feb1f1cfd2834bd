"""Forward entries from the outbox to the journal in the background until the journal has them all."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from threading import Lock
from typing import Literal, Protocol

from carvalue.journal.entries import JournalEntry
from carvalue.journal.framing import READABLE, RecordUnreadable
from carvalue.journal.outbox import Outbox
from carvalue.journal.quarantine import Quarantine
from carvalue.journal.store import EntriesRefused, JournalUnavailable
from carvalue.telemetry import ServiceMetrics

FORWARD_EVERY_S = 0.5  # collects a few hundred quotes of a busy service into one transaction
RETRY_S = 2  # while the journal is unavailable
FIRST_PRINTABLE = 0x20

Record = tuple[bytes, JournalEntry]
Rejected = tuple[bytes, str]
"""A line of the outbox and the reason why it cannot be stored."""

logger = logging.getLogger(__name__)

JournalState = Literal["not tried yet", "up", "down"]


class JournalWrites(Protocol):
    """The part of `Journal` that the forwarder and the writer use."""

    def write(self, entries: list[JournalEntry], *, validated: bool = False) -> None:
        """Store all entries or none. An entry whose id exists already is left unchanged.

        Args:
            entries: At least one entry.
            validated: Whether they are known to be valid.
        """


class Forwarder:
    """Move entries from the outbox to the journal (transactional outbox). Safe to call from several threads.

    A record that cannot be stored goes to the quarantine (dead-letter queue), and those behind it pass.

    Args:
        outbox: The outbox to read from.
        journal: The journal to write to.
        quarantine: Where records go that cannot be read or stored.
        metrics: The metrics to update.
        clock: Returns the time in seconds since 1970.

    Attributes:
        journal_state: Whether the last round succeeded.
        quarantined_records: The number of records in the quarantine at the last round.

    >>> from datetime import UTC, datetime
    >>> from pathlib import Path
    >>> from carvalue.journal import Journal
    >>> outbox, journal = Outbox(Path("forwarded"), limit_bytes=2**20), Journal("sqlite:///forwarded.db")
    >>> outbox.append([JournalEntry(
    ...     quote_id="1" * 32, quoted_at=datetime(2026, 1, 1, tzinfo=UTC), model_version="3",
    ...     price=19_000, low=15_000, high=23_000, warnings=(), listing={"manufacturer": "toyota"},
    ... )])
    >>> forwarder = Forwarder(
    ...     outbox=outbox,
    ...     journal=journal,
    ...     quarantine=Quarantine(Path("unreadable")),
    ...     metrics=ServiceMetrics(),
    ... )
    >>> forwarder.forward()
    >>> forwarder.journal_state, outbox.waiting_bytes
    ('up', 0)
    >>> later = datetime(2027, 1, 1, tzinfo=UTC)
    >>> [entry.price for entry in journal.after("", until=later, limit=10)]
    [19000]
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        journal: JournalWrites,
        quarantine: Quarantine,
        metrics: ServiceMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox, self._journal, self._metrics, self._clock = outbox, journal, metrics, clock
        self._quarantine = quarantine
        self._lock = Lock()
        self._oldest: float | None = None
        self.journal_state: JournalState = "not tried yet"
        self.quarantined_records = 0
        metrics.journal_up.set(1)  # until it refuses quotes; a service without requests would raise an alert
        metrics.measure(metrics.journal_lag, self.lag_s)
        metrics.measure(metrics.outbox_bytes, lambda: outbox.waiting_bytes)
        metrics.measure(metrics.quarantined_records, lambda: self.quarantined_records)
        metrics.outbox_limit.set(outbox.limit_bytes)

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
                self._outbox.adopt_segments()
                while time.monotonic() < deadline and self._forward_chunk():
                    pass
            except (JournalUnavailable, OSError) as error:
                self._set_state("down", reason=str(error))
            except Exception as error:
                self._set_state("down", reason=type(error).__name__)
                raise
            finally:
                with suppress(OSError):  # the last count stays
                    self.quarantined_records = len(self._quarantine)

    def _forward_chunk(self) -> bool:
        chunk = self._outbox.next_chunk()
        if chunk is None:
            self._oldest = None
            return False
        records, rejected = _read(chunk.data)
        if records:
            self._oldest = records[0][1].quoted_at.timestamp()
            rejected += self._write(records)
            self._set_state("up")
        if rejected:
            self._put_aside(rejected)
        self._outbox.mark_forwarded(chunk)
        return True

    def _write(self, records: list[Record]) -> list[Rejected]:
        try:
            self._journal.write([entry for _, entry in records], validated=True)
        except (EntriesRefused, ArithmeticError, TypeError, ValueError, RecursionError) as error:
            if len(records) > 1:  # an entry that cannot be stored must not block the others
                return [rejected for record in records for rejected in self._write([record])]
            # only the message of EntriesRefused is known to quote no value
            reason = error.message if isinstance(error, EntriesRefused) else type(error).__name__
            return [(records[0][0], f"the journal rejects it: {reason}")]
        self._metrics.journal_writes.inc(len(records))
        return []

    def _put_aside(self, rejected: list[Rejected]) -> None:
        added = self._quarantine.add(rejected)
        self._metrics.quarantined.inc(added)
        if added:
            reasons = sorted({reason for _, reason in rejected})
            logger.error("records quarantined", extra={"records": added, "reasons": reasons})

    def _set_state(self, state: JournalState, *, reason: str = "") -> None:
        self._metrics.journal_up.set(state == "up")
        if state != self.journal_state:
            level = logging.WARNING if state == "down" else logging.INFO
            logger.log(level, "journal", extra={"state": state, "because": reason})
        self.journal_state = state


def _read(data: bytes) -> tuple[list[Record], list[Rejected]]:
    records, rejected = [], []
    for line in data.split(b"\n"):  # not `splitlines`: a damaged line may hold carriage returns
        try:
            if line:
                records.append((line, JournalEntry.from_line(line)))
        except RecordUnreadable as error:
            rejected.append((line, str(error)))
    if rejected and rejected[-1][0] and data.endswith(rejected[-1][0]) and _is_unfinished(rejected[-1][0]):
        rejected.pop()
    return records, rejected


def _is_unfinished(tail: bytes) -> bool:
    """Whether a crash cut a last line off before its quote was answered, so that nobody misses it."""
    return (
        tail.startswith((*(b"%d" % version for version in READABLE), b"{")) and min(tail) >= FIRST_PRINTABLE
    )


@dataclass(frozen=True, kw_only=True)
class QuarantineReplay:
    """The result of a replay.

    Attributes:
        stored: The number of records that the journal has now.
        remaining: The number of records that are still in the quarantine.
    """

    stored: int
    remaining: int


def replay_quarantine(quarantine: Quarantine, journal: JournalWrites) -> QuarantineReplay:
    """Store the quarantined records that have become readable, for example after an upgrade.

    Args:
        quarantine: The records.
        journal: Where to store them. A quote that it has already is left unchanged.

    Returns:
        How many records were stored and removed from the quarantine, and how many remain.

    Raises:
        JournalUnavailable: The journal does not answer.
        OSError: The quarantine cannot be read or written.
    """
    stored = set()
    try:
        for item in quarantine.records():
            with suppress(RecordUnreadable, EntriesRefused):
                journal.write([JournalEntry.from_line(item.record)], validated=True)
                stored.add(item.id)
    finally:
        quarantine.remove(stored)
    return QuarantineReplay(stored=len(stored), remaining=len(quarantine))


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
