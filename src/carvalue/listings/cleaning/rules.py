"""Cleaning rules: parse raw cells, find the first rule that a row breaks, and flag repaired values.

Every function returns Polars expressions over the raw text (columns `raw.<column>`, type String), so that the
same rules apply to a frame in memory and to a file of any size.
"""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

import polars as pl

from carvalue.listings.schema import (
    FIELDS,
    MARKET,
    NUMBER_FIELDS,
    PRICE,
    SOURCE_COLUMNS,
    CategoryField,
    NumberField,
)
from carvalue.listings.values import PLAIN_NUMBER, PLAIN_WHOLE_NUMBER, parse_numbers

REQUIRED_COLUMNS = (
    *("id", "price", "posting_date"),
    *(field.name for field in FIELDS if field.name in SOURCE_COLUMNS),
)
DEGREES = {"lat": 90, "long": 180}
DELETED = "deleted"
"""The column that marks a listing which its source has withdrawn."""
DELETED_VALUES = ("true", "1", "yes")
OPTIONAL_COLUMNS = (
    *(*DEGREES, "VIN", DELETED),
    *(field.name for field in FIELDS if field.name not in SOURCE_COLUMNS),
)

POSTING_DATE_FORMAT = MARKET.date_format
EARLIEST_POSTING = datetime(2000, 1, 1, tzinfo=UTC)  # an earlier date is an error
CLOCK_SLACK = timedelta(days=1)  # a site's clock may be ahead; later dates would distort the split by time

NUMBERS = (PRICE, *NUMBER_FIELDS)
"""All number fields, the price included."""
CATEGORIES = tuple(field for field in FIELDS if isinstance(field, CategoryField))
"""All categorical fields."""
CLOSED = tuple(field for field in CATEGORIES if not field.is_open)
"""The categorical fields with a closed vocabulary."""
LARGEST_INT16 = 32_767
TYPES: dict[str, type[pl.DataType]] = {
    field.name: pl.Int16 if field.maximum <= LARGEST_INT16 else pl.Int32 for field in NUMBERS
}

REPAIRS = (
    *(f"{field.name} not in the vocabulary" for field in CLOSED),
    *(f"{name} not a place" for name in DEGREES),
)
"""Names of the repairs: an invalid value is set to null and its row is kept."""


class CleaningRule(NamedTuple):
    """A rule that every listing must satisfy.

    Attributes:
        reason: The reason for the rejection of a row that breaks the rule.
        column: The raw column with the invalid text.
        broken: A Boolean expression, true for rows that break the rule.
    """

    reason: str
    column: str
    broken: pl.Expr


def parse_cells() -> list[pl.Expr]:
    """Parse every column of the raw text.

    Returns:
        Expressions of the columns `id` (Int64), `posted_at` (Datetime in UTC), the price and the listing's
        fields (numbers as Float64, categories as String), `lat` and `long` (Float32), null where the text
        cannot be parsed; and `deleted` (Boolean).
    """
    return [
        _id(),
        pl.col("raw.posting_date")
        .str.to_datetime(POSTING_DATE_FORMAT, time_zone="UTC", time_unit="us", strict=False)
        .alias("posted_at"),
        _number(PRICE),
        *describe_car(),
        *(_degrees(name) for name in DEGREES),
        marks_deletion(pl.col(f"raw.{DELETED}")).alias(DELETED),
    ]


def marks_deletion(text: pl.Expr, values: Collection[str] = DELETED_VALUES) -> pl.Expr:
    """Find rows that withdraw a listing.

    Args:
        text: The raw text of the column with the mark.
        values: The texts that mark a deletion, in lower case.

    Returns:
        A Boolean expression without nulls.

    Example:
        >>> import polars as pl
        >>> rows = pl.DataFrame({"deleted": ["True", "no", None]})
        >>> rows.select(marks_deletion(pl.col("deleted"))).to_series().to_list()
        [True, False, False]
    """
    return text.str.strip_chars().str.to_lowercase().is_in(values).fill_null(value=False)


