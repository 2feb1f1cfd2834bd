"""Bring the rows with equal keys of all parts together, through files."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from uuid import uuid4

import polars as pl

from carvalue.files import TEMPORARY_MARK
from carvalue.parallel.tables import Table, part_file, table_of
from carvalue.parallel.workers import Workers

NumberedTable = tuple[int, Table]


def shuffle(
    tables: Sequence[Table], *, by: str, workers: Workers, into: Path, buckets: int | None = None
) -> list[Table]:
    """Distribute rows over buckets by `key % buckets`, so that a task can compare all rows with equal keys.

    Each table is read once, and written as one file for each bucket. With one partition nothing is written:
    a bucket is a lazy frame over all tables.

    Args:
        tables: The rows, which have the same columns.
        by: The column of the key, an unsigned integer.
        workers: Where the tables are read and written.
        into: An empty folder for the files.
        buckets: The number of buckets; None: that of partitions.

    Returns:
        The buckets in the order of their numbers; the rows of a bucket are in the order of the tables.

    Example:
        >>> from functools import partial
        >>> from carvalue.parallel import InProcess
        >>> tables = [partial(pl.LazyFrame, {"car": cars}) for cars in ([1, 2, 3], [3, 4])]
        >>> even, odd = shuffle(tables, by="car", workers=InProcess(partitions=2), into=Path("by-car"))
        >>> odd().collect()["car"].to_list()
        [1, 3, 3]
    """
    count = buckets or workers.partitions
    if workers.partitions == 1:
        return [partial(_bucket, tables, by=by, buckets=count, number=number) for number in range(count)]
    distribute = partial(_distribute, by=by, buckets=count, into=into)
    folders = workers.map(distribute, list(enumerate(tables)), description=f"shuffle {into.name}")
    return [table_of([part_file(folder, number) for folder in folders]) for number in range(count)]


def _bucket(tables: Sequence[Table], *, by: str, buckets: int, number: int) -> pl.LazyFrame:
    rows = pl.concat([table() for table in tables])
    return rows if buckets == 1 else rows.filter(pl.col(by) % buckets == number)


def _distribute(numbered: NumberedTable, *, by: str, buckets: int, into: Path) -> Path:
    """Write the rows of a table to one file for each bucket, in one pass."""
    number, table = numbered
    folder = into / f"{number:05}"
    into.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f"{folder.name}{TEMPORARY_MARK}{uuid4().hex}")
    temporary.mkdir()
    rows = table()
    sinks = [
        rows.filter(pl.col(by) % buckets == bucket).sink_parquet(
            part_file(temporary, bucket), compression="lz4", statistics=False, lazy=True
        )
        for bucket in range(buckets)
    ]
    pl.collect_all(sinks, engine="streaming")
    try:
        temporary.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(temporary)  # the task ran twice: the other one was faster
    return folder
