"""Validate the fields of a journal entry before the database does: names, types and ranges."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Annotated

from msgspec import Meta

from carvalue.api import is_quote_id

MAX_PRICE = 1_000_000_000  # dollars; a column of the journal holds 32 bits
MAX_CLIENT = 64  # characters, as the column of the journal
MAX_ROUTE = 16
_YEARS = range(2000, 3000)
_MODEL_VERSION = re.compile(r"[0-9A-Za-z._-]{1,32}")
_CLIENT = re.compile(rf"[!-~]{{1,{MAX_CLIENT}}}")
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_ROUTE = re.compile(rf"[a-z]{{1,{MAX_ROUTE}}}")
_MAX_INTEGER = 2**63

Price = Annotated[int, Meta(ge=1, le=MAX_PRICE)]
"""A price in whole dollars."""
Bound = Annotated[int, Meta(ge=0, le=MAX_PRICE)]
"""An end of a price range in whole dollars."""
StoredValues = Mapping[str, Annotated[int, Meta(ge=-_MAX_INTEGER, le=_MAX_INTEGER - 1)] | float | str | None]
"""The fields of a listing."""


class InvalidEntry(ValueError):
    """A field of an entry has a wrong type or is out of range. The message quotes no value."""


def validate_fields(values: Mapping[str, object]) -> None:
    """Check that the journal can store the fields of an entry and that its readers can use them.

    Args:
        values: Value by field name of `JournalEntry`.

    Raises:
        InvalidEntry: A field is missing, unknown, of another type, or out of range.

    >>> validate_fields({"price": "19,000"})
    Traceback (most recent call last):
    ...
    carvalue.journal.validation.InvalidEntry: quote_id is missing
    """
    for name in values.keys() - _RULES.keys():
        raise InvalidEntry(f"the field {_printable(name)} is unknown to this release")
    for name in _RULES:
        if name not in values:
            raise InvalidEntry(f"{name} is missing")
    _require(values, _RULES)


def validate_texts(values: Mapping[str, object]) -> None:
    """Check what the types of the fields do not: the patterns of texts, and the year.

    Args:
        values: Value by field name of `JournalEntry`; each has the field's type.

    Raises:
        InvalidEntry: A field is out of range.
    """
    _require(values, _TEXT_RULES)


def _require(values: Mapping[str, object], rules: "Mapping[str, Rule]") -> None:
    for name, (is_valid, expected) in rules.items():
        value = values[name]
        if not is_valid(value):
            raise InvalidEntry(f"{name} is not {expected}; it is of the type {type(value).__name__}")


def _printable(name: str) -> str:
    return ascii(name[:40])


def _is_price(value: object) -> bool:
    return type(value) is int and 1 <= value <= MAX_PRICE


def _is_bound(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_PRICE


def _is_bound_or_null(value: object) -> bool:
    return value is None or _is_bound(value)


def _is_moment(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None and value.year in _YEARS


def _is_listing(value: object) -> bool:
    return isinstance(value, Mapping) and all(_is_text(name) and _is_value(v) for name, v in value.items())


def _are_texts(value: object) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value))


def _is_value(value: object) -> bool:
    if value is None:
        return True
    if type(value) is int:
        return -_MAX_INTEGER <= value < _MAX_INTEGER
    return isfinite(value) if type(value) is float else _is_text(value)


def _is_text(value: object) -> bool:
    if type(value) is not str or "\0" in value:  # PostgreSQL stores no NUL
        return False
    try:
        value.encode()  # refuses lone surrogates, which no database stores
    except UnicodeEncodeError:
        return False
    return True


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def _is_client(value: object) -> bool:
    return value is None or _matches(_CLIENT)(value)


def _is_route(value: object) -> bool:
    return value is None or _matches(_ROUTE)(value)


def _is_trace_id(value: object) -> bool:
    return value is None or _matches(_TRACE_ID)(value)


Rule = tuple[Callable[[object], bool], str]
"""Whether a value is valid, and what is expected."""
_DOLLARS = f"a whole number of dollars from {{}} to {MAX_PRICE:,}"
_TEXT_RULES: Mapping[str, Rule] = {
    "quote_id": (is_quote_id, "32 hexadecimal digits"),
    "quoted_at": (_is_moment, f"a time with a time zone from the year {_YEARS[0]} to {_YEARS[-1]}"),
    "model_version": (_matches(_MODEL_VERSION), "a version of 1 to 32 letters, digits and .-_"),
    "client": (_is_client, f"null or 1 to {MAX_CLIENT} printable ASCII characters"),
    "trace_id": (_is_trace_id, "null or 32 hexadecimal digits"),
    "route": (_is_route, f"null or 1 to {MAX_ROUTE} lower-case letters"),
}
_RULES: Mapping[str, Rule] = {
    **_TEXT_RULES,
    "price": (_is_price, _DOLLARS.format(1)),
    "low": (_is_bound, _DOLLARS.format(0)),
    "high": (_is_bound, _DOLLARS.format(0)),
    "calibrated_low": (_is_bound_or_null, "null or " + _DOLLARS.format(0)),
    "calibrated_high": (_is_bound_or_null, "null or " + _DOLLARS.format(0)),
    "warnings": (_are_texts, "a list of texts in Unicode"),
    "listing": (_is_listing, "an object of texts in Unicode, finite numbers and nulls"),
}
