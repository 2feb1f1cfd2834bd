"""`/accuracy`: how good the prices of the version in production are, in plain English, for anyone to read.

The page is rendered from the card of the bundle in use, so that a promotion or a rollback replaces it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from html import escape

from carvalue.listings import CURRENCY, MARKET
from carvalue.pricing.bundle import Accuracy, GroupAccuracy, ModelCard

CARS = MARKET.vehicles
SUPPORT = {
    "many": f"we know 50 {CARS} or more",
    "some": f"we know 5 to 49 {CARS}",
    "few": f"we know 1 to 4 {CARS}",
    "none": f"we know no such {MARKET.vehicle}",
}
"""Grade of support -> what it means for a make and model."""
STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff }
main { max-width: 44rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100% }
caption { text-align: left }
th, td { text-align: left; padding: .3rem .6rem .3rem 0; border-bottom: 1px solid #ccc }
td + td, th + th { text-align: right; font-variant-numeric: tabular-nums }
svg { width: 100%; height: auto }
figure { margin: 0 0 1rem }
"""
LABEL, BAR, ROW = 200, 380, 28
"""Widths of a label and of the longest bar, and height of a row of the picture, in its own units."""


def render_accuracy(card: ModelCard, *, version: str) -> str:
    """Render the page.

    Args:
        card: The card of the version in use.
        version: Its number in the registry.

    Returns:
        An HTML document without scripts that loads nothing.
    """
    accuracy = card.accuracy
    parts = [
        "<h1>How good are these prices?</h1>",
        *_summary(accuracy.unseen if accuracy else card.metrics),
        *(_details(accuracy) if accuracy else ()),
        *_measurement(card, accuracy, version=version),
        *(_earlier(accuracy) if accuracy and accuracy.earlier else ()),
        "<h2>Limits</h2>",
        "<ul>" + "".join(f"<li>{escape(limit)}</li>" for limit in card.limits) + "</ul>",
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>How good are these prices?</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def _summary(unseen: Mapping[str, float]) -> Iterable[str]:
    within = {tolerance: unseen.get(f"within_{tolerance}") for tolerance in (5, 10, 20)}
    shares = ", ".join(
        f"{share:.0%} within {tolerance}%" for tolerance, share in within.items() if share is not None
    )
    yield (
        f"<p>We estimated the price of {CARS} whose advertisements were new to us, and compared with "
        "what their sellers asked for. <strong>Half of our prices were less than "
        f"{unseen['mdape']:.1%} away.</strong> "
        f"Of all prices, {shares}.</p>"
    )
    if "coverage" in unseen:
        yield (
            f"<p>The range beside a price should contain the asking price of nine in ten such {CARS}. It "
            f"contained <strong>{unseen['coverage']:.1%}</strong>.</p>"
        )


def _details(accuracy: Accuracy) -> Iterable[str]:
    if accuracy.by_price:
        rows = [(_band(group.name), group) for group in accuracy.by_price]
        yield "<h2>By price</h2>"
        yield _picture([(label, group.mdape) for label, group in rows])
        yield _table("Our price", rows)
    if accuracy.by_support:
        yield f"<h2>By how many such {CARS} we know</h2>"
        yield _table("Make and model", [(SUPPORT[group.name], group) for group in accuracy.by_support])
    if floor := accuracy.noise_floor:
        yield "<h2>How much better could it be?</h2>"
        yield (
            f"<p>{CARS.capitalize()} that are described alike are advertised at prices that differ by "
            f"{floor['gap']:.1%} at the median. So no estimate from the description "
            f"alone can be expected to have a median error below {floor['lower']:.1%} to "
            f"{floor['upper']:.1%} on them. "
            f"Ours is {floor['error']:.1%}.</p>"
        )


def _measurement(card: ModelCard, accuracy: Accuracy | None, *, version: str) -> Iterable[str]:
    yield "<h2>How this was measured</h2>"
    if accuracy is None:
        yield "<p>This version was measured by an earlier release, which kept fewer figures.</p>"
    else:
        yield (
            f"<p>{accuracy.unseen['rows']:,.0f} {CARS} that were advertised from "
            f"{_day(accuracy.tested_from)} to {_day(accuracy.tested_to)}, and never before, were estimated "
            "by a model that had learned from "
            "earlier advertisements only. Afterwards the model was fitted again on all advertisements.</p>"
        )
    if accuracy and accuracy.new:
        yield (
            f"<p>On all {accuracy.new['rows']:,.0f} new advertisements of that time, which include "
            f"{CARS} that were advertised before, the median error was {accuracy.new['mdape']:.1%}.</p>"
        )
    yield (
        f"<p>Version {escape(version)} was trained on {_day(card.trained_at.date())} on "
        f"{sum(card.rows.values()):,} {_source(card)}; the newest is from "
        f"{_day(card.data_as_of)}.</p>"
    )


def _source(card: ModelCard) -> str:
    """Say where the advertisements come from. The card's description may hold host and file names."""
    if card.data_source == "sample":
        return "<strong>invented advertisements: these prices are examples, not those of a market</strong>"
    return "advertisements from Kaggle" if card.data_source == "kaggle" else "advertisements"


def _earlier(accuracy: Accuracy) -> Iterable[str]:
    yield "<h2>Versions before it</h2>"
    rows = "".join(
        f"<tr><td>{escape(item.name)}</td><td>{_day(item.data_as_of)}</td><td>{item.mdape:.1%}</td>"
        f"<td>{item.coverage:.1%}</td></tr>"
        for item in accuracy.earlier
    )
    yield (
        "<table><caption>Each was measured on the newest advertisements of its own time.</caption>"
        "<tr><th>Version</th><th>Newest advertisement</th><th>Median error</th><th>In range</th></tr>"
        f"{rows}</table>"
    )


def _table(head: str, rows: Sequence[tuple[str, GroupAccuracy]]) -> str:
    lines = "".join(
        f"<tr><td>{escape(label)}</td><td>{group.rows:,}</td><td>{group.mdape:.1%}</td>"
        f"<td>{group.within_20:.0%}</td><td>{group.coverage:.1%}</td></tr>"
        for label, group in rows
    )
    return (
        f"<table><tr><th>{head}</th><th>{CARS.capitalize()} measured</th><th>Median error</th>"
        f"<th>Within 20%</th><th>In range</th></tr>{lines}</table>"
    )


def _picture(rows: Sequence[tuple[str, float]]) -> str:
    """Draw the median errors as bars (SVG); the table below it has the same figures."""
    largest = max(error for _, error in rows) or 1.0
    bars = "".join(
        f'<text x="0" y="{number * ROW + 19}">{escape(label)}</text>'
        f'<rect x="{LABEL}" y="{number * ROW + 4}" width="{BAR * error / largest:.0f}" height="20" '
        'fill="#2b6cb0"/>'
        f'<text x="{LABEL + BAR * error / largest + 6:.0f}" y="{number * ROW + 19}">{error:.1%}</text>'
        for number, (label, error) in enumerate(rows)
    )
    return (
        f'<figure><svg viewBox="0 0 {LABEL + BAR + 60} {len(rows) * ROW}" role="img" '
        f'font-size="14" fill="#1b1b1b" aria-label="Median error by price">{bars}</svg>'
        "<figcaption>Median error by price</figcaption></figure>"
    )


def _band(lower: str) -> str:
    edge = int(lower)
    upper = next((item for item in MARKET.price_bands if item > edge), None)
    if upper is None:
        return f"{CURRENCY.format(edge)} and more"
    return (
        f"{CURRENCY.format(edge)} to {CURRENCY.format(upper)}" if edge else f"below {CURRENCY.format(upper)}"
    )


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
