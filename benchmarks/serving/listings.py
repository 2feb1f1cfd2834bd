"""Different cars to quote: the comparables of a bundle, as people would type them."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from carvalue.pricing.model import COMPARABLES

LISTINGS, SEED = 2_000, 1
KNOWN = "manufacturer model year odometer condition title_status state region".split()

Listing = Mapping[str, object]


def listings_of(bundle: Path) -> list[Listing]:
    """Draw cars, the same for every service; missing values are left out."""
    cars = pl.read_parquet(bundle / COMPARABLES, columns=KNOWN)
    drawn = cars.sample(LISTINGS, seed=SEED, with_replacement=True, shuffle=True)
    rows = drawn.iter_rows(named=True)
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
