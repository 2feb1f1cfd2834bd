"""Different cars to request quotes for: the bundle's comparable cars, with the fields that people enter."""

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from carvalue.pricing.model import COMPARABLES

LISTINGS, SEED = 2_000, 1
ENTERED = "manufacturer model year odometer condition title_status state region".split()

Listing = Mapping[str, object]


def sample_listings(bundle: Path) -> list[Listing]:
    """Draw cars from a bundle, always the same.

    Args:
        bundle: The folder of the bundle.

    Returns:
        2,000 listings without their empty fields.
    """
    cars = pl.read_parquet(bundle / COMPARABLES, columns=ENTERED)
    drawn = cars.sample(LISTINGS, seed=SEED, with_replacement=True, shuffle=True)
    rows = drawn.iter_rows(named=True)
    return [{name: value for name, value in row.items() if value is not None} for row in rows]
