"""A hash of what datasets say: equal wherever, and in whatever order, the same listings were read."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import ADVERTISED_FIELDS

BATCH_ROWS = 50_000
MISSING = -(2**63)
DEGREE_STEPS = 10_000  # whole numbers have one spelling everywhere, fractions have not


def dataset_fingerprint(splits: Iterable[Path]) -> str:
    """Hash the listings of sorted splits, in the order given; derived columns do not count.

    Values are hashed column by column, not with the library's own hashes: those differ between its versions.
    """
    columns: dict[str, hashlib._Hash] = {}
    for path in splits:
        batches = _said(path).collect_batches(chunk_size=BATCH_ROWS, maintain_order=True, engine="streaming")
        for column in (column for batch in batches for column in batch):
            columns.setdefault(column.name, hashlib.sha256()).update(_bytes(column))
        for digest in columns.values():
            digest.update(b"\x1d")  # so that a listing that changes its split changes the hash
    return hashlib.sha256(b"".join(digest.digest() for digest in columns.values())).hexdigest()[:16]


def _said(path: Path) -> pl.LazyFrame:
    degrees = [(pl.col(name) * DEGREE_STEPS).round().cast(pl.Int64) for name in ("lat", "long")]
    return pl.scan_parquet(path).select(
        "id", *ADVERTISED_FIELDS, pl.col("posted_at").dt.epoch("us"), *degrees
    )


def _bytes(column: pl.Series) -> bytes:
    if column.dtype == pl.String:
        text: str = column.fill_null("\x00").str.join("\x1f").item()
        return f"{text}\x1f".encode()
    return column.cast(pl.Int64).fill_null(MISSING).to_numpy().astype("<i8").tobytes()
