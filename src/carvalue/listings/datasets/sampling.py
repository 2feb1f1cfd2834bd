"""Read a split into memory, or the listings of a sample of its cars where it has too many."""

from math import ceil
from pathlib import Path

import polars as pl

from carvalue.parallel import parts_of

MAX_ROWS = 1_000_000
SEED = 1


def read_sample(path: Path, *, one_in: int | None = None) -> pl.DataFrame:
    """Read a stored table: all rows, or all listings of one in several cars.

    Args:
        path: A Parquet file, or a folder of Parquet files, with the column `car`.
        one_in: One in how many cars is read; None for `sampled_cars` of the table.

    Returns:
        The rows, in their order.

    Examples:
        >>> pl.DataFrame({"car": [1, 2, 2, 3, 4, 5]}).write_parquet("cars.parquet")
        >>> read_sample(Path("cars.parquet")).height
        6
        >>> set(read_sample(Path("cars.parquet"), one_in=2)["car"]) < {1, 2, 3, 4, 5}
        True
    """
    table, every = _scan(path), one_in or sampled_cars(path)
    return some_cars(table, one_in=every).collect()


def some_cars(table: pl.LazyFrame, *, one_in: int) -> pl.LazyFrame:
    """Select all listings of one in several cars: the same cars, however the table is stored.

    Args:
        table: Listings with the column `car`.
        one_in: One in how many cars is selected.

    Returns:
        These listings, in their order; all of them for 1.
    """
    return table if one_in == 1 else table.filter(pl.col("car").hash(SEED) % one_in == 0)


def sampled_cars(path: Path) -> int:
    """Compute one in how many cars of a stored table a sample has.

    Args:
        path: A Parquet file, or a folder of Parquet files.

    Returns:
        The number; 1, for all cars, where the table has at most `MAX_ROWS` rows.
    """
    return cars_of_sample(int(_scan(path).select(pl.len()).collect().item()))


def cars_of_sample(rows: int) -> int:
    """Compute one in how many cars a sample has, so that it has about `MAX_ROWS` rows at most.

    Args:
        rows: The number of all rows.

    Returns:
        The number; 1, for all cars, where there are at most `MAX_ROWS` rows.

    Examples:
        >>> cars_of_sample(366_653), cars_of_sample(2_500_000)
        (1, 3)
    """
    return max(ceil(rows / MAX_ROWS), 1)


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(parts_of(path), glob=False)
