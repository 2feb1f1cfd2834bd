"""Explains a price: its parts, what-if prices and similar cars."""

import statistics
from collections.abc import Callable, Mapping, Sequence

import msgspec
import streamlit as st

from carvalue.api import AnyExplainedQuote, Comparable
from carvalue.errors import AppError
from carvalue.listings import (
    CURRENCY,
    DISTANCE,
    EARLIEST_YEAR,
    FIELD_BY_NAME,
    MARKET,
    NUMBER_FIELDS,
    OPEN_PLACES,
    PLACES,
    Listing,
    Value,
)
from carvalue.listings.markets import TileMap
from carvalue.web.client import price_service_client
from carvalue.web.components.browser import show_what_if
from carvalue.web.components.charts import similar_cars, similar_cars_by_place, waterfall
from carvalue.web.components.formatting import (
    choice_name,
    escape_markdown,
    format_dollars,
    make_name,
    model_name,
)
from carvalue.web.components.result import Valuation
from carvalue.web.components.tables import show_table

Row = dict[str, object]
NEAR = round(DISTANCE.from_miles(20_000) / 10_000) * 10_000
DISTANCE_A_YEAR, LATER_YEARS = round(DISTANCE.from_miles(12_000) / 1_000) * 1_000, (1, 3)
Filter = Callable[[Listing, Comparable], bool]


def show_reasons(explained: AnyExplainedQuote) -> None:
    """Show how each part of the car changes the price, starting from the reference car.

    Args:
        explained: The quote with its explanation.
    """
    reasons, quote = explained.reasons, explained.quote
    if reasons is None:
        return  # a stored quote of a former model
    st.subheader("Why this price")
    start, price = format_dollars(reasons.start), format_dollars(quote.price)
    st.caption(
        f"We start from {escape_markdown(reasons.start_label)} at {start}. "
        f"Each step shows how your {MARKET.vehicle} differs. Together they add up exactly to {price}."
    )
    st.altair_chart(waterfall(waterfall_rows(explained)), width="stretch")
    with st.expander("The same as a list"):
        for item in reasons.items:
            change = f"{_sign(item.amount)}{format_dollars(abs(item.amount))}"
            st.markdown(f"- {escape_markdown(item.label)}: **{change}**")


def waterfall_rows(explained: AnyExplainedQuote) -> list[Row]:
    """Compute the bars of the waterfall chart.

    Args:
        explained: The quote with its explanation.

    Returns:
        A row for the reference car (a typical car), one for each part, and one for this car, with the keys
        that `charts.waterfall` expects. Empty without reasons.

    Examples:
        >>> from carvalue.api.examples import EXPLAINED_QUOTE
        >>> rows = waterfall_rows(EXPLAINED_QUOTE)
        >>> [(row["label"], row["begin"], row["end"], row["amount"]) for row in rows]
        [('a typical car', 0, 16950, '$16,950'),
         ('make and model: ford f-150', 16950, 21850, '+$4,900'),
         ('80,000 miles', 21850, 22450, '+$600'),
         ('your car', 0, 22450, '$22,450')]
    """
    reasons = explained.reasons
    if reasons is None:
        return []
    rows = [_row(f"a typical {MARKET.vehicle}", 0, reasons.start, kind="total")]
    total = reasons.start
    for item in reasons.items:
        kind = "more" if item.amount > 0 else "less"
        rows.append(_row(item.label, total, total + item.amount, kind=kind))
        total += item.amount
    return [*rows, _row(f"your {MARKET.vehicle}", 0, total, kind="total")]


def _row(label: str, begin: int, end: int, *, kind: str) -> Row:
    dollars = end - begin
    return {
        "label": label,
        "begin": begin,
        "end": end,
        "dollars": dollars,
        "kind": kind,
        "amount": ("" if kind == "total" else _sign(dollars))
        + CURRENCY.format(end if kind == "total" else abs(dollars)),
        "right": max(begin, end),
    }


def _sign(dollars: int) -> str:
    return "+" if dollars > 0 else "\N{MINUS SIGN}"


def show_what_if_prices(valuation: Valuation, *, url: str) -> None:
    """Show what the car would be worth at another mileage and in another model year.

    Args:
        valuation: The quote and its car.
        url: Base URL of the price service.
    """
    st.subheader("What if")
    try:
        curves = price_service_client(url).curves(valuation.listing)
    except AppError as error:
        st.warning(str(error))
        return
    show_what_if(valuation.listing, valuation.explained.quote, curves)


def show_older_cars(valuation: Valuation, *, url: str) -> None:
    """Show what such a car is offered for with the age and mileage that it will have later.

    Args:
        valuation: The quote and its car.
        url: Base URL of the price service.
    """
    try:
        rows = _older_cars(url, tuple(valuation.listing.items()))
    except AppError:
        return  # the what-if prices show the reason
    if not rows:
        return
    st.subheader("In 12 and 36 months")
    show_table(rows)
    st.caption(
        f"A comparison of model years, not a forecast: what {MARKET.vehicles} that are so much older, with "
        f"{DISTANCE_A_YEAR:,} {DISTANCE.unit} more for each year, are offered for in our data. The market "
        "itself may rise or fall."
    )


