"""Read a split into memory, or the listings of a sample of its cars where it has too many."""

from math import ceil
from pathlib import Path

import polars as pl

from carvalue.parallel import parts_of

MAX_ROWS = 1_000_000
SEED = 1


def read_sample(path: Path, *, rows: int = MAX_ROWS) -> pl.DataFrame:
    """Read a stored table: all rows, or all listings of one in several cars.

    Samples of different splits have the same cars.

    Args:
        path: A Parquet file, or a folder of Parquet files, with the column `car`.
        rows: Number of rows up to which all are read; a sample has about as many at most.

    Returns:
        The rows, in their order.

    Examples:
        >>> pl.DataFrame({"car": [1, 2, 2, 3, 4, 5]}).write_parquet("cars.parquet")
        >>> read_sample(Path("cars.parquet")).height
        6
        >>> set(read_sample(Path("cars.parquet"), rows=3)["car"]) < {1, 2, 3, 4, 5}
        True
    """
    table = pl.scan_parquet(parts_of(path), glob=False)
    every = ceil(table.select(pl.len()).collect().item() / rows)
    return (table if every <= 1 else table.filter(pl.col("car").hash(SEED) % every == 0)).collect()
