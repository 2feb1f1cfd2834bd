"""Read polars and pandas frames as listings: names, types and ranges are those of the schema."""

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import ALIASES, EXPECTED, FIELDS, CategoryField, NumberField, parse_numbers

IDENTITY_COLUMNS = ("car", "posted_at", "id")
"""Columns that are no inputs of the model: which car a listing shows, and when it was posted."""
SHOWN = 60  # characters of a value in an error message


class InvalidListingFrame(ValueError):
    """A frame cannot be used; the message names the column, the value and what is expected."""


def as_listings(rows: Any) -> pl.DataFrame:
    """Convert rows to a frame with all fields of the schema.

    Args:
        rows: A polars or pandas frame, one listing (a mapping), or a list of listings. An absent column
            counts as missing; a column that is no field causes one warning.

    Returns:
        All fields in the order of the schema, and those of `IDENTITY_COLUMNS` that the rows have.

    Raises:
        InvalidListingFrame: The rows are no table, or a value is not what its field accepts.

    Examples:
        >>> as_listings({"make": " Ford", "model": "F-150  XLT", "year": 2015, "odometer": "80k"}).row(0)[:4]
        ('ford', 'f-150 xlt', 2015, 80000)
    """
    frame = _frame(rows)
    frame = frame.rename({name: field for name, field in ALIASES.items() if name in frame.columns})
    names = tuple(field.name for field in FIELDS)
    _warn_of_unknown(tuple(sorted(set(frame.columns) - {*names, *IDENTITY_COLUMNS, "price", "lat", "long"})))
    columns = [_column(frame, field) for field in FIELDS]
    kept = [frame[name] for name in IDENTITY_COLUMNS if name in frame.columns]
    return pl.DataFrame([*columns, *kept])


def as_prices(prices: Any, *, rows: int) -> npt.NDArray[np.float64]:
    """Convert asking prices to an array.

    Args:
        prices: Dollars, shape (rows,).
        rows: Number of listings.

    Returns:
        Dollars, shape (rows,), dtype float64.

    Raises:
        InvalidListingFrame: A price is missing or not positive, or the number of prices differs.
    """
    if prices is None:
        raise InvalidListingFrame(
            "requires y to be passed, but the target y is None: expected asking prices."
        )
    values = np.asarray(prices.to_numpy() if hasattr(prices, "to_numpy") else prices)
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError):
        raise InvalidListingFrame(f"y: expected dollars, found values of type {values.dtype}.") from None
    if numbers.ndim != 1 or len(numbers) != rows:
        raise InvalidListingFrame(f"y: expected {rows} prices in one dimension, found shape {numbers.shape}.")
    wrong = np.flatnonzero(~(np.isfinite(numbers) & (numbers > 0)))
    if len(wrong):
        first = int(wrong[0])
        raise InvalidListingFrame(
            f"y, row {first}: expected a price above 0 dollars, found {numbers[first]}."
        )
    return numbers


def _frame(rows: Any) -> pl.DataFrame:
    if isinstance(rows, pl.DataFrame):
        return rows
    if isinstance(rows, pl.LazyFrame):
        return rows.collect()
    if isinstance(rows, Mapping):
        return pl.DataFrame([dict(rows)], infer_schema_length=None)
    if hasattr(rows, "iloc") and hasattr(rows, "columns"):  # a pandas frame, without importing pandas
        return pl.DataFrame(
            {str(name): _without_nan(rows[name].tolist()) for name in rows.columns}, strict=False
        )
    if isinstance(rows, Sequence) and all(isinstance(row, Mapping) for row in rows) and rows:
        return pl.DataFrame([dict(row) for row in rows], infer_schema_length=None)
    found = f"an array of shape {rows.shape}" if hasattr(rows, "shape") else type(rows).__name__
    raise InvalidListingFrame(
        f"X: expected a polars or pandas frame, or listings, with columns such as year; found {found}."
    )


def _without_nan(values: list[Any]) -> list[Any]:
    return [None if value is None or value != value else value for value in values]


def _column(frame: pl.DataFrame, field: NumberField | CategoryField) -> pl.Series:
    if field.name not in frame.columns:
        kind = pl.Int64 if isinstance(field, NumberField) else pl.String
        return pl.Series(field.name, [None], dtype=kind).new_from_index(0, frame.height)
    values = frame[field.name]
    return _numbers(values, field) if isinstance(field, NumberField) else _categories(values, field)


def _numbers(values: pl.Series, field: NumberField) -> pl.Series:
    if values.dtype == pl.String:
        stripped = values.str.strip_chars().replace("", None)
        numbers, given = parse_numbers(stripped), stripped.is_not_null()
    elif values.dtype.is_numeric() or values.dtype == pl.Null:
        numbers = values.cast(pl.Float64).fill_nan(None)
        given = numbers.is_not_null()
    else:
        raise InvalidListingFrame(f"{field.name}: expected numbers, found values of type {values.dtype}.")
    accepted = (numbers == numbers.round()) & numbers.is_between(field.minimum, field.maximum)
    _require(values, given & ~accepted.fill_null(value=False), field)
    return numbers.cast(pl.Int64).alias(field.name)


def _categories(values: pl.Series, field: CategoryField) -> pl.Series:
    if values.dtype in (pl.Categorical, pl.Enum):
        values = values.cast(pl.String)
    if values.dtype not in (pl.String, pl.Null):
        raise InvalidListingFrame(f"{field.name}: expected texts, found values of type {values.dtype}.")
    texts = values.cast(pl.String).str.strip_chars().str.to_lowercase().str.replace_all(r"\s+", " ")
    texts = texts.replace("", None).alias(field.name)
    if field.is_open:
        return texts
    spelling = {choice.lower(): choice for choice in field.choices}
    _require(values, texts.is_not_null() & ~texts.is_in(list(spelling)).fill_null(value=False), field)
    return texts.replace(spelling)


def _require(values: pl.Series, wrong: pl.Series, field: NumberField | CategoryField) -> None:
    rows = wrong.arg_true()
    if len(rows):
        row = int(rows[0])
        value = str(values[row])[:SHOWN]
        raise InvalidListingFrame(
            f"{field.name}, row {row}: expected {EXPECTED[field.name]}, found {value!r}."
        )


@cache  # each set of unknown columns once
def _warn_of_unknown(columns: tuple[str, ...]) -> None:
    if columns:
        known = ", ".join(field.name for field in FIELDS)
        warnings.warn(
            f"The columns {', '.join(columns)} are not used: the fields of a listing are {known}.",
            UserWarning,
            stacklevel=4,
        )
