"""Listings of a later market from the bundled generator: newer cars, more miles and higher prices."""

from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import clean
from carvalue.listings.datasets import Dataset
from carvalue.listings.synthetic import write_sample

YEARS_LATER = 2  # model years
DAYS_LATER = 730
PRICE_FACTOR, ODOMETER_FACTOR = 1.25, 1.3
ID_OFFSET = 10_000_000_000  # above every id of the sample, because newer listings have larger ids


def write_later_listings(path: Path, *, rows: int, seed: int) -> Path:
    """Write raw listings two years after the sample, with prices up by 25 % and odometers up by 30 %.

    Args:
        path: CSV file to write.
        rows: Number of listings.
        seed: Seed of the generator; other seeds give other cars.

    Returns:
        The path.
    """
    write_sample(path, rows=rows, seed=seed)
    raw = pl.read_csv(path, infer_schema=False)
    later = raw.with_columns(
        id=(pl.col("id").cast(pl.Int64) + ID_OFFSET).cast(pl.String),
        price=_scaled("price", PRICE_FACTOR),
        odometer=_scaled("odometer", ODOMETER_FACTOR),
        year=_number("year") + YEARS_LATER,
        posting_date=_later_posting_date(),
    )
    later.write_csv(path)
    return path


def later_cars(folder: Path, *, rows: int, seed: int) -> Dataset:
    """Create a dataset of the later market that has test rows only, to request quotes for.

    Args:
        folder: Existing folder to write into.
        rows: Number of raw listings, before cleaning.
        seed: Seed of the generator.

    Returns:
        The dataset.
    """
    listings = clean(write_later_listings(folder / "later.csv", rows=rows, seed=seed), into=folder).listings
    listings.rename(folder / "test.parquet")
    return Dataset(folder)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64)


def _scaled(name: str, factor: float) -> pl.Expr:
    return (_number(name) * factor).round().cast(pl.Int64)


def _later_posting_date() -> pl.Expr:
    text = pl.col("posting_date")
    local = text.str.slice(0, 19).str.to_datetime("%Y-%m-%dT%H:%M:%S") + pl.duration(days=DAYS_LATER)
    return local.dt.strftime("%Y-%m-%dT%H:%M:%S") + text.str.slice(19)
