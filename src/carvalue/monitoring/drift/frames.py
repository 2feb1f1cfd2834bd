"""Frames of quotes to check for drift, with the same columns for the journal and for the reference."""

from collections.abc import Sequence

import polars as pl

from carvalue.journal import JournalEntry
from carvalue.listings import FIELDS, NumberField
from carvalue.pricing import PriceModel
from carvalue.pricing.features import read_name

NUMBERS = tuple(field.name for field in FIELDS if isinstance(field, NumberField))
TEXTS = tuple(field.name for field in FIELDS if not isinstance(field, NumberField))
FREE_TEXTS = tuple(field.name for field in FIELDS if not isinstance(field, NumberField) and field.is_open)


def journal_frame(entries: Sequence[JournalEntry]) -> pl.DataFrame:
    """Build a frame of journal entries.

    Args:
        entries: Quotes, in order.

    Returns:
        One row for each entry: `quoted_at`, `route`, `client`, `trace_id`, every input, `price` (dollars)
        and `range_width` (share of `price`), of the range before reported sales corrected it: the reference
        has no correction.

    >>> from datetime import UTC, datetime
    >>> entry = JournalEntry(
    ...     quote_id="0" * 32, quoted_at=datetime(2026, 1, 1, tzinfo=UTC), model_version="3",
    ...     price=20_000, low=15_000, high=25_000, warnings=(),
    ...     listing={"manufacturer": "Chevy", "year": 2015},
    ... )
    >>> journal_frame([entry]).select("manufacturer", "year", "price", "range_width").row(0)
    ('chevrolet', 2015.0, 20000.0, 0.5)
    """
    columns: dict[str, pl.Series] = {
        "quoted_at": pl.Series([entry.quoted_at for entry in entries]),
        "route": pl.Series([entry.route for entry in entries], dtype=pl.String),
        "client": pl.Series([entry.client for entry in entries], dtype=pl.String),
        "trace_id": pl.Series([entry.trace_id for entry in entries], dtype=pl.String),
    }
    for names, dtype in ((NUMBERS, pl.Float64), (TEXTS, pl.String)):
        for name in names:
            values = [entry.listing.get(name) for entry in entries]
            columns[name] = pl.Series(values, dtype=dtype, strict=False)
    calibrated = [(entry.price, *entry.calibrated_range) for entry in entries]
    prices = pl.DataFrame(
        calibrated, schema=dict.fromkeys(("price", "low", "high"), pl.Float64), orient="row"
    )
    return _normalized(pl.DataFrame(columns).hstack(prices))


def reference_frame(reference: pl.DataFrame, model: PriceModel) -> pl.DataFrame:
    """Build a frame of the reference as a model quotes it.

    Args:
        reference: The published rows, with every input.
        model: The model that quotes them.

    Returns:
        The rows in the same order: every input, `price` (dollars) and `range_width` (share of the price).
    """
    inputs = reference.select(*NUMBERS, *TEXTS)
    quotes = model.quote_frame(inputs).select(pl.col("price", "low", "high").cast(pl.Float64))
    return _normalized(pl.concat([inputs, quotes], how="horizontal"))


def _normalized(rows: pl.DataFrame) -> pl.DataFrame:
    makes = {text: read_name(text, "").make for text in rows["manufacturer"].drop_nulls().unique()}
    make = pl.col("manufacturer").replace(makes)  # "chevy" is a known spelling of "chevrolet"
    return rows.with_columns(
        *(pl.col(name).str.strip_chars().str.to_lowercase() for name in FREE_TEXTS if name != "manufacturer"),
        manufacturer=make,
        range_width=(pl.col("high") - pl.col("low")) / pl.col("price"),
    ).drop("low", "high")
