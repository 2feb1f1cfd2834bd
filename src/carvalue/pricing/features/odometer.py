"""Implausible odometers: a used car with very few miles has a mistyped odometer.

Sellers type thousands (120 for 120,000) or a placeholder. Such a car is priced as one of unknown mileage, or
with the typed mileage where that gives the lower price: so a newer car is still never cheaper.
"""

import polars as pl

from carvalue.listings import Listing

IMPLAUSIBLE = "odometer_doubted"
"""Name of the flag; cars with an implausible odometer are cheaper than those without any mileage."""
MIN_PLAUSIBLE_MILES = 1_000
"""Fewer miles than these are implausible for a used car."""
USED_YEARS = 3
"""A car counts as used from so many years before the newest model year.

Sales of a model year start in the summer before it, so cars of the two newest model years may be unused.
"""


def is_implausible(listing: Listing, *, newest_year: int) -> bool:
    """Check whether a used car shows fewer than `MIN_PLAUSIBLE_MILES`.

    Args:
        listing: Listing with `odometer` (miles) and `year`; a missing one is never implausible.
        newest_year: Newest model year of the training rows.

    Returns:
        Whether the odometer is implausible.

    Examples:
        >>> is_implausible({"year": 2014, "odometer": 120}, newest_year=2021)
        True
        >>> is_implausible({"year": 2020, "odometer": 120}, newest_year=2021)
        False
    """
    miles, year = listing.get("odometer"), listing.get("year")
    if not isinstance(miles, int | float) or not isinstance(year, int | float):
        return False
    return miles < MIN_PLAUSIBLE_MILES and year <= newest_year - USED_YEARS


def implausible_rows(frame: pl.DataFrame, *, newest_year: int) -> pl.Series:
    """Check each row of a frame as `is_implausible` does.

    Args:
        frame: Listings with `odometer` and `year`; an absent column counts as missing.
        newest_year: Newest model year of the training rows.

    Returns:
        Boolean series, one value per row.
    """
    if not {"odometer", "year"} <= set(frame.columns):
        return pl.Series("implausible", [False]).new_from_index(0, frame.height)
    miles, year = pl.col("odometer").cast(pl.Float64), pl.col("year").cast(pl.Float64)
    implausible = (miles < MIN_PLAUSIBLE_MILES) & (year <= newest_year - USED_YEARS)
    return frame.select(implausible.fill_null(value=False).alias("implausible")).to_series()


def drop_odometer(listing: Listing) -> Listing:
    """Remove the odometer of a listing and set the flag `IMPLAUSIBLE`.

    Args:
        listing: Listing with an implausible odometer; not changed.

    Returns:
        Copy of the listing.

    Examples:
        >>> drop_odometer({"year": 2014, "odometer": 120})
        {'year': 2014, 'odometer': None, 'odometer_doubted': 1}
    """
    return {**listing, "odometer": None, IMPLAUSIBLE: 1}


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
    implausible = implausible_rows(frame, newest_year=newest_year)
    return frame.with_columns(
        pl.when(~implausible).then(pl.col("odometer")).alias("odometer"),
        implausible.cast(pl.Int8).alias(IMPLAUSIBLE),
    )
