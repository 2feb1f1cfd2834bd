"""Explains a price: its parts, what-if prices and similar cars."""

import streamlit as st

from carvalue.errors import AppError
from carvalue.listings import EARLIEST_YEAR, LATEST_YEAR, Listing
from carvalue.web.client import ComparableView, ExplainedQuoteView, QuoteView, price_service_client
from carvalue.web.components.charts import similar_cars, value_curve, waterfall
from carvalue.web.components.formatting import choice_name, escape_markdown, format_dollars, make_name
from carvalue.web.components.tables import show_table

Row = dict[str, object]
MAX_MILES, MILES_STEP = 300_000, 5_000
MAX_YEARS_AWAY = 10  # from the car's own model year


def show_reasons(explained: ExplainedQuoteView) -> None:
    """Show how each part of the car changes the price, starting from the reference car.

    Args:
        explained: The quote with its explanation.
    """
    st.subheader("Why this price")
    reasons, quote = explained.reasons, explained.quote
    start, price = format_dollars(reasons.start), format_dollars(quote.price)
    st.caption(
        f"We start from {escape_markdown(reasons.start_label)} at {start}. "
        f"Each step shows how your car differs. Together they add up exactly to {price}."
    )
    st.altair_chart(waterfall(waterfall_rows(explained)), width="stretch")
    with st.expander("The same as a list"):
        for item in reasons.items:
            change = f"{_sign(item.dollars)}{format_dollars(abs(item.dollars))}"
            st.markdown(f"- {escape_markdown(item.label)}: **{change}**")


def waterfall_rows(explained: ExplainedQuoteView) -> list[Row]:
    """Compute the bars of the waterfall chart.

    Args:
        explained: The quote with its explanation.

    Returns:
        A row for the reference car (a typical car), one for each part, and one for this car, with the keys
        that `charts.waterfall` expects.

    Examples:
        >>> from carvalue.web.client import ExplainedQuoteView, QuoteView
        >>> quote = QuoteView(
        ...     price=21_500, low=18_000, high=25_000, model_version="3", data_as_of="2021-05-04",
        ...     warnings=(), quote_id="f" * 32,
        ... )
        >>> mileage = {"label": "80,000 miles", "dollars": 1_500}
        >>> explained = ExplainedQuoteView(
        ...     quote=quote, comparables=(),
        ...     reasons={"start": 20_000, "start_label": "a 2014 ford explorer", "items": [mileage]},
        ... )
        >>> [(row["label"], row["begin"], row["end"], row["amount"]) for row in waterfall_rows(explained)]
        [('a typical car', 0, 20000, '$20,000'),
         ('80,000 miles', 20000, 21500, '+$1,500'),
         ('your car', 0, 21500, '$21,500')]
    """
    reasons = explained.reasons
    rows = [_row("a typical car", 0, reasons.start, kind="total")]
    total = reasons.start
    for item in reasons.items:
        kind = "more" if item.dollars > 0 else "less"
        rows.append(_row(item.label, total, total + item.dollars, kind=kind))
        total += item.dollars
    return [*rows, _row("your car", 0, total, kind="total")]


def _row(label: str, begin: int, end: int, *, kind: str) -> Row:
    dollars = end - begin
    return {
        "label": label,
        "begin": begin,
        "end": end,
        "dollars": dollars,
        "kind": kind,
        "amount": f"${end:,}" if kind == "total" else f"{_sign(dollars)}${abs(dollars):,}",
        "right": max(begin, end),
    }


def _sign(dollars: int) -> str:
    return "+" if dollars > 0 else "\N{MINUS SIGN}"


@st.fragment
def show_what_if(listing: Listing, quote: QuoteView, *, url: str) -> None:
    """Show the price of the car at another mileage and model year, chosen with two sliders.

    Args:
        listing: The car.
        quote: Its quote.
        url: Base URL of the price service.
    """
    st.subheader("What if")
    left, right = st.columns(2)
    with left:
        miles = _miles_slider(listing, quote)
    with right:
        year = _year_slider(listing, quote)
    other = {**listing, "year": year} | ({"odometer": miles} if miles or "odometer" in listing else {})
    try:
        curves = price_service_client(url).curves(other)
    except AppError as error:
        st.warning(str(error))
        return
    for column, points, unit, marked in (
        (left, curves.odometer, "miles", miles),
        (right, curves.year, "model year", year),
    ):
        rows = [point.model_dump() for point in points]
        chart = value_curve(rows, title=f"Price over {unit}", unit=unit, marked=marked)
        column.altair_chart(chart, width="stretch")
    nearest = min(curves.odometer, key=lambda point: abs(point.value - miles))
    st.caption(f"About {format_dollars(nearest.price)} at {nearest.value:,} miles, model year {year}.")


def _miles_slider(listing: Listing, quote: QuoteView) -> int:
    own = min(int(listing.get("odometer") or 0), MAX_MILES)
    # a new key for each quote, so that the slider starts at the mileage of its car
    return st.slider("Miles", 0, MAX_MILES, own, step=MILES_STEP, key=f"miles {quote.quote_id}")


def _year_slider(listing: Listing, quote: QuoteView) -> int:
    own = int(listing["year"] or 0)
    oldest, newest = max(own - MAX_YEARS_AWAY, EARLIEST_YEAR), min(own + MAX_YEARS_AWAY, LATEST_YEAR)
    return st.slider("Model year", oldest, max(newest, own + 1), own, key=f"year {quote.quote_id}")


def show_comparables(listing: Listing, explained: ExplainedQuoteView) -> None:
    """Show similar cars of the training data with their asking prices.

    Args:
        listing: The car.
        explained: Its quote, with similar cars.
    """
    st.subheader("Cars like yours")
    if not explained.comparables:
        st.info(
            "The training data has no car of this make and model, so there is nothing to compare yours with."
        )
        return
    cars = [car.model_dump(mode="json") for car in explained.comparables]
    own = listing.get("odometer")
    chart = similar_cars(cars, odometer=own if isinstance(own, int) else None, price=explained.quote.price)
    st.altair_chart(chart, width="stretch")
    show_table([_table_row(car) for car in explained.comparables])


def _table_row(car: ComparableView) -> Row:
    return {
        "Asking price": f"${car.price:,}",  # a phone shows the first three columns
        "Year": str(car.year),
        "Miles": "" if car.odometer is None else f"{car.odometer:,}",
        "Car": f"{make_name(car.manufacturer)} {car.model}",
        "Condition": choice_name(car.condition or ""),
        "Where": f"{car.region or ''} {choice_name(car.state or '')}".strip(),
        "Advertised": car.posted_at.isoformat(),
    }
