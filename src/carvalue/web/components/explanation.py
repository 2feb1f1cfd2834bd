"""Why this price, what if the car were another, and what cars like it are offered for."""

import streamlit as st

from carvalue.errors import AppError
from carvalue.listings import EARLIEST_YEAR, LATEST_YEAR, Listing
from carvalue.web.client import ComparableView, ExplainedQuoteView, QuoteView, price_service_client
from carvalue.web.components.charts import similar_cars, value_curve, waterfall
from carvalue.web.components.formatting import choice_name, escape_markdown, format_dollars, make_name
from carvalue.web.components.tables import show_table

Row = dict[str, object]
MOST_MILES, MILES_STEP = 300_000, 5_000
YEARS = 10  # to either side of the car's own


def show_reasons(explained: ExplainedQuoteView) -> None:
    """Show what moved the price, from a usual car to this one."""
    st.subheader("Why this price")
    reasons, quote = explained.reasons, explained.quote
    st.caption(
        f"From {escape_markdown(reasons.start_label)} at {format_dollars(reasons.start)} "
        f"to yours at {format_dollars(quote.price)}; "
        "the steps add up exactly."
    )
    st.altair_chart(waterfall(waterfall_rows(explained)), width="stretch")
    with st.expander("The same in words"):
        for item in reasons.items:
            change = f"{_sign(item.dollars)}{format_dollars(abs(item.dollars))}"
            st.markdown(f"- {escape_markdown(item.label)}: **{change}**")


def waterfall_rows(explained: ExplainedQuoteView) -> list[Row]:
    """Give the rows of the waterfall: where each bar begins and ends, in dollars."""
    reasons = explained.reasons
    rows = [_row("a usual car", 0, reasons.start, kind="total")]
    at = reasons.start
    for item in reasons.items:
        rows.append(_row(item.label, at, at + item.dollars, kind="more" if item.dollars > 0 else "less"))
        at += item.dollars
    return [*rows, _row("your car", 0, at, kind="total")]


def _row(label: str, begin: int, end: int, *, kind: str) -> Row:
    dollars = end - begin
    return {
        "label": label,
        "begin": begin,
        "end": end,
        "dollars": dollars,
        "kind": kind,
        "said": f"${end:,}" if kind == "total" else f"{_sign(dollars)}${abs(dollars):,}",
        "right": max(begin, end),
    }


def _sign(dollars: int) -> str:
    return "+" if dollars > 0 else "\N{MINUS SIGN}"


@st.fragment
def show_what_if(listing: Listing, quote: QuoteView, *, url: str) -> None:
    """Show the price over miles and years, at other miles and years than the car's own."""
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
    for column, points, unit, here in (
        (left, curves.odometer, "miles", miles),
        (right, curves.year, "model year", year),
    ):
        rows = [point.model_dump() for point in points]
        chart = value_curve(rows, title=f"Price over {unit}", unit=unit, here=here)
        column.altair_chart(chart, width="stretch")
    nearest = min(curves.odometer, key=lambda point: abs(point.value - miles))
    st.caption(f"About {format_dollars(nearest.price)} at {nearest.value:,} miles, model year {year}.")


def _miles_slider(listing: Listing, quote: QuoteView) -> int:
    own = min(int(listing.get("odometer") or 0), MOST_MILES)
    # a slider for each quote: another car's begins at its own miles
    return st.slider("Miles", 0, MOST_MILES, own, step=MILES_STEP, key=f"miles {quote.quote_id}")


def _year_slider(listing: Listing, quote: QuoteView) -> int:
    own = int(listing["year"] or 0)
    oldest, newest = max(own - YEARS, EARLIEST_YEAR), min(own + YEARS, LATEST_YEAR)
    return st.slider("Model year", oldest, max(newest, own + 1), own, key=f"year {quote.quote_id}")


def show_comparables(listing: Listing, explained: ExplainedQuoteView) -> None:
    """Show similar cars with what was asked for them."""
    st.subheader("Cars like yours")
    if not explained.comparables:
        st.info("The training data has no car of this make and model: nothing to compare with.")
        return
    cars = [car.model_dump(mode="json") for car in explained.comparables]
    own = listing.get("odometer")
    chart = similar_cars(cars, odometer=own if isinstance(own, int) else None, price=explained.quote.price)
    st.altair_chart(chart, width="stretch")
    show_table([_shown(car) for car in explained.comparables])


def _shown(car: ComparableView) -> Row:
    return {
        "Asking price": f"${car.price:,}",  # a phone shows the first three
        "Year": str(car.year),
        "Miles": "" if car.odometer is None else f"{car.odometer:,}",
        "Car": f"{make_name(car.manufacturer)} {car.model}",
        "Condition": choice_name(car.condition or ""),
        "Where": f"{car.region or ''} {choice_name(car.state or '')}".strip(),
        "Seen": car.posted_at.isoformat(),
    }
