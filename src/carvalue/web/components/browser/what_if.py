"""What-if sliders: the browser shows prices that the service computed, without another request."""

from collections.abc import Sequence
from typing import TypedDict

from msgspec import to_builtins

from carvalue.api import AnyQuote, CurvePoint, Curves
from carvalue.listings import CURRENCY, DISTANCE, FIELD_BY_NAME, MARKET, Listing
from carvalue.web.components.browser.assets import browser_component

Point = dict[str, int]


class SliderData(TypedDict):
    """What a slider shows.

    Attributes:
        points: The stops in ascending order: `value` (miles or model year), `price`, `low`, `high` (dollars).
        own: The car's own value; None if it is not known.
    """

    points: list[Point]
    own: int | None


def show_what_if(listing: Listing, quote: AnyQuote, curves: Curves) -> None:
    """Show two sliders: the price at another mileage, and the price in another model year.

    Args:
        listing: The car.
        quote: Its quote.
        curves: Prices of the car at other mileages and in other model years.
    """
    words = {
        "symbol": CURRENCY.symbol,
        "distance": DISTANCE.unit,
        "vehicle": MARKET.vehicle,
        "year": FIELD_BY_NAME["year"].label.lower(),
    }
    data = {**what_if_data(listing, quote, curves), "words": words}
    browser_component("what_if")(data=data, key=f"what-if {quote.quote_id}")


def what_if_data(listing: Listing, quote: AnyQuote, curves: Curves) -> dict[str, SliderData]:
    """Collect what the sliders show. Every stop of a slider is a price that the service computed.

    Args:
        listing: The car.
        quote: Its quote, which is the price at the car's own mileage and model year.
        curves: Prices of the car at other mileages and in other model years.

    Returns:
        What the sliders `odometer` and `year` show.

    Examples:
        >>> from carvalue.api.examples import CURVES, QUOTE
        >>> data = what_if_data({"odometer": 83_000, "year": 2015}, QUOTE, CURVES)
        >>> [(point["value"], point["price"]) for point in data["odometer"]["points"]]
        [(80000, 22450), (83000, 22450)]
    """
    return {
        name: {"points": _points(points, own, quote), "own": own}
        for name, points, own in (
            ("odometer", curves.odometer, _own(listing, "odometer")),
            ("year", curves.year, _own(listing, "year")),
        )
    }


def _own(listing: Listing, name: str) -> int | None:
    value = listing.get(name)
    return int(value) if isinstance(value, int | float) else None


def _points(curve: Sequence[CurvePoint], own: int | None, quote: AnyQuote) -> list[Point]:
    points = {point.value: to_builtins(point) for point in curve}
    if own is not None:
        points[own] = {"value": own, "price": quote.price, "low": quote.low, "high": quote.high}
    return [points[value] for value in sorted(points)]
