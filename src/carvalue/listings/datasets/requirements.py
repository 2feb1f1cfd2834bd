"""What the gates require of the listings that any model is trained on."""

from collections.abc import Iterator, Mapping

import polars as pl

from carvalue.listings.datasets.periods import SPLIT_SHARES, SplitName
from carvalue.listings.markets import PriceOrder
from carvalue.listings.schema import FIELD_BY_NAME, MARKET

MIN_TRAINING_ROWS, MIN_TEST_ROWS = 1_000, 300  # rows; with fewer, the metrics are mostly noise


def gate_requirements(listings: pl.DataFrame) -> Iterator[str]:
    """Compare clean listings with what the gates require of any model.

    Args:
        listings: All clean listings, with `posted_at` and the fields of the market.

    Yields:
        One sentence for each gate that cannot pass, and for each invariant that is not applicable.
    """
    minima: Mapping[SplitName, int] = {"train": MIN_TRAINING_ROWS, "test": MIN_TEST_ROWS}
    for name, minimum in minima.items():
        expected = round(SPLIT_SHARES[name] * listings.height)
        if expected < minimum:
            yield f"enough data: about {expected:,} {name} rows (at least {minimum:,}): versions are refused"
    if listings["posted_at"].n_unique() < len(SPLIT_SHARES):
        yield "the split is by time: all listings have the same posting date"
    for order in MARKET.orders:
        if reason := missing_categories(listings, order):
            yield f"invariants: not applicable: {order.name} ({reason})"


def missing_categories(rows: pl.DataFrame, order: PriceOrder) -> str:
    """Say what listings lack for an invariant of the market.

    Args:
        rows: Listings.
        order: The invariant, which compares two categories of a field.

    Returns:
        A phrase; empty if the listings have both categories.
    """
    categories = set(rows[order.field].drop_nulls().unique()) if order.field in rows.columns else set()
    label = FIELD_BY_NAME[order.field].label.lower()
    if not categories:
        return f"no listing states its {label}"
    missing = [category for category in (order.worse, order.better) if category not in categories]
    return f"no listing has the {label} {' or '.join(missing)}" if missing else ""
