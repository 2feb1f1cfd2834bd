"""Score raw text rows: parse them by the cleaning rules of the training data, and quote each row."""

from collections.abc import Iterable, Iterator

import polars as pl

from carvalue.files.tabular import PARSE_ERROR
from carvalue.listings import FIELDS, NUMBER_FIELDS, CategoryField, NumberField
from carvalue.listings.cleaning import (
    CATEGORIES,
    CLOSED,
    describe_car,
    is_blank,
    out_of_range,
    unparsed,
)
from carvalue.pricing.market import unknown_category_kind
from carvalue.pricing.model import PriceModel

LISTING_COLUMNS = tuple(field.name for field in FIELDS)
"""Raw columns that a quote depends on."""
OPTIONAL: tuple[CategoryField | NumberField, ...] = (
    *(field for field in NUMBER_FIELDS if not field.required),
    *CLOSED,
)
"""Fields whose unreadable values are taken as missing, with a warning."""
REJECTED, REJECTED_KINDS = "rejected warnings", "rejected kinds"
SCORED_SCHEMA = pl.Schema(
    {
        "price": pl.Int64(),
        "low": pl.Int64(),
        "high": pl.Int64(),
        "support_grade": pl.String(),
        "warnings": pl.List(pl.String()),
        "reason": pl.String(),
    }
)
"""Columns of the result: whole dollars, grade of support and warnings, or why the row has no price."""

MAX_SHOWN_CHARACTERS = 40  # of a rejected text; after an unclosed quotation mark a cell can be half a file


def score(rows: pl.DataFrame, *, model: PriceModel) -> pl.DataFrame:
    """Quote raw rows. Rows that cannot be priced get a reason; the others are unaffected.

    Args:
        rows: String columns of `LISTING_COLUMNS`; an absent column counts as missing.
        model: Model that quotes.

    Returns:
        One row of `SCORED_SCHEMA` for each row, in the same order.
    """
    return price_rows(parse_rows(rows), model=model).select(SCORED_SCHEMA.names())


def parse_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Parse and validate raw rows.

    Args:
        rows: String columns of `LISTING_COLUMNS`, and optionally of parse errors (`PARSE_ERROR`); an absent
            column counts as missing.

    Returns:
        `LISTING_COLUMNS` with the types of the model; `reason`, why a row cannot be priced, or null; and the
        warnings about rejected categories with their kinds. One row for each row, in the same order.

    Examples:
        >>> rows = pl.DataFrame({"year": ["2012", "soon"], "odometer": ["90000", ""]})
        >>> parse_rows(rows).select("year", "odometer", "reason").rows()
        [(2012, 90000, None), (None, None, 'year soon: expected a whole number')]
    """
    absent = [
        pl.lit(None, pl.String).alias(name)
        for name in (*LISTING_COLUMNS, PARSE_ERROR)
        if name not in rows.columns
    ]
    texts = rows.with_columns(absent).select(PARSE_ERROR, pl.col(LISTING_COLUMNS).name.prefix("raw."))
    reasons = pl.concat_str(list(_reasons()), separator="; ", ignore_nulls=True)
    return texts.with_columns(describe_car()).select(
        *(pl.col(field.name).cast(pl.Int32, strict=False) for field in NUMBER_FIELDS),
        *(pl.col(field.name) for field in CATEGORIES),
        pl.coalesce(PARSE_ERROR, reasons.replace("", None)).alias("reason"),
        _lists(_rejected(field) for field in OPTIONAL).alias(REJECTED),
        _lists(_rejected_kind(field) for field in OPTIONAL).alias(REJECTED_KINDS),
    )


def price_rows(parsed: pl.DataFrame, *, model: PriceModel) -> pl.DataFrame:
    """Quote parsed rows.

    Args:
        parsed: Rows, as `parse_rows` returns them.
        model: Model that quotes.

    Returns:
        `SCORED_SCHEMA` and the kinds of the warnings, one row for each row, in the same order.
    """
    valid = parsed["reason"].is_null()
    listings = parsed.filter(valid)
    quotes = model.quote_frame(listings.select(LISTING_COLUMNS)).with_columns(
        pl.col("warnings").list.concat(listings[REJECTED]),
        pl.col("kinds").list.concat(listings[REJECTED_KINDS]),
    )
    index = pl.select(pl.when(valid).then(valid.cum_sum() - 1)).to_series()
    no_warnings = pl.lit([], dtype=SCORED_SCHEMA["warnings"])
    priced = quotes.select(pl.all().gather(index)).with_columns(
        parsed["reason"], pl.col("warnings", "kinds").fill_null(no_warnings)
    )
    return priced.with_columns(pl.col(name).cast(kind) for name, kind in SCORED_SCHEMA.items())


def _reasons() -> Iterator[pl.Expr]:
    for field in NUMBER_FIELDS:
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


def _rejected(field: CategoryField | NumberField) -> pl.Expr:
    problem = "no whole number" if isinstance(field, NumberField) else "not known"
    text = f"{{}} '{{}}' is {problem}: taken as missing"
    warning = pl.format(text, pl.lit(field.name), _shown(field))
    return pl.when(unparsed(field.name)).then(warning)


def _rejected_kind(field: CategoryField | NumberField) -> pl.Expr:
    is_number = isinstance(field, NumberField)
    kind = f"{field.name}_unreadable" if is_number else unknown_category_kind(field.name)
    return pl.when(unparsed(field.name)).then(pl.lit(kind))


def _lists(texts: Iterable[pl.Expr]) -> pl.Expr:
    return pl.concat_list(texts).list.drop_nulls()


def _shown(field: CategoryField | NumberField) -> pl.Expr:
    return pl.col(f"raw.{field.name}").str.strip_chars().str.slice(0, MAX_SHOWN_CHARACTERS)
