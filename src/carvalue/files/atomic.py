"""Atomic writes of files and folders: readers see the previous version or the new one."""

import ctypes
import errno
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

TEMPORARY_MARK = ".aside-"
"""Marks the names of unfinished files and folders; the next write of the same name deletes old ones."""

PRIVATE_UMASK = 0o077
"""The file mode creation mask of the platform's processes: what they write is for its owner only."""

ABANDONED_S = 86_400  # no write takes a day: the process that started it was killed
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # of <fcntl.h> and <linux/fs.h>


@contextmanager
def atomic_write(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Write a file under a temporary name and rename it to its final name at the end.

    The file and its folder are flushed to disk before the block ends, so the new file survives a power loss.
    If the block raises an error, the temporary file is deleted and a previous file at `path` stays as it was.

    Args:
        path: The final path; its folder is created if it does not exist.
        mode: The permission bits of the file, such as 0o600; None: those that the process's umask leaves.

    Yields:
        The temporary path to write to, in the same folder.

    Raises:
        OSError: The disk is full or broken. The previous file is unchanged, unless only the last flush of the
            folder failed.

    Example:
        >>> from pathlib import Path
        >>> with atomic_write(Path("prices.csv")) as temporary:
        ...     _ = temporary.write_text("price")
        ...     Path("prices.csv").exists()
        False
        >>> Path("prices.csv").read_text()
        'price'
    """
    with _temporary_file(path, mode) as temporary:
        yield temporary
        fsync(temporary)
        temporary.replace(path)


@contextmanager
def atomic_create(path: Path, *, mode: int | None = None) -> Iterator[Path]:
    """Write a file as `atomic_write` does, but keep a file that exists: of several processes the first wins.

    Args:
        path: The final path; its folder is created if it does not exist.
        mode: The permission bits of the file, such as 0o600; None: those that the process's umask leaves.

    Yields:
        The temporary path to write to, in the same folder.

    Raises:
        OSError: The disk is full or broken, or the file system has no hard links.

    Example:
        >>> from pathlib import Path
        >>> for content in ("first", "second"):
        ...     with atomic_create(Path("secret")) as temporary:
        ...         _ = temporary.write_text(content)
        >>> Path("secret").read_text()
        'first'
    """
    with _temporary_file(path, mode) as temporary:
        yield temporary
        fsync(temporary)
        with suppress(FileExistsError):
            path.hardlink_to(temporary)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder under a temporary name and put it in the place of the final one at the end.

    All files are flushed to disk first. On Linux, a previous folder and the new one change places in one step
    (`renameat2`); where the file system cannot do that, `folder` does not exist for a moment.
    If the block raises an error, the temporary folder is deleted and the previous one stays as it was.

    Args:
        folder: The final path; its parent is created if it does not exist. The block may also rename another
            folder of the same file system to the temporary path.

    Yields:
        An empty folder beside the final one.

    Raises:
        OSError: The disk is full or broken. The previous folder is unchanged, unless only the last flush of
            the parent failed.

    Example:
        >>> from pathlib import Path
        >>> for price in ("900", "950"):
        ...     with atomic_folder(Path("prices")) as temporary:
        ...         _ = Path(temporary, f"{price}.txt").write_text(price)
        >>> [path.name for path in Path("prices").iterdir()]
        ['950.txt']
    """
    make_folder(folder.parent)
    temporary = _temporary(folder)
    try:
        temporary.mkdir()
        yield temporary
        fsync_tree(temporary)
        _put_in_place(temporary, folder)
        fsync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Create a folder and its missing parents, and flush their entries to disk.

    Args:
        folder: The folder; nothing happens if it exists.
        mode: Its permission bits, less those of the umask; its parents are created with the usual ones.

    Raises:
        OSError: The folder cannot be created or flushed. It is then not there, unless it is in use already.

    Example:
        >>> from pathlib import Path
        >>> make_folder(Path("var/storage"))
        >>> Path("var/storage").is_dir()
        True
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode, exist_ok=True)
    try:
        fsync(folder.parent)
    except OSError:
        with suppress(OSError):  # the next attempt would find the folder, and not flush its entry
            folder.rmdir()
        raise


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
    make_folder(folder, mode=0o700)
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
    """Flush a folder and everything below it to disk.

    Args:
        folder: An existing folder.

    Example:
        >>> from pathlib import Path
        >>> Path("bundle").mkdir()
        >>> _ = Path("bundle", "card.json").write_text("{}")
        >>> fsync_tree(Path("bundle"))
    """
    for path in folder.rglob("*"):
        if not path.is_symlink():
            fsync(path)
    fsync(folder)


@contextmanager
def _temporary_file(path: Path, mode: int | None) -> Iterator[Path]:
    make_folder(path.parent)
    temporary = _temporary(path)
    try:
        if mode is not None:
            temporary.touch(mode=mode)
        yield temporary
        fsync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """Name a temporary file or folder beside `path`, and delete those that killed processes left behind."""
    prefix = f".{path.name}{TEMPORARY_MARK}"
    for other in path.parent.iterdir():
        if other.name.startswith(prefix):
            _delete_abandoned(other)
    return path.with_name(f"{prefix}{uuid4().hex}")


def _delete_abandoned(path: Path) -> None:
    with suppress(OSError):  # another process was faster
        if path.lstat().st_mtime > time.time() - ABANDONED_S:
            return
        delete: Callable[[Path], None] = shutil.rmtree if path.is_dir() else Path.unlink
        delete(path)


def _put_in_place(new: Path, folder: Path) -> None:
    try:
        new.rename(folder)  # where there is no folder, or an empty one
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
            raise
        _exchange(new, folder)


def _exchange(new: Path, folder: Path) -> None:
    """Let two folders change places; afterwards `new` is the previous folder."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        paths = os.fsencode(new), os.fsencode(folder)
        if libc.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) == 0:
            return
        number = ctypes.get_errno()
        if number not in {errno.EINVAL, errno.ENOSYS}:  # these: the file system or kernel cannot exchange
            raise OSError(number, os.strerror(number), str(folder))
    previous = _temporary(folder)
    folder.rename(previous)
    new.rename(folder)
    previous.rename(new)
