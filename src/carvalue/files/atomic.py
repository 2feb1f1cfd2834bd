"""Write aside, then rename: whoever reads sees the earlier file or the new one, never half of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

TEMPORARY_MARK = ".aside-"
"""Names of unfinished files and folders contain it; what bears it after a crash is rubbish."""


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a path to write to; it becomes `path` at the end, or goes if the writing fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}{TEMPORARY_MARK}{uuid4().hex}")
    try:
        yield aside
        fsync(aside)
        aside.replace(path)
        fsync(path.parent)
    finally:
        aside.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, outlive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
