"""Tables in parts: a table of one part is a Parquet file, a table of several is a folder of Parquet files."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import polars as pl

from carvalue.files import TEMPORARY_MARK

Table = Callable[[], pl.LazyFrame]
"""Opens a table on any worker: a function of a module, or a partial of one."""

PART_SUFFIX = ".parquet"
Part = TypeVar("Part")


def table_of(files: Sequence[Path]) -> Table:
    """Return the table whose rows are those of files, in their order.

    Args:
        files: Parquet files with the same columns.

    Returns:
        The table.
    """
    return partial(pl.scan_parquet, list(files), glob=False)


def part_file(folder: Path, number: int) -> Path:
    """Name the file of a part.

    Args:
        folder: The folder of the parts.
        number: The number of the part, from 0.

    Returns:
        The path; paths sort as their numbers do.

    Example:
        >>> part_file(Path("train.parquet"), 7).as_posix()
        'train.parquet/00007.parquet'
    """
    return folder / f"{number:05}{PART_SUFFIX}"


def parts_of(path: Path) -> list[Path]:
    """List the files of a stored table.

    Args:
        path: A Parquet file, or a folder of Parquet files.

    Returns:
        The files; their rows in this order are the table.

    Example:
        >>> parts_of(Path("train.parquet"))
        [PosixPath('train.parquet')]
    """
    return sorted(path.glob(f"*{PART_SUFFIX}")) if path.is_dir() else [path]


def group_parts(parts: Sequence[Part], groups: int) -> list[tuple[Part, ...]]:
    """Distribute consecutive parts over groups of about equal size.

    Args:
        parts: The parts, in order.
        groups: The greatest number of groups.

    Returns:
        Groups that are not empty, in order.

    Example:
        >>> group_parts(["mon", "tue", "wed", "thu", "fri"], 2)
        [('mon', 'tue'), ('wed', 'thu', 'fri')]
    """
    count = min(groups, len(parts))
    borders = [len(parts) * number // count for number in range(count + 1)]
    return [tuple(parts[start:end]) for start, end in pairwise(borders)]


def store_table(parts: Sequence[Path], path: Path) -> None:
    """Move the parts of a table to their place; an earlier table is replaced.

    Args:
        parts: Parquet files of the same file system, in order.
        path: The file of a single part, or the folder of several.

    Example:
        >>> for number in range(2):
        ...     pl.DataFrame({"price": [number]}).write_parquet(f"{number}.parquet")
        >>> store_table([Path("0.parquet"), Path("1.parquet")], Path("prices.parquet"))
        >>> pl.read_parquet("prices.parquet")["price"].to_list()
        [0, 1]
    """
    if path.is_dir():
        shutil.rmtree(path)
    if len(parts) == 1:
        parts[0].replace(path)
        return
    path.unlink(missing_ok=True)
    path.mkdir()
    for number, part in enumerate(parts):
        part.replace(part_file(path, number))


def copy_table(path: Path, into: Path) -> None:
    """Copy a stored table.

    Args:
        path: The file, or the folder of the parts.
        into: The new file or folder.
    """
    if path.is_dir():
        shutil.copytree(path, into)
    else:
        shutil.copyfile(path, into)


@contextmanager
def scratch_folder(into: Path) -> Iterator[Path]:
    """Create an empty folder for the files between the tasks of a step.

    Each run has a folder of its own, so that a task which a cluster has given up, and which still runs,
    writes into no later run. Folders that killed runs left are deleted.

    Args:
        into: The folder to create it in.

    Yields:
        The folder, which is deleted after the block.
    """
    prefix = f"scratch{TEMPORARY_MARK}"  # the mark keeps it out of the storage
    for left in into.glob(f"{prefix}*"):
        shutil.rmtree(left, ignore_errors=True)
    folder = into / f"{prefix}{uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def written_part(path: Path) -> Iterator[Path]:
    """Write a file of a task: others see the whole file or none, also if the task runs twice at once.

    Nothing is flushed to disk, because a run that is interrupted starts again.

    Args:
        path: The file; its folder is created if it does not exist.

    Yields:
        The temporary path to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}{TEMPORARY_MARK}{uuid4().hex}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
