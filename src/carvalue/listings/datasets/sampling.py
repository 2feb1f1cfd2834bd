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
    return (table if every == 1 else table.filter(pl.col("car").hash(SEED) % every == 0)).collect()


def sampled_cars(path: Path) -> int:
    """Compute one in how many cars of a stored table a sample has.

    Args:
        path: A Parquet file, or a folder of Parquet files.

    Returns:
        The number; 1, for all cars, where the table has at most `MAX_ROWS` rows.
    """
    rows = int(_scan(path).select(pl.len()).collect().item())
    return max(ceil(rows / MAX_ROWS), 1)


def _scan(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(parts_of(path), glob=False)
