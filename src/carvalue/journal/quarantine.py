"""The quarantine: records of the outbox that cannot be stored, with the reason, until an operator decides.

Every record is one line of JSON in `records.ndjson`, appended and flushed before its segment may be deleted.
Several processes share the file; a lock on a file beside it orders their writes.
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Lock

from carvalue.files import atomic_write, file_lock, fsync, make_folder

RECORDS, LOCK = "records.ndjson", "lock"
ID_LENGTH = 16
DAMAGED = "this line of the quarantine is damaged itself"
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class QuarantinedRecord:
    """A record that could not be stored.

    Attributes:
        record: The line of the outbox, as it was.
        reason: Why it could not be stored. It quotes no value of the record.
        quarantined_at: When it was moved here, with a time zone.
    """

    record: bytes
    reason: str
    quarantined_at: datetime

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the record."""
        return sha256(self.record).hexdigest()[:ID_LENGTH]


class Quarantine:
    """A file of records that could not be stored. Safe to use from several threads and processes.

    Args:
        folder: Where the file is; created when needed, readable by its owner only.

    >>> quarantine = Quarantine(Path("quarantine"))
    >>> quarantine.add([(b"2 00000000 {}", "the checksum does not match: the line is damaged")])
    1
    >>> [(kept.id, kept.record, kept.reason[:12]) for kept in quarantine.records()]
    [('38597f52b6735723', b'2 00000000 {}', 'the checksum')]
    >>> quarantine.remove({"38597f52b6735723"})
    1
    >>> len(quarantine)
    0
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / RECORDS
        self._thread_lock = Lock()
        self._ids: set[str] = set()
        self._read_from: tuple[int, int] = (0, 0)  # inode and bytes of the file that `_ids` stands for

    def __len__(self) -> int:
        """Count the records. The file is read again only if it has changed."""
        with self._thread_lock:
            self._refresh()
            return len(self._ids)

    def add(self, records: Sequence[tuple[bytes, str]]) -> int:
        """Add records. They are durable when this returns.

        Args:
            records: Pairs of a record and its reason. A record that is there already is not added again,
                because the outbox forwards a segment from its start after a crash.

        Returns:
            The number of records that were added.

        Raises:
            OSError: The disk is full or broken.
        """
        now = datetime.now(UTC)
        with self._exclusive():
            self._refresh()
            kept = [QuarantinedRecord(record=r, reason=reason, quarantined_at=now) for r, reason in records]
            new = {item.id: item for item in kept if item.id not in self._ids}
            if new:
                self._append(b"".join(map(_encode, new.values())))
        return len(new)

    def records(self) -> list[QuarantinedRecord]:
        """Read all records, oldest first.

        Returns:
            The records. A line of the file that is damaged itself is returned as a record.

        Raises:
            OSError: The file cannot be read.
        """
        with self._exclusive():
            return list(self._all())

    def remove(self, ids: Collection[str]) -> int:
        """Delete records.

        Args:
            ids: Ids of records; an unknown one is ignored.

        Returns:
            The number of records that were deleted.

        Raises:
            OSError: The file cannot be written.
        """
        with self._exclusive():
            records = list(self._all())
            kept = [item for item in records if item.id not in ids]
            if len(kept) < len(records):
                with atomic_write(self._path, mode=0o600) as temporary:
                    temporary.write_bytes(b"".join(map(_encode, kept)))
        return len(records) - len(kept)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        with self._thread_lock:
            make_folder(self._folder, mode=0o700)
            with file_lock(self._folder / LOCK):
                yield

    def _append(self, data: bytes) -> None:
        file = os.open(self._path, _APPEND, 0o600)
        size = os.fstat(file).st_size
        try:
            is_cut_off = size > 0 and os.pread(file, 1, size - 1) != b"\n"  # by a crash
            _write_all(file, b"\n" * is_cut_off + data)
            os.fsync(file)
            if size == 0:  # new, or its entry could not be flushed before
                fsync(self._folder)
        except OSError:
            os.ftruncate(file, size)
            raise
        finally:
            os.close(file)

    def _all(self) -> Iterator[QuarantinedRecord]:
        if self._path.is_file():
            with self._path.open("rb") as file:
                yield from map(_decode, file)

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._ids, self._read_from = set(), (0, 0)
            return
        inode, read = self._read_from
        if inode != status.st_ino or status.st_size < read:
            self._ids, read = set(), 0
        if status.st_size > read:
            with self._path.open("rb") as file:
                file.seek(read)
                lines = file.read().splitlines(keepends=True)
            whole = [line for line in lines if line.endswith(b"\n")]  # the last one may be in the making
            self._ids |= {_decode(line).id for line in whole}
            read += sum(map(len, whole))
        self._read_from = (status.st_ino, read)


def _encode(item: QuarantinedRecord) -> bytes:
    if item.reason == DAMAGED:
        return item.record + b"\n"
    content = {
        "quarantined_at": item.quarantined_at.isoformat(),
        "reason": item.reason,
        "record": b64encode(item.record).decode(),  # it may be anything but text
    }
    return json.dumps(content).encode() + b"\n"


def _decode(line: bytes) -> QuarantinedRecord:
    try:
        content = json.loads(line)
        return QuarantinedRecord(
            record=b64decode(content["record"], validate=True),
            reason=str(content["reason"]),
            quarantined_at=datetime.fromisoformat(content["quarantined_at"]),
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        now = datetime.now(UTC)
        return QuarantinedRecord(record=line.removesuffix(b"\n"), reason=DAMAGED, quarantined_at=now)


def _write_all(file: int, data: bytes) -> None:
    written = 0
    while written < len(data):
        written += os.write(file, data[written:])
