"""One file of the spool: lines appended to disk by one process, which holds it by a lock until it ends."""

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

SUFFIX = ".ndjson"
UNNAMED = ".new"
_NEW = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
UNNAMED_S = 3_600  # naming takes milliseconds: the process was killed meanwhile


class Segment:
    """An open file with a lock; `end` is how far it is safe on disk, `taken` how far the journal has it."""

    def __init__(self, path: Path, file: int) -> None:
        self._path, self._file = path, file
        self.end, self.taken = os.fstat(file).st_size, 0

    @classmethod
    def create(cls, folder: Path) -> "Segment":
        """Start a segment; it gets its name once it is locked, so that nobody takes it for an abandoned one.

        Raises:
            OSError: the disk is full, or the folder cannot be written to.
        """
        path = folder / f"{time.time_ns():020d}-{os.getpid()}{SUFFIX}"
        aside = path.with_suffix(UNNAMED)
        file = os.open(aside, _NEW | os.O_DSYNC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            aside.rename(path)
            _flush_folder(folder)
        except OSError:
            os.close(file)
            raise
        return cls(path, file)

    @classmethod
    def adopt(cls, path: Path) -> "Segment | None":
        """Take over what a process left when it ended; None while that process lives."""
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None  # another process was quicker
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return None
        return cls(path, file)

    @property
    def name(self) -> str:
        """The name of the file."""
        return self._path.name

    @property
    def waiting_bytes(self) -> int:
        """How much the journal still lacks."""
        return self.end - self.taken

    def append(self, data: bytes) -> None:
        """Bring whole lines to disk, all of them or none; `O_DSYNC` has each write return when it is there.

        Raises:
            OSError: the disk is full or broken.
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
        """Read whole lines that the journal lacks; what a crash cut off comes without its line end."""
        data = os.pread(self._file, min(limit, self.waiting_bytes), self.taken)
        return data[: data.rfind(b"\n") + 1] or data

    def close(self) -> None:
        """Give the segment up; it stays for whoever adopts it."""
        os.close(self._file)

    def remove(self) -> None:
        """Delete the file: the journal has it all."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def remove_unnamed(folder: Path) -> None:
    """Delete what processes left that were killed while they started a segment: nothing was written to it."""
    for path in folder.glob(f"*{UNNAMED}"):
        with suppress(FileNotFoundError):  # another process was quicker
            if time.time() - path.stat().st_mtime > UNNAMED_S:
                path.unlink()


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