def describe_car() -> list[pl.Expr]:
    """Parse the columns of the listing's fields: everything that a quote depends on.

    Returns:
        One expression per field of `FIELDS`; numbers as Float64, categories in the schema's spelling.

    Example:
        >>> import polars as pl
        >>> from carvalue.listings import FIELDS
        >>> raw = {f"raw.{field.name}": None for field in FIELDS}
        >>> raw |= {"raw.manufacturer": " Toyota ", "raw.year": "2015.0"}
        >>> raw |= {"raw.fuel": "GAS", "raw.type": "suv"}
        >>> listing = pl.DataFrame([raw], schema=dict.fromkeys(raw, pl.String)).select(describe_car())
        >>> listing.select("manufacturer", "year", "fuel", "type").row(0)
        ('toyota', 2015.0, 'gas', 'SUV')
    """
    numbers = (field for field in NUMBERS if field is not PRICE)
    return [*(_number(field) for field in numbers), *(_category(field) for field in CATEGORIES)]


def rejection(*, now: datetime) -> list[pl.Expr]:
    """Find the first rule that each row breaks.

    Args:
        now: The present time; a row posted more than a day later is rejected.

    Returns:
        Expressions of the columns `reason`, the rule's reason, and `value`, the invalid raw text; both are
        null for valid rows. They need the columns that `parse_cells` adds.

    Example:
        >>> from datetime import UTC, datetime
        >>> import polars as pl
        >>> raw = {f"raw.{name}": None for name in (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)}
        >>> raw |= {"raw.id": "1", "raw.posting_date": "2021-04-20T09:30:00-0500"}
        >>> raw |= {"raw.manufacturer": "kia", "raw.model": "rio", "raw.year": "2012", "raw.price": "4500"}
        >>> rows = [raw, raw | {"raw.price": "1"}, raw | {"raw.year": "about 2012"}]
        >>> table = pl.DataFrame(rows, schema=dict.fromkeys(raw, pl.String)).with_columns(parse_cells())
        >>> table.select(rejection(now=datetime(2021, 5, 1, tzinfo=UTC))).rows()
        [(None, None), ('price out of range', '1'), ('year unreadable', 'about 2012')]
    """
    rules = tuple(_rules(now=now))
    return [
        pl.coalesce(pl.when(rule.broken).then(pl.lit(rule.reason)) for rule in rules).alias("reason"),
        pl.coalesce(
            pl.when(rule.broken).then(pl.col(f"raw.{rule.column}").fill_null("")) for rule in rules
        ).alias("value"),
    ]


def unparsed_flags() -> list[pl.Expr]:
    """Flag the values that are set to null because their text is invalid.

    Returns:
        One Boolean expression for each of `REPAIRS`, named after it.
    """
    return [
        unparsed(name).alias(flag)
        for name, flag in zip((*(field.name for field in CLOSED), *DEGREES), REPAIRS, strict=True)
    ]


def unparsed(column: str) -> pl.Expr:
    """Find non-empty raw cells that could not be parsed.

    Args:
        column: The name of a parsed column.

    Returns:
        A Boolean expression on a frame with the columns `<column>` and `raw.<column>`.

    Example:
        >>> import polars as pl
        >>> table = pl.DataFrame({"raw.year": ["2012", "soon", " ", None], "year": [2012, None, None, None]})
        >>> table.select(unparsed("year")).to_series().to_list()
        [False, True, False, False]
    """
    return pl.col(column).is_null() & _has_text(column)


def cast_numbers() -> list[pl.Expr]:
    """Round the numbers and convert them to the types of the clean table.

    Returns:
        One expression for each column of `TYPES`; null on rejected rows, whose values may not fit the type.
        They need the column `reason`.
    """
    valid = pl.col("reason").is_null()
    return [
        pl.when(valid).then(pl.col(name)).round().cast(kind, strict=False).alias(name)
        for name, kind in TYPES.items()
    ]


