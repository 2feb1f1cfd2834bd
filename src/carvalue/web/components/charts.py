"""Charts of the page (Altair); each has a description for screen readers."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from carvalue.listings import CURRENCY, DISTANCE, MARKET, PLACES

Chart = alt.Chart | alt.LayerChart | alt.FacetChart
Rows = Sequence[Mapping[str, Any]]

UP, DOWN, NEUTRAL, MARK = "#2f8f6e", "#c0504d", "#3b7fc4", "#c9741f"  # at least 3:1 on white and on black
TILE, TILE_TEXT = "#2f6aa8", "#ffffff"
AMOUNT = ",.0f"
# Vega's own currency sign is the dollar
AMOUNT_LABEL = f"'{CURRENCY.symbol}' + format(datum.value, '{AMOUNT}')"


def waterfall(rows: Rows) -> Chart:
    """Draw how each part of the car changes the price.

    Args:
        rows: Bars from top to bottom: `label`, `begin`, `end`, `right` and `dollars` (all dollars), `kind`
            (total, more or less), `amount` (the text beside the bar).

    Returns:
        The chart.
    """
    data = alt.Data(values=list(rows))
    order = [row["label"] for row in rows]
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=170))
    colors = alt.Scale(domain=["total", "more", "less"], range=[NEUTRAL, UP, DOWN])
    bars = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            y=y,
            x=alt.X(
                "begin:Q",
                title=CURRENCY.name,
                axis=alt.Axis(labelExpr=AMOUNT_LABEL, tickCount=5, labelBound=True),
                # leaves space for the text to the right of the longest bar
                scale=alt.Scale(domain=[0, 1.4 * max(row["right"] for row in rows)], nice=False),
            ),
            x2="end:Q",
            color=alt.Color("kind:N", scale=colors, legend=None),
            tooltip=[alt.Tooltip("label:N"), alt.Tooltip("dollars:Q", format=AMOUNT, title=CURRENCY.name)],
        )
    )
    amounts = (
        alt.Chart(data)
        .mark_text(align="left", dx=4)
        .encode(y=y, x=alt.X("right:Q"), text=alt.Text("amount:N"))
    )
    return alt.layer(bars, amounts).properties(
        height=28 * len(rows) + 40,
        description=f"Waterfall: how much each part of the {MARKET.vehicle} adds to its price or "
        "takes from it.",
    )


def similar_cars(cars: Rows, *, odometer: int | None, price: int) -> Chart:
    """Draw the asking prices of similar cars over their mileage, together with this car.

    Args:
        cars: Rows of `odometer` (miles or None), `price` (dollars), `year`, `model` and `state`.
        odometer: Mileage of this car, in miles; without one it is not drawn.
        price: Most likely asking price of this car, in dollars.

    Returns:
        The chart.
    """
    data = alt.Data(values=[car for car in cars if car["odometer"] is not None])
    x = alt.X(
        "odometer:Q",
        title=DISTANCE.unit,
        axis=alt.Axis(format=",.0f", tickCount=6),
        scale=alt.Scale(zero=False),
    )
    y = alt.Y(
        "price:Q", title="asking price", axis=alt.Axis(labelExpr=AMOUNT_LABEL), scale=alt.Scale(zero=False)
    )
    places = [f"{name}:N" for name in MARKET.compared if name in PLACES]
    amount = alt.Tooltip("price:Q", format=AMOUNT, title=CURRENCY.name)
    tips = [alt.Tooltip("year:Q", format="d"), "model:N", *places, amount]
    dots = alt.Chart(data).mark_circle(size=90, color=NEUTRAL, opacity=1).encode(x=x, y=y, tooltip=tips)
    layers: list[alt.Chart] = [dots]
    if odometer is not None:  # a screen reader reports an empty layer as an unnamed image
        mine = alt.Data(values=[{"odometer": odometer, "price": price}])
        layers.append(
            alt.Chart(mine)
            .mark_point(shape="diamond", size=220, filled=True, color=MARK, opacity=1)
            .encode(x=x, y=y)
        )
    return alt.layer(*layers).properties(
        height=280,
        description=f"Scatter: asking prices of similar {MARKET.vehicles} over {DISTANCE.unit}; "
        "the diamond is yours.",
    )


def similar_cars_by_place(rows: Rows, *, own: str | None) -> Chart:
    """Draw a tile for each place, with the number of similar cars there.

    Args:
        rows: One for each place: `place`, `column`, `row`, `cars` (their number) and `price` (the median
            asking price in the market's currency; None without cars).
        own: The place of this car; its tile has a border.

    Returns:
        The chart.
    """
    base = alt.Chart(alt.Data(values=list(rows))).encode(
        x=alt.X("column:O", axis=None, scale=alt.Scale(paddingInner=0.08)),
        y=alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.08)),
    )
    amount = alt.Tooltip("price:Q", format=AMOUNT, title=f"median price, {CURRENCY.name}")
    tiles = base.mark_rect(cornerRadius=4, color=TILE, stroke=MARK).encode(
        fillOpacity=alt.condition("datum.cars > 0", alt.value(1), alt.value(0.15)),
        strokeWidth=alt.condition(alt.datum.place == (own or ""), alt.value(3), alt.value(0)),
        tooltip=["place:N", alt.Tooltip("cars:Q", title=f"similar {MARKET.vehicles}"), amount],
    )
    layers = [tiles]
    if any(row["cars"] == 0 for row in rows):  # a screen reader reports an empty layer as an unnamed image
        empty = base.transform_filter("datum.cars == 0")
        layers.append(empty.mark_text(fontSize=11).encode(text="place:N"))
    if any(row["cars"] for row in rows):
        filled = base.transform_filter("datum.cars > 0")
        places = filled.mark_text(dy=-6, fontSize=11, color=TILE_TEXT).encode(text="place:N")
        counts = filled.mark_text(dy=8, fontSize=11, fontWeight="bold", color=TILE_TEXT).encode(text="cars:Q")
        # page.css gives texts the colour of the page, but not those with such a name
        layers += [places.properties(name="places_on_tile"), counts.properties(name="counts_on_tile")]
    chart = alt.layer(*layers).properties(
        height=40 * (1 + max(int(row["row"]) for row in rows)),
        description=f"Map of tiles: how many similar {MARKET.vehicles} each place has; yours has a border.",
    )
    return chart.configure_view(stroke=None)


def two_distributions(
    labels: Sequence[str],
    first: Sequence[float],
    second: Sequence[float],
    *,
    names: tuple[str, str] = ("training data", "recent quotes"),
) -> Chart:
    """Draw two distributions of a feature.

    Args:
        labels: Names of the bins, shape (bins,).
        first: Share of each bin, shape (bins,).
        second: Share of each bin, shape (bins,).
        names: What the two distributions are of.

    Returns:
        The chart.
    """
    rows = [
        {"bin": label, "share": share, "of": of}
        for of, shares in zip(names, (first, second), strict=True)
        for label, share in zip(labels, shares, strict=True)
    ]
    colors = alt.Scale(domain=[*names], range=[NEUTRAL, MARK])
    return (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            x=alt.X("bin:N", sort=list(labels), title=None, axis=alt.Axis(labelLimit=120)),
            xOffset=alt.XOffset("of:N", sort=[*names]),  # beside each other
            y=alt.Y("share:Q", stack=None, title="share", axis=alt.Axis(format=".0%")),
            color=alt.Color("of:N", scale=colors, title=None, legend=alt.Legend(orient="top")),
            tooltip=["of:N", "bin:N", alt.Tooltip("share:Q", format=".1%")],
        )
        .properties(
            height=300,
            description=f"Bars: the share of each value in two distributions: {names[0]}, {names[1]}.",
        )
    )


def per_hour(rows: Rows) -> Chart:
    """Draw the number of quotes by hour.

    Args:
        rows: Rows of `hour` (ISO 8601) and `quotes`.

    Returns:
        The chart.
    """
    return (
        alt.Chart(alt.Data(values=list(rows)))
        .mark_bar(color=NEUTRAL)
        .encode(x=alt.X("hour:T", title=None), y=alt.Y("quotes:Q", title="quotes"))
        .properties(height=180, description="Bars: how many quotes were given in each of the last 24 hours.")
    )
