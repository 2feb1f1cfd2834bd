"""A hash of what datasets say: equal wherever and in whatever order the same listings were read."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from carvalue.listings.cars import SAID

BATCH_ROWS = 50_000


def fingerprint_of(splits: Iterable[Path]) -> str:
    """Hash the listings of sorted splits, in the order given; derived columns do not count.

    Text is hashed, not the library's own row hashes: those differ between its versions.
    """
    digest = hashlib.sha256()
    for path in splits:
        digest.update(b"\x1d")
        for batch in _lines(path).collect_batches(
            chunk_size=BATCH_ROWS, maintain_order=True, engine="streaming"
        ):
            digest.update("".join(batch.to_series()).encode())
    return digest.hexdigest()[:16]


def _lines(path: Path) -> pl.LazyFrame:
    moment = pl.col("posted_at").dt.epoch("us")
    # whole numbers have one spelling everywhere, fractions have not
    degrees = [(pl.col(name) * 10_000).round().cast(pl.Int32) for name in ("lat", "long")]
    values = [value.cast(pl.String).fill_null("\x00") for value in (pl.col("id", *SAID), moment, *degrees)]
    return pl.scan_parquet(path).select(pl.concat_str(*values, pl.lit("\x1e"), separator="\x1f"))
