"""Implausible odometers: a used car with a very small reading has a mistyped odometer.

Sellers type thousands (120 for 120,000) or a placeholder. Such a car is priced as one of unknown mileage, or
with the typed mileage where that gives the lower price: so a newer car is still never cheaper.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import polars as pl

from carvalue.listings import DISTANCE, Value
from carvalue.pricing.features.cells import Cells, FrameCells, Indices, ListingCells

IMPLAUSIBLE = "odometer_implausible"
"""Name of the flag; cars with an implausible odometer are cheaper than those without any mileage."""
WITHOUT_ODOMETER: Mapping[str, Value] = {"odometer": None, IMPLAUSIBLE: 1}
"""Values that replace those of a listing with an implausible odometer."""
MIN_PLAUSIBLE_ODOMETER = round(DISTANCE.from_miles(1_000))
"""A smaller odometer reading is implausible for a used car."""
NO_ROWS: Indices = np.empty(0, dtype=np.int64)
USED_YEARS = 3
"""A car counts as used from so many years before the newest model year.

Sales of a model year start in the summer before it, so cars of the two newest model years may be unused.
"""


def is_implausible(odometer: Value, year: Value, *, newest_year: int) -> bool:
    """Check whether a used car shows fewer than `MIN_PLAUSIBLE_ODOMETER`.

    Args:
        odometer: Reading in the market's unit; a missing odometer is never implausible.
        year: Model year; without one no odometer is implausible.
        newest_year: Newest model year of the training rows.

    Returns:
        Whether the odometer is implausible.

    Examples:
        >>> is_implausible(120, 2014, newest_year=2021), is_implausible(120, 2020, newest_year=2021)
        (True, False)
    """
    return _is_small(odometer) and _is_old(year, newest_year=newest_year)


def implausible_rows(cells: Cells, *, newest_year: int) -> Indices:
    """Find the listings with an implausible odometer.

    Args:
        cells: Cells of the listings.
        newest_year: Newest model year of the training rows.

    Returns:
        Indices of these listings, in order.
    """
    if isinstance(cells, ListingCells):
        flags = cells.evaluate(partial(is_implausible, newest_year=newest_year), ("odometer", "year"))
        # NumPy takes longer to look through a few listings
        return np.flatnonzero(flags) if True in flags else NO_ROWS
    # nearly each listing has a combination of both values of its own
    reading, readings = cells.distinct(("odometer",))
    year, years = cells.distinct(("year",))
    small = np.array([_is_small(value) for (value,) in readings], dtype=np.bool_)
    old = np.array([_is_old(value, newest_year=newest_year) for (value,) in years], dtype=np.bool_)
    return np.flatnonzero(small[reading] & old[year])


def _is_small(odometer: Value) -> bool:
    return isinstance(odometer, int | float) and odometer < MIN_PLAUSIBLE_ODOMETER


def _is_old(year: Value, *, newest_year: int) -> bool:
    return isinstance(year, int | float) and year <= newest_year - USED_YEARS


def drop_implausible(frame: pl.DataFrame, *, newest_year: int) -> pl.DataFrame:
    """Remove implausible odometers and add the flag `IMPLAUSIBLE`.

    Args:
        frame: Listings with `odometer` and `year`.
        newest_year: Newest model year of the training rows.

    Returns:
        The frame with null instead of implausible odometers, and the Int8 column `IMPLAUSIBLE`.

    Examples:
        >>> cars = pl.DataFrame({"year": [2014, 2014], "odometer": [120, 90_000]})
        >>> drop_implausible(cars, newest_year=2021).rows()
        [(2014, None, 1), (2014, 90000, 0)]
    """
    flags = np.zeros(frame.height, dtype=np.int8)
    flags[implausible_rows(FrameCells(frame), newest_year=newest_year)] = 1
    flagged = frame.with_columns(pl.Series(IMPLAUSIBLE, flags))
    return flagged.with_columns(pl.when(pl.col(IMPLAUSIBLE) == 0).then("odometer").alias("odometer"))
