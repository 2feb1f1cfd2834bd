"""Rows to watch: what people entered and the model answered, in the same columns as the reference's."""

from collections.abc import Sequence

import polars as pl

from carvalue.journal import JournalEntry
from carvalue.listings import FIELDS, NumberField
from carvalue.pricing import PriceModel
from carvalue.pricing.features import read_name

NUMBERS = tuple(field.name for field in FIELDS if isinstance(field, NumberField))
WORDS = tuple(field.name for field in FIELDS if not isinstance(field, NumberField))
OPEN_WORDS = tuple(field.name for field in FIELDS if not isinstance(field, NumberField) and field.is_open)


def journal_frame(entries: Sequence[JournalEntry]) -> pl.DataFrame:
    """Give `quoted_at`, every input, `price` and `range_width`, one row for each entry."""
    columns: dict[str, pl.Series] = {"quoted_at": pl.Series([entry.quoted_at for entry in entries])}
    for name in NUMBERS:
        columns[name] = pl.Series(
            [entry.listing.get(name) for entry in entries], dtype=pl.Float64, strict=False
        )
    for name in WORDS:
        columns[name] = pl.Series(
            [entry.listing.get(name) for entry in entries], dtype=pl.String, strict=False
        )
    answers = {
        name: pl.Series([getattr(entry, name) for entry in entries], dtype=pl.Float64)
        for name in ("price", "low", "high")
    }
    return _as_watched(pl.DataFrame(columns | answers))


def reference_frame(reference: pl.DataFrame, model: PriceModel) -> pl.DataFrame:
    """Give the reference's inputs with what this model answers to them, in the reference's order."""
    inputs = reference.select(*NUMBERS, *WORDS)
    quotes = model.quote_frame(inputs).select(pl.col("price", "low", "high").cast(pl.Float64))
    return _as_watched(pl.concat([inputs, quotes], how="horizontal"))


def _as_watched(rows: pl.DataFrame) -> pl.DataFrame:
    makes = {text: read_name(text, "").make for text in rows["manufacturer"].drop_nulls().unique()}
    spelled = pl.col("manufacturer").replace(makes)  # "chevy" is no unseen make
    return rows.with_columns(
        *(pl.col(name).str.strip_chars().str.to_lowercase() for name in OPEN_WORDS if name != "manufacturer"),
        manufacturer=spelled,
        range_width=(pl.col("high") - pl.col("low")) / pl.col("price"),
    ).drop("low", "high")
