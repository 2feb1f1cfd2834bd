"""A later market out of the bundled generator: other cars, newer, driven further, and dearer."""

from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import clean
from carvalue.listings.datasets import Dataset
from carvalue.listings.synthetic import write_sample

YEARS = 2  # the newest cars of then are two years newer
DAYS = 730
DEARER, FURTHER = 1.25, 1.3
FIRST_FREE_ID = 10_000_000_000  # ids grow with time; the sample's end below


def write_later_listings(path: Path, *, rows: int, seed: int) -> Path:
    """Write raw listings of two years after the sample's month, a quarter dearer and driven further."""
    write_sample(path, rows=rows, seed=seed)
    raw = pl.read_csv(path, infer_schema=False)
    moved = raw.with_columns(
        id=(pl.col("id").cast(pl.Int64) + FIRST_FREE_ID).cast(pl.String),
        price=_times("price", DEARER),
        odometer=_times("odometer", FURTHER),
        year=_number("year") + YEARS,
        posting_date=_later(),
    )
    moved.write_csv(path)
    return path


def later_cars(folder: Path, *, rows: int, seed: int) -> Dataset:
    """Make cars of that market to ask for: a dataset of test rows only."""
    listings = clean(write_later_listings(folder / "later.csv", rows=rows, seed=seed), into=folder).listings
    listings.rename(folder / "test.parquet")
    return Dataset(folder)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def _times(name: str, factor: float) -> pl.Expr:
    return (_number(name) * factor).round().cast(pl.Int64)


def _later() -> pl.Expr:
    text = pl.col("posting_date")
    local = text.str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S") + pl.duration(days=DAYS)
    return local.dt.strftime("%Y-%m-%dT%H:%M:%S") + text.str.slice(19)
