"""One file of the outbox. A process appends lines to it and holds a lock on it until the process ends."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from carvalue.files import fsync

SUFFIX = ".records-v3"  # a release adopts only the formats that it knows, so a rollback deletes nothing
READABLE_SUFFIXES = (SUFFIX, ".records-v2", ".ndjson")  # release 0.1 wrote `.ndjson`
ANY_FORMAT = "*.records-v*"
TEMPORARY_SUFFIX = ".new"
_NEW = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
TEMPORARY_S = 3_600  # renaming takes milliseconds: an older file belongs to a process that was killed


class Segment:
    """An open, locked file of entries.

    Args:
        path: The path of the file.
        file: Its open and locked file descriptor.

    Attributes:
        path: The path of the file.
        end: How many bytes are safely on disk.
        forwarded_bytes: How many bytes from the start are in the journal.
    """

    def __init__(self, path: Path, file: int) -> None:
        self.path, self._file = path, file
        self.end, self.forwarded_bytes = os.fstat(file).st_size, 0

    @classmethod
    def create(cls, folder: Path) -> "Segment":
        """Create a segment. It is renamed once it is locked, so that no other process adopts it.

        Args:
            folder: The folder of the outbox.

        Returns:
            An empty segment that this process holds.

        Raises:
            OSError: The disk is full, or the folder is not writable.
        """
        path = folder / f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
        temporary = path.with_suffix(TEMPORARY_SUFFIX)
        file = os.open(temporary, _NEW | os.O_DSYNC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            temporary.rename(path)
            fsync(folder)
        except OSError:
            os.close(file)
            raise
        return cls(path, file)

    @classmethod
    def adopt(cls, path: Path) -> "Segment | None":
        """Take over a segment of a process that has ended.

        Args:
            path: The path of the segment.

        Returns:
            The segment; None while its process runs, or when another process was faster.
        """
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None  # another process was faster
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return cls(path, file)

    @property
    def waiting_bytes(self) -> int:
        """Bytes that are not in the journal yet."""
        return self.end - self.forwarded_bytes

    def append(self, data: bytes) -> None:
        """Write all lines to disk or none. With `O_DSYNC` a write returns when the data are durable.

        Args:
            data: Whole lines.

        Raises:
            OSError: The disk is full or broken.
        """
        try:
            written = 0
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.end)
            raise
        self.end += len(data)

    def read(self, limit: int) -> bytes:
        """Read the next lines that are not in the journal yet.

        Args:
            limit: How many bytes to read at most.

        Returns:
            Whole lines, or a last line without line feed that a crash cut off. A line that is longer than the
            limit is read whole.
        """
        while True:
            data = os.pread(self._file, min(limit, self.waiting_bytes), self.forwarded_bytes)
            if b"\n" in data:
                return data[: data.rfind(b"\n") + 1]
            if len(data) < limit:
                return data
            limit *= 2

    def close(self) -> None:
        """Release the segment and keep its file for the process that adopts it."""
        os.close(self._file)

    def remove(self) -> None:
        """Delete the file and release the segment."""
        self.path.unlink(missing_ok=True)
        os.close(self._file)


def remove_temporary(folder: Path) -> None:
    """Delete the empty files of processes that were killed while they created a segment.

    Args:
        folder: The folder of the outbox.
    """
    for path in folder.glob(f"*{TEMPORARY_SUFFIX}"):
        with suppress(FileNotFoundError):  # another process was faster
            if time.time() - path.stat().st_mtime > TEMPORARY_S:
                path.unlink()
