"""Odometers that nobody believes: a used car that shows hardly any miles has a mistyped one.

Sellers write thousands (120 for 120,000) or a placeholder. Such a car is priced as one of unknown mileage, or
as typed where that is less: so a newer car is still never cheaper.
"""

import polars as pl

from carvalue.listings import Listing

IMPLAUSIBLE = "odometer_doubted"
"""The cell that says so: such cars are cheaper than those whose sellers name no mileage."""
MIN_PLAUSIBLE_MILES = 1_000
USED_YEARS = (
    3  # a model year sells from the summer before: the newest one's cars and the last's may be unused
)


def is_implausible(listing: Listing, *, newest_year: int) -> bool:
    """Tell whether the listing's odometer is not believed."""
    miles, year = listing.get("odometer"), listing.get("year")
    if not isinstance(miles, int | float) or not isinstance(year, int | float):
        return False
    return miles < MIN_PLAUSIBLE_MILES and year <= newest_year - USED_YEARS


def implausible_rows(frame: pl.DataFrame, *, newest_year: int) -> pl.Series:
    """Tell the same of every row; a column that the frame lacks counts as missing."""
    if not {"odometer", "year"} <= set(frame.columns):
        return pl.Series("doubtful", [False]).new_from_index(0, frame.height)
    miles, year = pl.col("odometer").cast(pl.Float64), pl.col("year").cast(pl.Float64)
    found = (miles < MIN_PLAUSIBLE_MILES) & (year <= newest_year - USED_YEARS)
    return frame.select(found.fill_null(value=False).alias("doubtful")).to_series()


def drop_odometer(listing: Listing) -> Listing:
    """Take the odometer away, and say that it was not believed."""
    return {**listing, "odometer": None, IMPLAUSIBLE: 1}


def drop_implausible(frame: pl.DataFrame, *, newest_year: int) -> pl.DataFrame:
    """Take the odometer away where it is not believed, and say so."""
    doubted = implausible_rows(frame, newest_year=newest_year)
    return frame.with_columns(
        pl.when(~doubted).then(pl.col("odometer")).alias("odometer"), doubted.cast(pl.Int8).alias(IMPLAUSIBLE)
    )
