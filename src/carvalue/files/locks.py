"""Locks between processes."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carvalue.files.atomic import make_folder


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock within the block; other processes and threads wait for it.

    The operating system releases the lock when the process ends, also after a crash.

    Args:
        path: The file of the lock; it is created if needed, is empty, and stays.

    Yields:
        Nothing; the lock is held.

    Raises:
        OSError: The file cannot be created.

    Example:
        >>> from pathlib import Path
        >>> with file_lock(Path("store/.lock")):
        ...     Path("store/.lock").exists()
        True
    """
    make_folder(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