@st.cache_data(ttl=60, max_entries=1_000, show_spinner=False)
def _older_cars(url: str, items: tuple[tuple[str, Value], ...]) -> list[Row]:
    listing = dict(items)
    rows: list[Row] = []
    for years in LATER_YEARS:
        year = int(str(listing["year"])) - years
        if year < EARLIEST_YEAR:
            break
        odometer = _later_odometer(listing, years)
        curves = price_service_client(url).curves({**listing, "odometer": odometer}, years=(year,))
        point = next(point for point in curves.year if point.value == year)
        rows.append(
            {
                "In": f"{12 * years} months",
                "Most likely": CURRENCY.format(point.price),
                "Range": f"{CURRENCY.format(point.low)} \N{EN DASH} {CURRENCY.format(point.high)}",
                "Compared with": f"model year {year}"
                + ("" if odometer is None else f", {odometer:,} {DISTANCE.unit}"),
            }
        )
    return rows


def _later_odometer(listing: Listing, years: int) -> int | None:
    odometer = listing.get("odometer")
    highest = next(field.maximum for field in NUMBER_FIELDS if field.name == "odometer")
    return min(odometer + DISTANCE_A_YEAR * years, highest) if isinstance(odometer, int) else None


def show_comparables(listing: Listing, explained: AnyExplainedQuote) -> None:
    """Show similar cars of the training data with their asking prices.

    Args:
        listing: The car.
        explained: Its quote, with similar cars.
    """
    st.subheader(f"{MARKET.vehicles.capitalize()} like yours")
    if not explained.comparables:
        st.info(
            f"The training data has no {MARKET.vehicle} of this make and model, so there is nothing to "
            "compare yours with."
        )
        return
    comparables = _filtered(listing, explained.comparables)
    if not comparables:
        st.info(f"No similar {MARKET.vehicle} passes these filters.")
        return
    cars = [msgspec.to_builtins(car) for car in comparables]
    own = listing.get("odometer")
    chart = similar_cars(cars, odometer=own if isinstance(own, int) else None, price=explained.quote.price)
    st.altair_chart(chart, width="stretch")
    if MARKET.map is not None:
        own_place = listing.get(MARKET.map.field)
        rows = _by_place(comparables, MARKET.map)
        st.altair_chart(similar_cars_by_place(rows, own=str(own_place or "").upper()), width="stretch")
    show_table([_table_row(car) for car in comparables])


def _by_place(cars: Sequence[Comparable], tile_map: TileMap) -> list[dict[str, str | float | None]]:
    """Count the similar cars of each place, with the median of their prices."""
    prices: dict[str, list[int]] = {place: [] for place in tile_map.tiles}
    for car in cars:
        if (place := car.category(tile_map.field)) in prices:
            prices[str(place)].append(car.price)
    return [
        {
            "place": place.upper(),
            "column": tile_map.tiles[place][0],
            "row": tile_map.tiles[place][1],
            "cars": len(found),
            "price": statistics.median(found) if found else None,
        }
        for place, found in prices.items()
    ]


def _filtered(listing: Listing, cars: Sequence[Comparable]) -> list[Comparable]:
    """Let the visitor narrow the similar cars; a filter is offered if it passes some of them, but not all."""
    offered: dict[str, list[Comparable]] = {}
    for name, passes in FILTERS.items():
        kept = [car for car in cars if passes(listing, car)]
        if 0 < len(kept) < len(cars):
            offered[name] = kept
    chosen = st.pills(f"Only {MARKET.vehicles}", list(offered), selection_mode="multi") if offered else []
    return [car for car in cars if all(car in offered[name] for name in chosen)]


def _is_near(listing: Listing, car: Comparable) -> bool:
    own = listing.get("odometer")
    return isinstance(own, int | float) and car.odometer is not None and abs(car.odometer - own) <= NEAR


def _has_year(listing: Listing, car: Comparable) -> bool:
    return car.year == listing.get("year")


def _is_same(name: str) -> Filter:
    return lambda listing, car: listing.get(name) is not None and car.category(name) == listing[name]


FILTERS: Mapping[str, Filter] = {
    f"within {NEAR:,} {DISTANCE.unit} of yours": _is_near,
    "of the same year": _has_year,
    **{
        f"{'in' if name in PLACES else 'of'} the same {FIELD_BY_NAME[name].label.lower()}": _is_same(name)
        for name in MARKET.compared
        if name not in MARKET.usual and name not in OPEN_PLACES
    },
}


def _table_row(car: Comparable) -> Row:
    return {
        "Asking price": CURRENCY.format(car.price),  # a phone shows the first three columns
        "Year": str(car.year),
        DISTANCE.unit.capitalize() if len(DISTANCE.unit) > 2 else DISTANCE.unit: (
            "" if car.odometer is None else f"{car.odometer:,}"
        ),
        MARKET.vehicle.capitalize(): f"{make_name(car.manufacturer)} {model_name(car.model)}",
        **{
            FIELD_BY_NAME[name].label: choice_name(car.category(name) or "")
            for name in MARKET.compared
            if name not in {*MARKET.usual, *PLACES, *OPEN_PLACES}
        },
        "Where": " ".join(
            [car.category(name) or "" for name in OPEN_PLACES]
            + [choice_name(car.category(name) or "") for name in PLACES]
        ).strip(),
        "Advertised": car.posted_at.isoformat(),
    }
