"""What-if sliders: the browser shows prices that the service computed, without another request."""

from collections.abc import Sequence
from typing import TypedDict

from carvalue.listings import CURRENCY, DISTANCE, FIELD_BY_NAME, MARKET, Listing
from carvalue.web.client import CurvePointView, CurvesView, QuoteView
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


def show_what_if(listing: Listing, quote: QuoteView, curves: CurvesView) -> None:
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


def what_if_data(listing: Listing, quote: QuoteView, curves: CurvesView) -> dict[str, SliderData]:
    """Collect what the sliders show. Every stop of a slider is a price that the service computed.

    Args:
        listing: The car.
        quote: Its quote, which is the price at the car's own mileage and model year.
        curves: Prices of the car at other mileages and in other model years.

    Returns:
        What the sliders `odometer` and `year` show.

    Examples:
        >>> quote = QuoteView(
        ...     price=9_000, low=7_000, high=11_000, model_version="3", data_as_of="2021-05-04", warnings=(),
        ...     quote_id="f" * 32,
        ... )
        >>> curves = CurvesView(
        ...     odometer=({"value": 80_000, "price": 9_500, "low": 7_500, "high": 12_000},), year=()
        ... )
        >>> data = what_if_data({"odometer": 83_000, "year": 2015}, quote, curves)
        >>> [(point["value"], point["price"]) for point in data["odometer"]["points"]]
        [(80000, 9500), (83000, 9000)]
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


def _points(curve: Sequence[CurvePointView], own: int | None, quote: QuoteView) -> list[Point]:
    points = {point.value: point.model_dump() for point in curve}
    if own is not None:
        points[own] = {"value": own, "price": quote.price, "low": quote.low, "high": quote.high}
    return [points[value] for value in sorted(points)]
