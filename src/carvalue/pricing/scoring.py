"""Raw rows in, quotes out, row for row; text is read by the rules that cleaned the training data."""

from collections.abc import Iterable, Iterator

import polars as pl

from carvalue.files.tabular import PARSE_ERROR
from carvalue.listings import FIELDS, PRICE, CategoryField, NumberField
from carvalue.listings.cleaning import (
    CATEGORIES,
    CLOSED,
    NUMBERS,
    describe_car,
    is_blank,
    out_of_range,
    unparsed,
)
from carvalue.pricing.model import PriceModel
from carvalue.pricing.quote import unknown_category_kind

COLUMNS = tuple(field.name for field in FIELDS)
"""The raw columns that a quote depends on."""
NUMBERS = tuple(field for field in NUMBERS if field is not PRICE)
SCORED = pl.Schema(
    {
        "price": pl.Int64(),
        "low": pl.Int64(),
        "high": pl.Int64(),
        "warnings": pl.List(pl.String()),
        "reason": pl.String(),
    }
)
"""What a row becomes: dollars and warnings, or the reason why it cannot be priced."""

SHOWN_LETTERS = 40  # of a text to blame; a broken quotation mark makes a cell of half a file


def score(rows: pl.DataFrame, *, model: PriceModel) -> pl.DataFrame:
    """Price raw rows: text in `COLUMNS`, of which any may be absent; one row of `SCORED` each, in order."""
    return price(read_rows(rows), model=model).select(SCORED.names())


def read_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Give `COLUMNS` as the model takes them, the reason against a row, and words that are no choice."""
    absent = [
        pl.lit(None, pl.String).alias(name) for name in (*COLUMNS, PARSE_ERROR) if name not in rows.columns
    ]
    texts = rows.with_columns(absent).select(PARSE_ERROR, pl.col(COLUMNS).name.prefix("raw."))
    reasons = pl.concat_str(list(_reasons()), separator="; ", ignore_nulls=True)
    return texts.with_columns(describe_car()).select(
        *(pl.col(field.name).cast(pl.Int32, strict=False) for field in NUMBERS),
        *(pl.col(field.name) for field in CATEGORIES),
        pl.coalesce(PARSE_ERROR, reasons.replace("", None)).alias("reason"),
        _lists(_not_taken(field) for field in CLOSED).alias("not taken"),
        _lists(_not_taken_kind(field) for field in CLOSED).alias("not taken kinds"),
    )


def price(read: pl.DataFrame, *, model: PriceModel) -> pl.DataFrame:
    """Price what `read_rows` gave: `SCORED` and the kinds of the warnings, row for row."""
    sound = read["reason"].is_null()
    listings = read.filter(sound)
    quotes = model.quote_frame(listings.select(COLUMNS)).with_columns(
        pl.col("warnings").list.concat(listings["not taken"]),
        pl.col("kinds").list.concat(listings["not taken kinds"]),
    )
    place = pl.select(pl.when(sound).then(sound.cum_sum() - 1)).to_series()
    nothing = pl.lit([], dtype=SCORED["warnings"])
    priced = quotes.select(pl.all().gather(place)).with_columns(
        read["reason"], pl.col("warnings", "kinds").fill_null(nothing)
    )
    return priced.with_columns(pl.col(name).cast(kind) for name, kind in SCORED.items())


def _reasons() -> Iterator[pl.Expr]:
    for field in NUMBERS:
        if field.required:
            yield pl.when(is_blank(field)).then(pl.lit(f"{field.name} missing"))
        yield pl.when(unparsed(field.name)).then(
            pl.format("{} {}: expected a whole number", pl.lit(field.name), _shown(field))
        )
        expected = f"expected {field.minimum}-{field.maximum}"
        number = pl.col(field.name).cast(pl.Int64, strict=False).cast(pl.String)
        yield pl.when(out_of_range(field)).then(
            pl.format("{} {}: {}", pl.lit(field.name), pl.coalesce(number, _shown(field)), pl.lit(expected))
        )


def _not_taken(field: CategoryField) -> pl.Expr:
    warning = pl.format("{} '{}' is not known: taken as missing", pl.lit(field.name), _shown(field))
    return pl.when(unparsed(field.name)).then(warning)


def _not_taken_kind(field: CategoryField) -> pl.Expr:
    return pl.when(unparsed(field.name)).then(pl.lit(unknown_category_kind(field.name)))


def _lists(texts: Iterable[pl.Expr]) -> pl.Expr:
    return pl.concat_list(texts).list.drop_nulls()


def _shown(field: CategoryField | NumberField) -> pl.Expr:
    return pl.col(f"raw.{field.name}").str.strip_chars().str.slice(0, SHOWN_LETTERS)
