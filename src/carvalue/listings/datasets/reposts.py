"""Later advertisements of cars that the model knows: an easier test, kept beside the real one."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import advertisement_key

REPOSTS_FILE = "reposts.parquet"


def write_reposts(listings: pl.LazyFrame, *, ids: pl.DataFrame, known: Iterable[Path], into: Path) -> int:
    """Write those of these listings that say something new: no known listing says the very same.

    Args:
        listings: the clean table.
        ids: one column `id`: listings of the test's time whose cars came earlier.
        known: splits that a model learns from.
        into: the splits' folder.

    Returns:
        how many rows were written.
    """
    said = pl.concat(pl.scan_parquet(path).select(said=advertisement_key()) for path in known)
    later = listings.join(ids.lazy(), on="id", how="semi").with_columns(said=advertisement_key())
    new = later.join(said.unique(), on="said", how="anti").drop("said").sort("posted_at", "id")
    new.sink_parquet(into / REPOSTS_FILE, engine="streaming")
    return int(pl.scan_parquet(into / REPOSTS_FILE).select(pl.len()).collect().item())
