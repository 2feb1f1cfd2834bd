"""Compare reported sales with the reference model's quotes and with source listings."""

from collections import Counter

import polars as pl

from carvalue.listings import NAME_FIELDS
from carvalue.pricing.features import car_name
from carvalue.pricing.model import PriceModel


def sales_evidence(
    sales: pl.DataFrame, *, listings: pl.DataFrame, reference: PriceModel | None
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
    rows = _families(listings)
    counts = Counter[str]()
    for (family,), part in rows.group_by("family"):
        counts[str(family)] = part.height
    families = _families(sales)["family"]
    return sales.with_columns(
        reference=pl.lit(None, pl.Int64) if reference is None else reference.quote_frame(sales)["price"],
        family=families,
        family_rows=pl.Series([counts[family] for family in families], dtype=pl.Int64),
    )


def _families(rows: pl.DataFrame) -> pl.DataFrame:
    names = rows.select(NAME_FIELDS).unique()
    known = [car_name(*name) for name in names.iter_rows()]
    families = pl.Series([f"{name.make} {name.family}" for name in known], dtype=pl.String)
    keyed = names.with_columns(family=families)
    return rows.select(NAME_FIELDS).join(
        keyed, on=NAME_FIELDS, how="left", nulls_equal=True, maintain_order="left"
    )
