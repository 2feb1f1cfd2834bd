"""Compute what-if curves: the price of one car at other mileages and in other model years."""

from dataclasses import dataclass

from carvalue.listings import EARLIEST_YEAR, Listing
from carvalue.pricing.features import MIN_PLAUSIBLE_MILES
from carvalue.pricing.model import PriceModel

POINTS = 25
MILES_STEP = 10_000
MIN_OLDER_YEARS = 4  # years before the car's own that the curve shows at least


@dataclass(frozen=True, kw_only=True)
class WhatIfPoint:
    """A quote at one value of the varied field. The field names are those of the HTTP API.

    Attributes:
        value: Miles or model year.
        price: Dollars.
        low: Lower end of the price range, in dollars.
        high: Upper end of the price range, in dollars.
    """

    value: int
    price: int
    low: int
    high: int


@dataclass(frozen=True, kw_only=True)
class WhatIfCurves:
    """Quotes of one car with one field varied and all others as in the listing.

    Attributes:
        odometer: `POINTS` quotes from 1,000 to 240,000 miles.
        year: `POINTS` quotes of consecutive model years.
    """

    odometer: tuple[WhatIfPoint, ...]
    year: tuple[WhatIfPoint, ...]


def what_if_curves(model: PriceModel, listing: Listing) -> WhatIfCurves:
    """Quote the car at other mileages and in other model years, in one call of the model.

    Args:
        model: The model that quotes.
        listing: Any listing that the model can quote.

    Returns:
        Both curves, in order of miles and of years.
    """
    miles, years = _miles(), _years(listing, newest=model.card.newest_year)
    variants = [{**listing, "odometer": value} for value in miles]
    variants += [{**listing, "year": value} for value in years]
    points = [
        WhatIfPoint(value=value, price=quote.price, low=quote.low, high=quote.high)
        for value, quote in zip((*miles, *years), model.quote_many(variants), strict=True)
    ]
    return WhatIfCurves(odometer=tuple(points[: len(miles)]), year=tuple(points[len(miles) :]))


def _miles() -> tuple[int, ...]:
    """List the mileages, from the smallest plausible one on."""
    return (MIN_PLAUSIBLE_MILES, *range(MILES_STEP, POINTS * MILES_STEP, MILES_STEP))


def _years(listing: Listing, *, newest: int) -> range:
    """List the newest model years, or older ones that include the car's own.

    Examples:
        >>> _years({"year": 2015}, newest=2022)
        range(1998, 2023)
        >>> _years({"year": 1992}, newest=2022)
        range(1988, 2013)
    """
    year = listing.get("year")
    first = newest - POINTS + 1
    if isinstance(year, int | float) and year == year:
        first = min(first, int(year) - MIN_OLDER_YEARS)
    first = max(first, EARLIEST_YEAR)
    return range(first, first + POINTS)
