"""Atomic writes: readers see the previous file or the new one, never an incomplete file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

TEMPORARY_MARK = ".aside-"
"""Marks the names of unfinished files and folders; any left after a crash can be deleted."""

PRIVATE_UMASK = 0o077
"""The file mode creation mask of the platform's processes: what they write is for its owner only."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name and rename it to its final name at the end.

    The file and its folder are flushed to disk before the block ends, so the new file survives a power loss.
    If the block raises an error, the temporary file is deleted and a previous file at `path` stays as it was.

    Args:
        path: The final path; its folder is created if it does not exist.

    Yields:
        The temporary path to write to, in the same folder.

    Example:
        >>> from pathlib import Path
        >>> with atomic_write(Path("prices.csv")) as temporary:
        ...     _ = temporary.write_text("price")
        ...     Path("prices.csv").exists()
        False
        >>> Path("prices.csv").read_text()
        'price'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}{TEMPORARY_MARK}{uuid4().hex}")
    try:
        yield temporary
        fsync(temporary)
        temporary.replace(path)
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def make_private(folder: Path) -> None:
    """Create a folder, or close an existing one, so that only its owner can enter it.

    Args:
        folder: The folder; its parents are created with the usual permissions.

    Example:
        >>> from pathlib import Path
        >>> make_private(Path("var"))
        >>> oct(Path("var").stat().st_mode & 0o777)
        '0o700'
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if folder.stat().st_uid == os.geteuid():  # a volume may belong to another user
        folder.chmod(0o700)


def fsync(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to disk.

    Args:
        path: An existing file or folder.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_tree(folder: Path) -> None:
    """Flush a folder to disk: the files directly in it, its entries, and its own entry in its parent.

    Args:
        folder: An existing folder.

    Example:
        >>> from pathlib import Path
        >>> Path("bundle").mkdir()
        >>> _ = Path("bundle", "card.json").write_text("{}")
        >>> fsync_tree(Path("bundle"))
    """
    for path in folder.iterdir():
        if path.is_file():
            fsync(path)
    fsync(folder)
    fsync(folder.parent)
