"""How the price of one car runs over its miles and over its year."""

from dataclasses import dataclass

from carvalue.listings import EARLIEST_YEAR, Listing
from carvalue.pricing.features import MIN_PLAUSIBLE_MILES
from carvalue.pricing.model import PriceModel

POINTS = 25
MILES_STEP = 10_000
YEARS_BEFORE = 4  # at least as many older years than the car's own are shown


@dataclass(frozen=True, kw_only=True)
class WhatIfPoint:
    """One price with its range, in dollars, at a value of the field."""

    value: int
    price: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class WhatIfCurves:
    """The price over the miles, and over the model year; everything else as the listing has it."""

    odometer: tuple[WhatIfPoint, ...]
    year: tuple[WhatIfPoint, ...]


def what_if_curves(model: PriceModel, listing: Listing) -> WhatIfCurves:
    """Price the car at other mileages and in other years."""
    miles, years = _miles(), _years(listing, newest=model.card.newest_year)
    varied = [{**listing, "odometer": value} for value in miles]
    varied += [{**listing, "year": value} for value in years]
    points = [
        WhatIfPoint(value=value, price=quote.price, low=quote.low, high=quote.high)
        for value, quote in zip((*miles, *years), model.quote_many(varied), strict=True)
    ]
    return WhatIfCurves(odometer=tuple(points[: len(miles)]), year=tuple(points[len(miles) :]))


def _miles() -> tuple[int, ...]:
    """Begin where an odometer is believed."""
    return (MIN_PLAUSIBLE_MILES, *range(MILES_STEP, POINTS * MILES_STEP, MILES_STEP))


def _years(listing: Listing, *, newest: int) -> range:
    """Give the newest years, or an earlier stretch where the car is older than they reach."""
    year = listing.get("year")
    first = newest - POINTS + 1
    if isinstance(year, int | float) and year == year:
        first = min(first, int(year) - YEARS_BEFORE)
    first = max(first, EARLIEST_YEAR)
    return range(first, first + POINTS)
