"""Re-posts: test-period listings of cars that are already in training or validation, evaluated separately."""

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import advertisement_key

REPOSTS_FILE = "reposts.parquet"


def write_reposts(listings: pl.LazyFrame, *, ids: pl.DataFrame, known: Iterable[Path], into: Path) -> int:
    """Write the re-posts whose content differs from every training and validation listing.

    Args:
        listings: The clean table.
        ids: One column `id`: the listings of the test period whose car was first posted earlier.
        known: The Parquet files of the training and validation splits.
        into: The folder of the splits; the file is `REPOSTS_FILE`.

    Returns:
        The number of rows written.
    """
    seen = pl.concat(pl.scan_parquet(path).select(content=advertisement_key()) for path in known)
    reposts = listings.join(ids.lazy(), on="id", how="semi").with_columns(content=advertisement_key())
    new = reposts.join(seen.unique(), on="content", how="anti").drop("content").sort("posted_at", "id")
    new.sink_parquet(into / REPOSTS_FILE, engine="streaming")
    return int(pl.scan_parquet(into / REPOSTS_FILE).select(pl.len()).collect().item())
