"""Compare reported sales with the reference model's quotes and with source listings."""

from collections import Counter

import polars as pl

from carvalue.listings import NAME_FIELDS
from carvalue.pricing.features import car_name
from carvalue.pricing.model import PriceModel


def sales_evidence(
    sales: pl.DataFrame, *, listings: pl.LazyFrame, reference: PriceModel | None
) -> pl.DataFrame:
    """Add to each reported sale the values that it is screened by.

    Args:
        sales: Reported sales with the fields of a listing.
        listings: The source listings, with `manufacturer` and `model`.
        reference: The champion; None where there is none.

    Returns:
        The sales with `reference` (quote in dollars; null without a reference model), `family` (make and
        model family) and `family_rows` (number of source listings of that family).
    """
    names = listings.group_by(NAME_FIELDS).agg(rows=pl.len()).collect(engine="streaming")
    counts = Counter[str]()
    for family, rows in zip(_families(names), names["rows"], strict=True):
        counts[family] += rows
    families = _families(sales)
    return sales.with_columns(
        reference=pl.lit(None, pl.Int64) if reference is None else reference.quote_frame(sales)["price"],
        family=families,
        family_rows=pl.Series([counts[family] for family in families], dtype=pl.Int64),
    )


def _families(rows: pl.DataFrame) -> pl.Series:
    """Return the make and model family of each row."""
    names = rows.select(NAME_FIELDS).unique()
    known = [car_name(*name) for name in names.iter_rows()]
    families = pl.Series([f"{name.make} {name.family}" for name in known], dtype=pl.String)
    keyed = names.with_columns(family=families)
    joined = rows.select(NAME_FIELDS).join(
        keyed, on=NAME_FIELDS, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["family"]
