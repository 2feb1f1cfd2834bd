"""The outbox: entries on local disk until the journal has them.

An entry is on disk before its quote is answered. The outbox is a folder of segments. Each process appends to
its own segment; the segments of processes that ended are adopted by the next process that looks. A segment
is deleted once each of its lines is in the journal or in the quarantine. The position within a segment is not
stored: after a crash a segment is forwarded again from its start, which is harmless because the quote id is
the primary key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from carvalue.errors import AppError
from carvalue.files import make_folder
from carvalue.journal.entries import JournalEntry
from carvalue.journal.segment import ANY_FORMAT, READABLE_SUFFIXES, Segment, remove_temporary

SEGMENT_BYTES = 4 * 2**20  # about 10,000 quotes; after a crash they are forwarded again in under a second
OUTBOX_FOLDER = "outbox"
"""The name of the folder, beside the journal of the price service."""
EARLIER_OUTBOX_FOLDER = "spool"  # of release 0.1; its backups restore it, and its processes write to it
CHUNK_BYTES = 128 * 2**10  # about 300 quotes: one transaction of the journal


class OutboxFull(AppError):
    """The outbox has reached its limit because the journal was unavailable for too long."""

    status, hint = 503, "Make the journal (JOURNAL_URL) available again, or raise OUTBOX_LIMIT_MB."


@dataclass(frozen=True, kw_only=True)
class OutboxChunk:
    """Lines that are not in the journal yet.

    Attributes:
        segment: The segment that they come from.
        data: Whole lines.
    """

    segment: Segment
    data: bytes


class Outbox:
    """A durable queue of entries on local disk. One thread appends, another forwards.

    Args:
        folder: The folder of the segments; created when needed.
        earlier_folder: The folder that an earlier release wrote to. Its segments are adopted too, and none is
            created there; None if there is no such release.
        limit_bytes: How many bytes may wait before `append` refuses more.
        segment_bytes: The size from which a new segment is started.

    >>> from datetime import UTC, datetime
    >>> outbox = Outbox(Path("outbox"), limit_bytes=2**20)
    >>> outbox.append([JournalEntry(
    ...     quote_id="0" * 32, quoted_at=datetime(2026, 1, 1, tzinfo=UTC), model_version="3",
    ...     price=19_000, low=15_000, high=23_000, warnings=(), listing={"manufacturer": "toyota"},
    ... )])
    >>> chunk = outbox.next_chunk()
    >>> [JournalEntry.from_line(line).price for line in chunk.data.splitlines()]
    [19000]
    >>> outbox.mark_forwarded(chunk)
    >>> outbox.waiting_bytes
    0
    """

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int,
        earlier_folder: Path | None = None,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self.limit_bytes = limit_bytes
        """How many bytes may wait for the journal before entries are refused."""
        self.newer_segments = 0
        """How many segments a newer release wrote. They stay untouched until that release runs again."""
        self._folder, self._earlier_folder, self._segment_bytes = folder, earlier_folder, segment_bytes
        self._segments: list[Segment] = []  # oldest first
        self._own: Segment | None = None
        self._lock = Lock()  # guards both attributes above; it is not held while entries are written or read

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are not in the journal yet."""
        with self._lock:
            return sum(segment.waiting_bytes for segment in self._segments)

    @property
    def is_reserved_for_single_quotes(self) -> bool:
        """Whether batches must wait, because more than a quarter of the limit is used."""
        return self.waiting_bytes > self.limit_bytes // 4

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Write entries to disk. They are durable when this returns.

        Args:
            entries: The entries, in order.

        Raises:
            OutboxFull: The limit would be exceeded.
            OSError: The disk is full or broken.
        """
        data = b"".join(entry.as_line() for entry in entries)
        if self.waiting_bytes + len(data) > self.limit_bytes:
            raise OutboxFull(
                f"{self.waiting_bytes:,} bytes of quotes wait for the journal: no more are kept."
            )
        segment = self._writable()
        try:
            segment.append(data)
        except OSError:
            with self._lock:
                self._own = None  # do not write again to a file that failed
            raise

    def adopt_segments(self) -> None:
        """Take over the segments of processes that have ended.

        Raises:
            OSError: The folder cannot be read.
        """
        make_folder(self._folder)
        remove_temporary(self._folder)
        files = list(self._folder.iterdir())
        if self._earlier_folder is not None and self._earlier_folder.is_dir():
            files += self._earlier_folder.iterdir()
        self.newer_segments = sum(
            file.match(ANY_FORMAT) and not file.name.endswith(READABLE_SUFFIXES) for file in files
        )
        known = {segment.path for segment in self._held()}
        waiting = (file for file in files if file.name.endswith(READABLE_SUFFIXES) and file not in known)
        adopted = [Segment.adopt(file) for file in sorted(waiting, key=lambda file: file.name)]
        with self._lock:
            self._segments[:0] = [segment for segment in adopted if segment is not None]

    def next_chunk(self) -> OutboxChunk | None:
        """Read the oldest lines that are not in the journal yet. Delete segments that are fully forwarded.

        Returns:
            At most `CHUNK_BYTES`; None when nothing waits.
        """
        for segment in self._held():
            if segment.waiting_bytes:
                return OutboxChunk(segment=segment, data=segment.read(CHUNK_BYTES))
            self._remove(segment)
        return None

    def mark_forwarded(self, chunk: OutboxChunk) -> None:
        """Record that the journal has a chunk.

        Args:
            chunk: The last result of `next_chunk`.
        """
        chunk.segment.forwarded_bytes += len(chunk.data)

    def close(self) -> None:
        """Release all segments. The next process adopts those with waiting entries."""
        with self._lock:
            self._own = None
        for segment in self._held():
            if segment.waiting_bytes:
                segment.close()
            else:
                segment.remove()
        self._segments.clear()

    def _held(self) -> tuple[Segment, ...]:
        with self._lock:
            return tuple(self._segments)

    def _writable(self) -> Segment:
        with self._lock:
            if self._own is None or self._own.end >= self._segment_bytes:
                make_folder(self._folder)
                self._own = Segment.create(self._folder)
                self._segments.append(self._own)
            return self._own

    def _remove(self, segment: Segment) -> None:
        with self._lock:
            if segment is self._own:
                return
            self._segments.remove(segment)
        segment.remove()
