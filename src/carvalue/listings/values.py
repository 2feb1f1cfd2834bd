"""Rules by which a value becomes a field of a listing: the same for page, API, uploads and commands.

- absent, null and blank text mean that the value is not known;
- a number is whole and within the schema's range; a text may hold it as people type it: `80,000`, `80k`;
- case and repeated spaces of a text are ignored.
"""

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from carvalue.listings.schema import (
    CURRENCY,
    DISTANCE,
    FIELD_BY_NAME,
    MARKET,
    NUMBER_FIELDS,
    CategoryField,
    Field,
    NumberField,
    Value,
)

if TYPE_CHECKING:
    import polars as pl

Decimals = Literal[".", ","]
"""The character that decimals follow."""
MAX_TEXT = 100  # characters; longer than any meaningful model name in 400,000 real advertisements

_UNITS = (
    *(DISTANCE.unit, *DISTANCE.words, CURRENCY.symbol, CURRENCY.code, CURRENCY.name, *CURRENCY.words),
    *(field.unit for field in NUMBER_FIELDS if field.name != "year"),
)
_UNIT = "|".join(
    map(re.escape, sorted(dict.fromkeys(unit.lower() for unit in _UNITS), key=len, reverse=True))
)


class _Grammar(NamedTuple):
    """How numbers are typed where decimals follow one of dot and comma."""

    number: re.Pattern[str]
    ambiguous: re.Pattern[str]
    """Matches 80.000, which is eighty thousand to some and eighty to others."""
    decimal: str
    group: str


@cache
def _grammar(decimal: Decimals) -> _Grammar:
    group = "." if decimal == "," else ","
    point, comma = re.escape(decimal), re.escape(group)
    number = re.compile(
        rf"{re.escape(CURRENCY.symbol)}? ?(?P<sign>[+-]?)"
        rf"(?:(?P<plain>[0-9]{{1,15}}(?:{point}[0-9]{{1,15}}|{comma}[0-9]{{1,2}})?)"  # 80000, 12.5, 12,5
        # 80,000 and 80 000
        rf"|(?P<commas>[0-9]{{1,3}}(?:[{comma}' \u2019][0-9]{{3}}){{1,4}}(?:{point}[0-9]{{1,15}})?)"
        rf"|(?P<dots>[0-9]{{1,3}}(?:{point}[0-9]{{3}}){{2,4}}(?:{comma}[0-9]{{1,15}})?"  # 1.234,50
        rf"|[0-9]{{1,3}}{point}[0-9]{{3}}{comma}[0-9]{{1,15}}))"
        rf" ?(?P<thousands>k)? ?(?:{_UNIT})?",
        re.IGNORECASE,
    )
    return _Grammar(number, re.compile(rf"[0-9]{{1,3}}{point}[0-9]{{3}}"), decimal, group)


PLAIN_NUMBER = r"^[+-]?[0-9]{1,15}(?:\.[0-9]{1,2})?$"
"""Pattern of numbers that any program reads alike: most cells of a file."""
PLAIN_WHOLE_NUMBER = r"^[+-]?[0-9]{1,15}(?:\.00?)?$"
"""Pattern of the whole ones among them."""

Reader = Callable[[object], Value]
"""Converts a value of one field, or raises `InvalidValue`."""


class InvalidValue(ValueError):
    """A value is not accepted; the message describes what is expected."""


def parse_number(text: str, *, decimal: Decimals = MARKET.decimal) -> int | float | None:
    """Read a number as people type it.

    Args:
        text: Digits, with or without a separator of thousands (a comma, a space or an apostrophe; a dot where
            no other reading is possible), decimals after a dot or a comma, a `k` for thousands, a unit of the
            market.
        decimal: What decimals follow; with a comma, dot and comma have each other's meaning.

    Returns:
        The number, an int where it is whole. None if the text is no number, or may mean two numbers.

    Examples:
        >>> parse_number("80,000"), parse_number("80k"), parse_number("$ 23.5k"), parse_number("80000 miles")
        (80000, 80000, 23500, 80000)
        >>> parse_number("12,5k"), parse_number("1.234.567"), parse_number("9.500,00 $")
        (12500, 1234567, 9500)
        >>> parse_number("80x") is None, parse_number("80.000") is None
        (True, True)
        >>> parse_number("80.000", decimal=","), parse_number("12.500,50 $", decimal=",")
        (80000, 12500.5)
    """
    grammar = _grammar(decimal)
    match = grammar.number.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    digits = match["plain"] or match["commas"] or match["dots"]
    if grammar.ambiguous.fullmatch(digits):
        return None
    if match["dots"]:
        digits = digits.replace(grammar.decimal, "").replace(grammar.group, grammar.decimal)
    elif match["commas"]:
        digits = re.sub(f"[{re.escape(grammar.group)}' \u2019]", "", digits)
    digits = digits.replace(",", ".")
    number = Decimal(match["sign"] + digits) * (1_000 if match["thousands"] else 1)
    return int(number) if number == number.to_integral_value() else float(number)


def parse_numbers(texts: "pl.Series", *, decimal: Decimals = MARKET.decimal) -> "pl.Series":
    """Read a column of numbers; each text as `parse_number` reads it.

    Args:
        texts: Texts, null where a number is missing.
        decimal: What decimals follow.

    Returns:
        Float64 numbers; null where a text is missing, is no number, or may mean two numbers.

    Examples:
        >>> import polars as pl
        >>> parse_numbers(pl.Series(["80000", "80k", "80.000", " ", None])).to_list()
        [80000.0, 80000.0, None, None, None]
    """
    import polars as pl  # commands that read no table start without it

    is_plain = texts.str.contains(PLAIN_NUMBER)
    plain = texts.cast(pl.Float64, strict=False)
    others = texts.filter(~is_plain).unique().drop_nulls().to_list()
    if not others:
        return plain
    numbers = pl.DataFrame(
        {"text": others, "number": [parse_number(text, decimal=decimal) for text in others]},
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
    pattern = re.compile(field.pattern) if field.pattern else None

    def read(value: object) -> int | None:
        if type(value) is str:
            if not value.strip():
                return None
            found = pattern.fullmatch(value.strip()) if pattern else None
            value = parse_number(found[1] if found else value)
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
                return field.aliases.get(text, text) or None
        if value is None:
            return None
        raise InvalidValue(expected)

    return read


def _choice_reader(field: CategoryField) -> Reader:
    exact = {choice: choice for choice in field.choices}
    similar = {**field.aliases, **{choice.lower(): choice for choice in field.choices}}
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
