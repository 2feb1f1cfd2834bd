"""What a raw row must be to count as a listing: parsed values, the first rule that a row breaks, repairs.

Every function gives Polars expressions over the raw text (`raw.<column>`), so that the same rules judge a row
in memory and a file of any size.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import polars as pl

from carvalue.listings.schema import FIELDS, PRICE, CategoryField, NumberField

REQUIRED_COLUMNS = ("id", "price", "posting_date", *(field.name for field in FIELDS))
DEGREES = {"lat": 90, "long": 180}
OPTIONAL_COLUMNS = (*DEGREES, "VIN")

POSTING_DATE_FORMAT = "%Y-%m-%dT%H:%M:%S%z"
EARLIEST_POSTING = datetime(2000, 1, 1, tzinfo=UTC)  # before advertisements went online in numbers
CLOCK_SLACK = timedelta(days=1)  # a site's clock may run ahead; a date beyond would bend the split by time

NUMBERS = (PRICE, *(field for field in FIELDS if isinstance(field, NumberField)))
CATEGORIES = tuple(field for field in FIELDS if isinstance(field, CategoryField))
CLOSED = tuple(field for field in CATEGORIES if not field.is_open)
TYPES: dict[str, type[pl.DataType]] = {"price": pl.Int32, "year": pl.Int16, "odometer": pl.Int32}
WHOLE = ("year", "odometer")  # cents of a price are rounded; half a model year is a mistake

NOT_A_WORD = "not in the vocabulary"
NO_PLACE = "not a place"
REPAIRS = (*(f"{field.name} {NOT_A_WORD}" for field in CLOSED), *(f"{name} {NO_PLACE}" for name in DEGREES))
"""Values that became missing while their row was kept."""


class CleaningRule(NamedTuple):
    """A reason for a rejection, the raw column to blame, and the test for a row that breaks it."""

    reason: str
    column: str
    broken: pl.Expr


def parse_cells() -> list[pl.Expr]:
    """Give every value in the words and units of the schema, null where the raw text cannot be read."""
    return [
        pl.col("raw.id").cast(pl.Int64, strict=False).alias("id"),
        pl.col("raw.posting_date")
        .str.to_datetime(POSTING_DATE_FORMAT, time_zone="UTC", time_unit="us", strict=False)
        .alias("posted_at"),
        _number(PRICE),
        *describe_car(),
        *(_degrees(name) for name in DEGREES),
    ]


def describe_car() -> list[pl.Expr]:
    """Give what a listing says of the car, in the schema's words and units: all that a quote depends on."""
    numbers = (field for field in NUMBERS if field is not PRICE)
    return [*(_number(field) for field in numbers), *(_category(field) for field in CATEGORIES)]


def rejection(*, now: datetime) -> list[pl.Expr]:
    """Give `reason`, the first rule that a row breaks, and `value`, the text to blame; null if sound."""
    rules = tuple(_rules(now=now))
    return [
        pl.coalesce(pl.when(rule.broken).then(pl.lit(rule.reason)) for rule in rules).alias("reason"),
        pl.coalesce(
            pl.when(rule.broken).then(pl.col(f"raw.{rule.column}").fill_null("")) for rule in rules
        ).alias("value"),
    ]


def unparsed_flags() -> list[pl.Expr]:
    """Give a flag for each of `REPAIRS`: a text was there and could not be taken."""
    return [
        unparsed(name).alias(flag)
        for name, flag in zip((*(field.name for field in CLOSED), *DEGREES), REPAIRS, strict=True)
    ]


def unparsed(column: str) -> pl.Expr:
    """Tell where a text was there and could not be taken."""
    return pl.col(column).is_null() & _given(column)


def cast_numbers() -> list[pl.Expr]:
    """Give the numbers in the types of the clean table, null on rejected rows, where they may not fit."""
    sound = pl.col("reason").is_null()
    return [
        pl.when(sound).then(pl.col(name)).round().cast(kind, strict=False).alias(name)
        for name, kind in TYPES.items()
    ]


def is_blank(field: NumberField) -> pl.Expr:
    """Tell where no text was there."""
    return ~_given(field.name)


def out_of_range(field: NumberField) -> pl.Expr:
    """Tell where a number is not meant seriously; null where there is none."""
    return ~pl.col(field.name).is_between(field.minimum, field.maximum)


def _rules(*, now: datetime) -> Iterator[CleaningRule]:
    posted, year = pl.col("posted_at"), pl.col("year")
    yield CleaningRule("id unreadable", "id", pl.col("id").is_null())
    yield CleaningRule("posting date unreadable", "posting_date", posted.is_null())
    possible = posted.is_between(pl.lit(EARLIEST_POSTING), pl.lit(now + CLOCK_SLACK))
    yield CleaningRule("posting date impossible", "posting_date", ~possible)
    for field in NUMBERS:
        if field.required:
            yield CleaningRule(f"{field.name} missing", field.name, is_blank(field))
        yield CleaningRule(f"{field.name} unreadable", field.name, unparsed(field.name))
        yield CleaningRule(f"{field.name} out of range", field.name, out_of_range(field))
    yield CleaningRule("year newer than the posting", "year", year > posted.dt.year() + 1)


def _given(column: str) -> pl.Expr:
    return (pl.col(f"raw.{column}").str.strip_chars() != "").fill_null(value=False)


def _number(field: NumberField) -> pl.Expr:
    value = pl.col(f"raw.{field.name}").str.strip_chars().cast(pl.Float64, strict=False)
    # a parser of floats reads "nan", "inf" and 2012.5, none of which is a year
    readable = value.is_finite() & (value == value.round()) if field.name in WHOLE else value.is_finite()
    return pl.when(readable).then(value).alias(field.name)


def _category(field: CategoryField) -> pl.Expr:
    word = pl.col(f"raw.{field.name}").str.strip_chars().str.to_lowercase()
    if field.is_open:
        text = word.str.replace_all(r"\s{2,}|[^\S ]", " ")
        return text.replace("", None).alias(field.name)
    spelling = {choice.lower(): choice for choice in field.choices}
    return word.replace_strict(spelling, default=None, return_dtype=pl.String).alias(field.name)


def _degrees(name: str) -> pl.Expr:
    value = pl.col(f"raw.{name}").str.strip_chars().cast(pl.Float32, strict=False)
    return pl.when(value.is_between(-DEGREES[name], DEGREES[name])).then(value).alias(name)