def is_blank(field: NumberField) -> pl.Expr:
    """Find empty raw cells.

    Args:
        field: The number field.

    Returns:
        A Boolean expression on a frame with the column `raw.<field.name>`.
    """
    return ~_has_text(field.name)


def out_of_range(field: NumberField) -> pl.Expr:
    """Find numbers outside the plausible range of their field.

    Args:
        field: The number field.

    Returns:
        A Boolean expression on a frame with the parsed column; null where the value is null.

    Example:
        >>> import polars as pl
        >>> from carvalue.listings import PRICE
        >>> pl.DataFrame({"price": [1, 8500, None]}).select(out_of_range(PRICE)).to_series().to_list()
        [True, False, None]
    """
    return ~pl.col(field.name).is_between(field.minimum, field.maximum)


def _rules(*, now: datetime) -> Iterator[CleaningRule]:
    posted, year = pl.col("posted_at"), pl.col("year")
    yield CleaningRule("id missing", "id", pl.col("id").is_null())
    yield CleaningRule("posting date unreadable", "posting_date", posted.is_null())
    possible = posted.is_between(pl.lit(EARLIEST_POSTING), pl.lit(now + CLOCK_SLACK))
    yield CleaningRule("posting date impossible", "posting_date", ~possible)
    for field in NUMBERS:
        if field.required:
            yield CleaningRule(f"{field.name} missing", field.name, is_blank(field))
        yield CleaningRule(f"{field.name} unreadable", field.name, unparsed(field.name))
        yield CleaningRule(f"{field.name} out of range", field.name, out_of_range(field))
    yield CleaningRule("year newer than the posting", "year", year > posted.dt.year() + 1)


def _has_text(column: str) -> pl.Expr:
    return (pl.col(f"raw.{column}").str.strip_chars() != "").fill_null(value=False)


def _id() -> pl.Expr:
    """Read the id; one that is no whole number becomes a number from 0 on, the same in every file."""
    text = pl.col("raw.id").str.strip_chars()
    number = (text.hash() // 2).cast(pl.Int64)
    return pl.coalesce(text.cast(pl.Int64, strict=False), pl.when(text != "").then(number)).alias("id")


def _number(field: NumberField) -> pl.Expr:
    text = pl.col(f"raw.{field.name}").str.strip_chars()
    if field.pattern:
        text = pl.coalesce(text.str.extract(f"^(?:{field.pattern})$"), text)
    may_have_cents = field is PRICE
    is_plain = text.str.contains(PLAIN_NUMBER if may_have_cents else PLAIN_WHOLE_NUMBER)
    plain = pl.when(is_plain).then(text).cast(pl.Float64, strict=False)
    read = partial(_parse_typed, whole=not may_have_cents)
    typed = pl.when(~is_plain).then(text).map_batches(read, return_dtype=pl.Float64, is_elementwise=True)
    return pl.coalesce(plain, typed).alias(field.name)


def _parse_typed(texts: pl.Series, *, whole: bool) -> pl.Series:
    """Read numbers that are not plain; the threads of a stream wait for each call, and few have any."""
    if texts.null_count() == len(texts):
        return texts.cast(pl.Float64)
    numbers = parse_numbers(texts)
    return numbers.set(numbers != numbers.round(), None) if whole else numbers


def _category(field: CategoryField) -> pl.Expr:
    text = pl.col(f"raw.{field.name}").str.strip_chars().str.to_lowercase()
    if field.is_open:
        one_spaced = text.str.replace_all(r"[\s\p{Cc}]{2,}|[^\S ]|\p{Cc}", " ").str.strip_chars()
        return one_spaced.replace({**field.aliases, "": None}).alias(field.name)
    spelling = {**field.aliases, **{choice.lower(): choice for choice in field.choices}}
    return text.replace_strict(spelling, default=None, return_dtype=pl.String).alias(field.name)


def _degrees(name: str) -> pl.Expr:
    value = pl.col(f"raw.{name}").str.strip_chars().cast(pl.Float32, strict=False)
    return pl.when(value.is_between(-DEGREES[name], DEGREES[name])).then(value).alias(name)
