"""Compute what-if curves: the price of one car at other mileages and in other model years."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from carvalue.listings import DISTANCE, EARLIEST_YEAR, Listing
from carvalue.pricing.features import MIN_PLAUSIBLE_ODOMETER
from carvalue.pricing.model import PriceModel

POINTS = 25
ODOMETER_STEP = round(DISTANCE.from_miles(10_000) / 5_000) * 5_000
MIN_OLDER_YEARS = 4  # years before the car's own that the curve shows at least


@dataclass(frozen=True, kw_only=True)
class WhatIfPoint:
    """A quote at one value of the varied field. The field names are those of the HTTP API.

    Attributes:
        value: Odometer reading in the market's unit, or model year.
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
        odometer: Quotes in order of miles, among them that of the listing's own mileage.
        year: Quotes in order of model years, among them that of the listing's own year.
        assumed_odometer: The listing's mileage; without one, the mileage whose price is that of the listing.
    """

    odometer: tuple[WhatIfPoint, ...]
    year: tuple[WhatIfPoint, ...]
    assumed_odometer: int | None = None


def what_if_curves(
    model: PriceModel, listing: Listing, *, miles: Sequence[int] = (), years: Sequence[int] = ()
) -> WhatIfCurves:
    """Quote the car at other mileages and in other model years, in one call of the model.

    Args:
        model: The model that quotes.
        listing: Any listing that the model can quote.
        miles: Mileages to quote exactly; by default `POINTS` of equal steps and the listing's own.
        years: Model years to quote exactly; by default `POINTS` consecutive ones with the listing's own.

    Returns:
        Both curves, in order of miles and of years.
    """
    miles = sorted(set(miles)) or sorted({*_miles(), *_own(listing, "odometer")})
    years = sorted(set(years)) or list(_years(listing, newest=model.card.newest_year))
    variants = [{**listing, "odometer": value} for value in miles]
    variants += [{**listing, "year": value} for value in years]
    quotes = model.quote_many(variants)
    points = [
        WhatIfPoint(value=value, price=quote.price, low=quote.low, high=quote.high)
        for value, quote in zip((*miles, *years), quotes, strict=True)
    ]
    by_miles, by_year = tuple(points[: len(miles)]), tuple(points[len(miles) :])
    return WhatIfCurves(odometer=by_miles, year=by_year, assumed_odometer=_assumed_odometer(model, listing))


def _assumed_odometer(model: PriceModel, listing: Listing) -> int:
    for miles in _own(listing, "odometer"):
        return miles
    without, *quotes = model.quote_many([listing, *({**listing, "odometer": miles} for miles in _miles())])
    return _miles_at(without.price, dict(zip(_miles(), (quote.price for quote in quotes), strict=True)))


def _own(listing: Listing, field: str) -> tuple[int, ...]:
    value = listing.get(field)
    return (int(value),) if isinstance(value, int | float) and value == value else ()


def _miles_at(price: int, prices: Mapping[int, int]) -> int:
    """Interpolate the mileage at a price; prices never rise with the miles.

    Examples:
        >>> _miles_at(8_500, {0: 9_000, 9_000: 8_000})
        4500
    """
    return round(float(np.interp(price, [*prices.values()][::-1], [*prices][::-1])))


def _miles() -> tuple[int, ...]:
    """List the mileages, from the smallest plausible one on."""
    return (MIN_PLAUSIBLE_ODOMETER, *range(ODOMETER_STEP, POINTS * ODOMETER_STEP, ODOMETER_STEP))


def _years(listing: Listing, *, newest: int) -> range:
    """List the newest model years, or older ones that include the car's own.

    Examples:
        >>> _years({"year": 2015}, newest=2022)
        range(1998, 2023)
        >>> _years({"year": 1992}, newest=2022)
        range(1988, 2013)
    """
    first, last = newest - POINTS + 1, newest
    for year in _own(listing, "year"):
        first, last = min(first, year - MIN_OLDER_YEARS), max(last, year)
    first = max(first, EARLIEST_YEAR)
    return range(first, max(first + POINTS, last + 1) if last > newest else first + POINTS)
