"""Dataset fingerprints: a hash of the listings that is equal on every machine and Polars version."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import ADVERTISED_FIELDS

BATCH_ROWS = 50_000
_NULL = -(2**63)  # the hashed value of a null
DEGREE_STEPS = 10_000  # coordinates are hashed as integers, because float formatting and rounding can differ


def dataset_fingerprint(splits: Iterable[Sequence[Path]]) -> str:
    """Hash the listings of sorted splits; derived columns such as `car` are left out.

    Values are hashed with SHA-256 column by column, because Polars' own hashes differ between its versions.

    Args:
        splits: The Parquet files of each split, whose rows in this order are sorted, in a fixed order.

    Returns:
        16 hexadecimal digits.
    """
    columns: dict[str, hashlib._Hash] = {}
    for files in splits:
        batches = _hashed_columns(files).collect_batches(
            chunk_size=BATCH_ROWS, maintain_order=True, engine="streaming"
        )
        for column in (column for batch in batches for column in batch):
            columns.setdefault(column.name, hashlib.sha256()).update(_bytes(column))
        for digest in columns.values():
            digest.update(b"\x1d")  # separates the splits, so that moving a listing changes the hash
    return hashlib.sha256(b"".join(digest.digest() for digest in columns.values())).hexdigest()[:16]


def _hashed_columns(files: Sequence[Path]) -> pl.LazyFrame:
    degrees = [(pl.col(name) * DEGREE_STEPS).round().cast(pl.Int64) for name in ("lat", "long")]
    return pl.scan_parquet(list(files), glob=False).select(
        "id", *ADVERTISED_FIELDS, pl.col("posted_at").dt.epoch("us"), *degrees
    )


def _bytes(column: pl.Series) -> bytes:
    if column.dtype == pl.String:
        text: str = column.fill_null("\x00").str.join("\x1f").item()
        return f"{text}\x1f".encode()
    return column.cast(pl.Int64).fill_null(_NULL).to_numpy().astype("<i8").tobytes()
