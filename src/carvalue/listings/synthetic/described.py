"""Generate the sample of a market from its description; equal arguments give equal bytes."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.files import atomic_write
from carvalue.listings.markets import SampleDescription
from carvalue.listings.schema import MARKET, SOURCE_COLUMNS

POSTING_DAYS = 56
REPOSTED_SHARE = 0.05  # of the listings: the same vehicle again under another id
ODD_SHARE = 0.01  # of the listings: a price that is a monthly rate or a joke
Column = npt.NDArray[np.object_]


def write_described_sample(path: Path, *, sample: SampleDescription, rows: int, seed: int) -> None:
    """Write generated listings as a CSV with the market's columns, atomically.

    Args:
        path: The CSV file to write.
        sample: What is drawn, from the market description.
        rows: The number of rows.
        seed: The seed of the random generator.
    """
    rng = np.random.default_rng(seed % 2**64)
    count = rows - round(REPOSTED_SHARE * rows)
    vehicles = _vehicles(rng, sample, count)
    again = rng.choice(count, rows - count)
    frame = pl.concat([vehicles, vehicles[again]]).with_columns(
        pl.Series("posting_date", _dates(rng, sample, rows)), pl.Series("id", _ids(rng, rows))
    )
    absent = [pl.lit(None, pl.String).alias(name) for name in SOURCE_COLUMNS if name not in frame.columns]
    with atomic_write(path) as temporary:
        frame.with_columns(*absent).select(SOURCE_COLUMNS).write_csv(temporary)


def _vehicles(rng: np.random.Generator, sample: SampleDescription, count: int) -> pl.DataFrame:
    weights = np.array([model.weight for model in sample.models])
    model = rng.choice(len(weights), count, p=weights / weights.sum())
    age = rng.integers(0, sample.years + 1, count)
    distance = np.rint(rng.gamma(4, sample.distance_per_year / 4, count) * (age + 0.3))
    log_price = np.log([item.new_price for item in sample.models])[model]
    log_price = log_price - sample.loss_per_year * age - sample.loss_per_distance * distance / 1_000
    columns: dict[str, Column] = {
        name: np.array([item.values.get(name) for item in sample.models], dtype=object)[model]
        for name in dict.fromkeys(name for item in sample.models for name in item.values)
    }
    for name, drawn in sample.categories.items():
        columns[name] = _draw(rng, drawn.shares, count)
        log_price = log_price + np.array([drawn.effects.get(value, 0.0) for value in columns[name]])
    price = np.rint(np.exp(log_price + rng.normal(0, sample.noise, count)) / 50) * 50
    columns["year"] = (sample.newest_posting.year - age).astype(object)
    columns["odometer"] = _rounded(rng, distance)
    for name, share in sample.missing.items():
        columns[name][rng.random(count) < share] = None
    columns["price"] = np.where(rng.random(count) < ODD_SHARE, 1, price)
    return pl.DataFrame([pl.Series(name, map(_text, values), pl.String) for name, values in columns.items()])


def _draw(rng: np.random.Generator, shares: Mapping[str, float], count: int) -> Column:
    weights = np.array(list(shares.values()))
    return rng.choice(np.array(list(shares), dtype=object), count, p=weights / weights.sum())


def _rounded(rng: np.random.Generator, distance: npt.NDArray[np.float64]) -> Column:
    """Round most readings, and write some with a separator of thousands, as sellers do."""
    rounded = np.where(rng.random(len(distance)) < 0.5, np.rint(distance / 500) * 500, distance)
    separator = "." if MARKET.decimal == "," else ","
    grouped = np.array([f"{value:,.0f}".replace(",", separator) for value in rounded], dtype=object)
    return np.where((rng.random(len(distance)) < 0.3) & (rounded >= 1_000), grouped, rounded)


def _text(value: object) -> str | None:
    if isinstance(value, float):
        return f"{value:.0f}"
    return None if value is None else str(value)


def _dates(rng: np.random.Generator, sample: SampleDescription, rows: int) -> list[str]:
    newest, days = datetime.combine(sample.newest_posting, time(12)), rng.integers(0, POSTING_DAYS, rows)
    return [f"{newest - timedelta(days=int(day)):{MARKET.date_format}}" for day in days]


def _ids(rng: np.random.Generator, rows: int) -> list[str]:
    return [f"M{number:07d}" for number in rng.permutation(rows)]
