"""Training rows in parts, in memory or in files, and where the work on them is done."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import polars as pl

from carvalue.listings.datasets import cars_of_sample, some_cars
from carvalue.parallel import IN_PROCESS, Table, Workers, parts_of, shuffle, table_of

FOLDS = 5

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """Rows to fit on.

    Attributes:
        tables: The parts.
        workers: Where the parts are read.
        scratch: An existing folder for files between tasks, which all workers see; None to keep the parts in
            the memory of this process.
    """

    tables: Sequence[Table]
    workers: Workers = IN_PROCESS
    scratch: Path | None = None

    def __add__(self, other: "TrainingRows") -> "TrainingRows":
        """Append rows.

        Args:
            other: Further rows.

        Returns:
            All rows, with the workers of the first ones.
        """
        return replace(self, tables=[*self.tables, *other.tables])

    def scan(self) -> pl.LazyFrame:
        """Open all parts as one table.

        Returns:
            The rows.
        """
        return pl.concat([table() for table in self.tables])

    def map(self, function: Callable[..., Result], *, description: str, **shared: object) -> list[Result]:
        """Call a function with each part.

        Args:
            function: A function of a module, or a partial of one; its first argument is the part's table.
            description: What the tasks do, for log lines.
            shared: Further arguments, which are sent to each worker once.

        Returns:
            The results, in the order of the parts.
        """
        return self.workers.map(function, self.tables, description=description, shared=shared)

    def sample(self) -> "TrainingRows":
        """Select the listings of some cars where there are too many for what one process keeps of each row.

        Returns:
            About a million rows at most, of the same cars however the rows are divided into parts.
        """
        one_in = cars_of_sample(self.count())
        if one_in == 1:
            return self
        return replace(self, tables=[partial(_some_cars, table, one_in=one_in) for table in self.tables])

    def count(self) -> int:
        """Count the rows.

        Returns:
            Their number.
        """
        return int(self.scan().select(pl.len()).collect().item())


def in_memory(frame: pl.DataFrame) -> TrainingRows:
    """Take a frame as training rows.

    Args:
        frame: The rows.

    Returns:
        The rows, as one part.
    """
    return TrainingRows(tables=[frame.lazy])


def in_files(paths: Sequence[Path], *, workers: Workers, scratch: Path) -> TrainingRows:
    """Take stored tables as training rows.

    Args:
        paths: Parquet files, or folders of Parquet files.
        workers: Where the parts are read.
        scratch: An existing folder for files between tasks, which all workers see.

    Returns:
        The rows; without partitions they are one part in memory. A file without rows is no part.
    """
    files = [file for path in paths for file in parts_of(path)]
    if workers.partitions == 1:
        return TrainingRows(tables=[table_of(files)], workers=workers)
    tables = [table_of([file]) for file in files]
    filled = [table for table in tables if table().select(pl.len()).collect().item()]
    return TrainingRows(tables=filled or tables[:1], workers=workers, scratch=scratch)


def fold_of_car() -> pl.Expr:
    """Compute the fold of a car, so that all its listings are in the same one.

    Returns:
        Expression of the column `car`, a number from 0 to `FOLDS` - 1.

    Examples:
        >>> pl.DataFrame({"car": [0, 7, 14, 14]}).select(fold_of_car()).to_series().to_list()
        [0, 1, 2, 2]
    """
    return (pl.col("car").cast(pl.UInt64).fill_null(0) // 7 % FOLDS).cast(pl.Int64).alias("fold")


def count_listings(rows: TrainingRows) -> pl.DataFrame:
    """Find the cars with several listings.

    Args:
        rows: Listings; the column `car` identifies the car.

    Returns:
        Frame with `car` and `listings`, for cars with at least two.
    """
    if rows.scratch is None:
        return _several(rows.scan)
    folder = rows.scratch / f"cars-{uuid4().hex}"
    cars = shuffle(
        [partial(_cars, table) for table in rows.tables], by="car", workers=rows.workers, into=folder
    )
    try:
        return pl.concat(rows.workers.map(_several, cars, description="count the listings of cars"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _some_cars(table: Table, *, one_in: int) -> pl.LazyFrame:
    return some_cars(table(), one_in=one_in)


def _cars(table: Table) -> pl.LazyFrame:
    return table().select("car")


def _several(cars: Table) -> pl.DataFrame:
    counts = cars().group_by("car").agg(listings=pl.len()).filter(pl.col("listings") > 1)
    return counts.collect(engine="streaming")
