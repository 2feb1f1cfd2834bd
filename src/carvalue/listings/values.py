"""Rules by which a value becomes a field of a listing: the same for page, API, uploads and commands.

- absent, null and blank text mean that the value is not known;
- a number is whole and within the schema's range; a text may hold it as people type it: `80,000`, `80k`;
- case and repeated spaces of a text are ignored.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

from carvalue.listings.schema import FIELD_BY_NAME, CategoryField, Field, NumberField, Value

if TYPE_CHECKING:
    import polars as pl

MAX_TEXT = 100  # characters; longer than any meaningful model name in 400,000 real advertisements

_NUMBER = re.compile(
    r"\$? ?(?P<sign>[+-]?)"
    r"(?:(?P<plain>[0-9]{1,15}(?:\.[0-9]{1,15}|,[0-9]{1,2})?)"  # 80000, 12.5, 12,5
    r"|(?P<commas>[0-9]{1,3}(?:[,' \u2019][0-9]{3}){1,4}(?:\.[0-9]{1,15})?)"  # 80,000 and 80 000
    r"|(?P<dots>[0-9]{1,3}(?:\.[0-9]{3}){2,4}(?:,[0-9]{1,15})?|[0-9]{1,3}\.[0-9]{3},[0-9]{1,15}))"  # 1.234,50
    r" ?(?P<thousands>k)? ?(?:mi|miles|\$|usd|dollars)?",
    re.IGNORECASE,
)
_AMBIGUOUS = re.compile(r"[0-9]{1,3}\.[0-9]{3}")  # 80.000 is eighty thousand to some and eighty to others
_PLAIN = r"^[+-]?[0-9]{1,15}(?:\.[0-9]{1,2})?$"  # most cells of a file; the number parser reads the others

Reader = Callable[[object], Value]
"""Converts a value of one field, or raises `InvalidValue`."""


class InvalidValue(ValueError):
    """A value is not accepted; the message describes what is expected."""


def parse_number(text: str) -> int | float | None:
    """Read a number as people type it.

    Args:
        text: Digits, with or without a separator of thousands (a comma, a space or an apostrophe; a dot where
            no other reading is possible), decimals after a dot or a comma, a `k` for thousands, a dollar sign
            or the word miles.

    Returns:
        The number, an int where it is whole. None if the text is no number, or may mean two numbers.

    Examples:
        >>> parse_number("80,000"), parse_number("80k"), parse_number("$ 23.5k"), parse_number("80000 miles")
        (80000, 80000, 23500, 80000)
        >>> parse_number("12,5k"), parse_number("1.234.567"), parse_number("9.500,00 $")
        (12500, 1234567, 9500)
        >>> parse_number("80x") is None, parse_number("80.000") is None
        (True, True)
    """
    match = _NUMBER.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    digits = match["plain"] or match["commas"] or match["dots"]
    if _AMBIGUOUS.fullmatch(digits):
        return None
    if match["dots"]:
        digits = digits.replace(".", "").replace(",", ".")
    elif match["commas"]:
        digits = re.sub("[,' \u2019]", "", digits)
    number = Decimal(match["sign"] + digits.replace(",", ".")) * (1_000 if match["thousands"] else 1)
    return int(number) if number == number.to_integral_value() else float(number)


def parse_numbers(texts: "pl.Series") -> "pl.Series":
    """Read a column of numbers; each text as `parse_number` reads it.

    Args:
        texts: Texts, null where a number is missing.

    Returns:
        Float64 numbers; null where a text is missing, is no number, or may mean two numbers.

    Examples:
        >>> import polars as pl
        >>> parse_numbers(pl.Series(["80000", "80k", "80.000", " ", None])).to_list()
        [80000.0, 80000.0, None, None, None]
    """
    import polars as pl  # commands that read no table start without it

    is_plain = texts.str.contains(_PLAIN)
    plain = texts.cast(pl.Float64, strict=False)
    others = texts.filter(~is_plain).unique().drop_nulls().to_list()
    if not others:
        return plain
    numbers = pl.DataFrame(
        {"text": others, "number": [parse_number(text) for text in others]},
        schema={"text": pl.String, "number": pl.Float64},
        strict=False,
    )
    parsed = texts.replace_strict(numbers["text"], numbers["number"], default=None, return_dtype=pl.Float64)
    return plain.zip_with(is_plain.fill_null(value=False), parsed)


def normalize_text(value: str) -> str:
    """Convert a text into the form of the training rows: lower case, single spaces.

    Args:
        value: Any text.

    Returns:
        The normalized text; empty for blank text.

    Examples:
        >>> normalize_text("  F-150  XLT ")
        'f-150 xlt'
    """
    return " ".join(value.split()).lower()


def expectation(field: Field) -> str:
    """Describe the values of a field.

    Args:
        field: The field.

    Returns:
        The phrase that completes "expected ...".

    Examples:
        >>> expectation(FIELD_BY_NAME["odometer"])
        'a whole number from 0 to 400000 miles'
    """
    if isinstance(field, NumberField):
        unit = f" {field.unit}" if field.unit != "year" else ""
        return f"a whole number from {field.minimum} to {field.maximum}{unit}"
    if field.is_open:
        return f"a text of at most {MAX_TEXT} printable characters"
    return f"one of {', '.join(field.choices)}"


def _number_reader(field: NumberField) -> Reader:
    low, high, expected = field.minimum, field.maximum, expectation(field)

    def read(value: object) -> int | None:
        if type(value) is str:
            if not value.strip():
                return None
            value = parse_number(value)
        elif value is None:
            return None
        if type(value) is float and value.is_integer():
            value = int(value)
        # `type is`, because isinstance takes a bool for an int
        if type(value) is int and low <= value <= high:
            return value
        raise InvalidValue(expected)

    return read


def _text_reader(field: CategoryField) -> Reader:
    expected = expectation(field)

    def read(value: object) -> str | None:
        if type(value) is str and len(value) <= MAX_TEXT:
            text = normalize_text(value)
            if text.isprintable():  # no NUL, no control characters, no lone surrogates
                return text or None
        if value is None:
            return None
        raise InvalidValue(expected)

    return read


def _choice_reader(field: CategoryField) -> Reader:
    exact = {choice: choice for choice in field.choices}
    similar = {choice.lower(): choice for choice in field.choices}
    expected = expectation(field)

    def read(value: object) -> str | None:
        if type(value) is str:
            choice = exact.get(value) or similar.get(normalize_text(value[:MAX_TEXT]))
            if choice or not value.strip():
                return choice
        elif value is None:
            return None
        raise InvalidValue(expected)

    return read


def _reader(field: Field) -> Reader:
    if isinstance(field, NumberField):
        return _number_reader(field)
    return _text_reader(field) if field.is_open else _choice_reader(field)


EXPECTED: Mapping[str, str] = {name: expectation(field) for name, field in FIELD_BY_NAME.items()}
"""Field name -> the values that it accepts."""
READERS: Mapping[str, Reader] = {name: _reader(field) for name, field in FIELD_BY_NAME.items()}
"""Field name -> function that reads its values."""
