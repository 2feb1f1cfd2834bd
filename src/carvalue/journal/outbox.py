"""The spool: every entry is on this machine's disk before its quote is answered, until the journal has it.

A folder of segments. A process appends to a segment of its own; what a process left when it was killed is
adopted by the next that looks. A segment that the journal has whole is deleted. How far the journal had come
is not kept: after a crash a segment is passed on again from its start, which the primary key makes harmless.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from carvalue.errors import AppError
from carvalue.journal.entries import JournalEntry
from carvalue.journal.segment import SUFFIX, Segment, remove_unnamed

SEGMENT_BYTES = 4 * 2**20  # about 10,000 quotes: what is passed on again after a crash, in under a second
CHUNK_BYTES = 128 * 2**10  # about 300 quotes: one transaction of the journal


class OutboxFull(AppError):
    """The journal has been away for so long that no more may be kept for it."""

    status, hint = 503, "Bring the journal back (JOURNAL_URL), or raise SPOOL_LIMIT_MB."


@dataclass(frozen=True, kw_only=True)
class OutboxChunk:
    """Lines that the journal lacks, and where they come from."""

    segment: Segment
    data: bytes


class Outbox:
    """Appended to by one thread, passed on by another."""

    def __init__(self, folder: Path, *, limit_bytes: int, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        """How many bytes may wait for the journal before entries are refused."""
        self._folder, self._segment_bytes = folder, segment_bytes
        self._segments: list[Segment] = []  # oldest first
        self._own: Segment | None = None
        self._lock = Lock()  # guards both names above; no entry is written or read under it

    @property
    def waiting_bytes(self) -> int:
        """How much the journal still lacks."""
        with self._lock:
            return sum(segment.waiting_bytes for segment in self._segments)

    @property
    def is_for_the_hasty(self) -> bool:
        """Whether the room that is left belongs to those who cannot wait; long before an alert about it."""
        return self.waiting_bytes > self.limit_bytes // 4

    def append(self, entries: Sequence[JournalEntry]) -> None:
        """Bring entries to disk; they are there when this returns.

        Raises:
            OutboxFull: the journal is away and the limit is reached.
            OSError: the disk is full or broken.
        """
        data = b"".join(entry.as_line() for entry in entries)
        if self.waiting_bytes + len(data) > self.limit_bytes:
            raise OutboxFull(f"The journal lacks {self.waiting_bytes:,} bytes of quotes; no more are kept.")
        segment = self._writable()
        try:
            segment.append(data)
        except OSError:
            with self._lock:
                self._own = None  # a file that failed once is not trusted again
            raise

    def adopt(self) -> None:
        """Take over what ended processes left.

        Raises:
            OSError: the folder cannot be read.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        remove_unnamed(self._folder)
        known = {segment.name for segment in self._held()}
        names = sorted(path.name for path in self._folder.glob(f"*{SUFFIX}"))
        found = [Segment.adopt(self._folder / name) for name in names if name not in known]
        with self._lock:
            self._segments[:0] = [segment for segment in found if segment is not None]

    def next_chunk(self) -> OutboxChunk | None:
        """Read what the journal lacks, oldest first, and delete segments that it has whole."""
        for segment in self._held():
            if segment.waiting_bytes:
                return OutboxChunk(segment=segment, data=segment.read(CHUNK_BYTES))
            self._remove(segment)
        return None

    def forget(self, chunk: OutboxChunk) -> None:
        """Note that the journal has a chunk."""
        chunk.segment.taken += len(chunk.data)

    def close(self) -> None:
        """Give everything up; what still waits is adopted by the next process."""
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
                self._folder.mkdir(parents=True, exist_ok=True)
                self._own = Segment.create(self._folder)
                self._segments.append(self._own)
            return self._own

    def _remove(self, segment: Segment) -> None:
        with self._lock:
            if segment is self._own:
                return
            self._segments.remove(segment)
        segment.remove()
