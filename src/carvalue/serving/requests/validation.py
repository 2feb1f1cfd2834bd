"""From a JSON value to listings: the one place where a request is checked, compiled once from the schema.

It walks over what came, not over what could come, and each field costs one or two look-ups: 3 to 4
microseconds for a full listing. The rules, for all fields alike:

- absent, null and blank text mean "not known"; a required field must be known;
- a number is whole (2012 or 2012.0, never "2012", true or 2012.5) and within the schema's range;
- a text is compared without regard to case and repeated spaces, as in training;
- an unknown name is refused, so that a misspelt field is never silently ignored.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from carvalue.errors import AppError
from carvalue.listings import (
    ALIASES,
    FIELD_BY_NAME,
    REQUIRED_FIELDS,
    CategoryField,
    Field,
    Listing,
    NumberField,
    Value,
)

MAX_TEXT = 100  # characters; the longest model of 400,000 real advertisements that means anything is shorter
MAX_LISTINGS = 1_000  # keeps one answer in the milliseconds, so that other clients do not wait behind it
MAX_ERRORS = 20  # nobody reads more, and looking for similar names costs time


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One thing wrong with a request.

    Attributes:
        field: the name as it came; empty when the listing as a whole is wrong.
        position: which listing of a list, from 0; None for a single listing.
        came: what came, shortened.
        expected: what would have been right.
    """

    field: str
    position: int | None
    came: str
    expected: str


class InvalidListings(AppError):
    """Well-formed JSON that is no listing; carries every error found, at most `MAX_ERRORS`."""

    status, hint = 422, "GET /docs shows every field with its range."

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        fields = ", ".join(dict.fromkeys(error.field or "listing" for error in errors))
        super().__init__(f"{len(errors)} value(s) cannot be used: {fields}.")
        self.errors = errors


class TooManyListings(AppError):
    """More listings than one request may hold."""

    status, hint = (
        413,
        f"Send at most {MAX_LISTINGS:,} listings a request, or a file of any length to POST /predict/batch.",
    )


class _Unusable(Exception):
    """What was expected of one value, as the message."""


Reader = Callable[[object], Value]


def read_listings(value: object) -> tuple[Listing, ...]:
    """Check a list of listings, or a single one, and bring them into the form of the training rows.

    Raises:
        InvalidListings: something is missing, unknown or out of range.
        TooManyListings: the list is longer than `MAX_LISTINGS`.
    """
    errors: list[FieldError] = []
    if isinstance(value, list):
        if len(value) > MAX_LISTINGS:
            raise TooManyListings(f"The list holds {len(value):,} listings.")
        listings = tuple(_read(item, at, errors) for at, item in enumerate(value) if len(errors) < MAX_ERRORS)
    else:
        listings = (_read(value, None, errors),)
    if errors:
        raise InvalidListings(tuple(errors[:MAX_ERRORS]))
    return listings


def read_listing(value: object) -> Listing:
    """Check a single listing.

    Raises:
        InvalidListings: something is missing, unknown or out of range, or it is a list.
    """
    if isinstance(value, list):
        raise InvalidListings((_error("", None, value, "one listing: an object of field names and values"),))
    return read_listings(value)[0]


def _read(value: object, position: int | None, errors: list[FieldError]) -> Listing:
    if not isinstance(value, dict):
        errors.append(_error("", position, value, "an object of field names and values"))
        return {}
    listing: dict[str, Value] = {}
    for given, raw in value.items():
        name = ALIASES.get(given, given)
        reader = READERS.get(name)
        if reader is None:
            errors.append(_error(given, position, raw, _expected_name(given)))
        elif name in listing:
            errors.append(_error(given, position, raw, "make or manufacturer, not both"))
        else:
            try:
                listing[name] = reader(raw)
            except _Unusable as unusable:
                listing[name] = None
                errors.append(_error(given, position, raw, str(unusable)))
        if len(errors) >= MAX_ERRORS:
            return {}
    _require(listing, position, errors)
    return listing


def _require(listing: Listing, position: int | None, errors: list[FieldError]) -> None:
    for name in REQUIRED_FIELDS:
        if listing.get(name) is None and not _complained(name, position, errors):
            errors.append(
                FieldError(
                    field=name, position=position, came="nothing", expected="(required) " + EXPECTED[name]
                )
            )


def _complained(name: str, position: int | None, errors: list[FieldError]) -> bool:
    return any(ALIASES.get(e.field, e.field) == name and e.position == position for e in errors)


def _error(field: str, position: int | None, value: object, expected: str) -> FieldError:
    return FieldError(
        field=_shortened(field), position=position, came=describe_value(value), expected=expected
    )


def normalize_text(value: str) -> str:
    """Bring a text into the form of the training rows: lower case, single spaces."""
    return " ".join(value.split()).lower()


def describe_value(value: object) -> str:
    """Say what came in a few characters, without walking into it."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return json.dumps(_shortened(value))
    return _shortened(json.dumps(value))


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}… ({len(text):,} characters)"


def _expected_name(given: str) -> str:
    known = [*FIELD_BY_NAME, *ALIASES]
    similar = get_close_matches(given[:MAX_TEXT].lower(), known, n=1)
    return f"did you mean {similar[0]}?" if similar else f"one of the fields {', '.join(FIELD_BY_NAME)}"


def _number_reader(field: NumberField) -> Reader:
    low, high, expected = field.minimum, field.maximum, _expectation(field)

    def read(value: object) -> int | None:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is int and low <= value <= high:  # `type is`: a bool is an int to isinstance
            return value
        if value is None or (type(value) is str and not value.strip()):
            return None
        raise _Unusable(expected)

    return read


def _text_reader(field: CategoryField) -> Reader:
    expected = _expectation(field)

    def read(value: object) -> str | None:
        if type(value) is str and len(value) <= MAX_TEXT:
            text = normalize_text(value)
            if text.isprintable():  # no NUL, no control characters, no lone surrogates
                return text or None
        if value is None:
            return None
        raise _Unusable(expected)

    return read


def _choice_reader(field: CategoryField) -> Reader:
    exact = {choice: choice for choice in field.choices}
    similar = {choice.lower(): choice for choice in field.choices}
    expected = _expectation(field)

    def read(value: object) -> str | None:
        if type(value) is str:
            choice = exact.get(value) or similar.get(normalize_text(value[:MAX_TEXT]))
            if choice or not value.strip():
                return choice
        elif value is None:
            return None
        raise _Unusable(expected)

    return read


def _expectation(field: Field) -> str:
    if isinstance(field, NumberField):
        unit = f" {field.unit}" if field.unit != "year" else ""
        return f"a whole number from {field.minimum} to {field.maximum}{unit}"
    if field.is_open:
        return f"a text of at most {MAX_TEXT} printable characters"
    return f"one of {', '.join(field.choices)}"


def _reader(field: Field) -> Reader:
    if isinstance(field, NumberField):
        return _number_reader(field)
    return _text_reader(field) if field.is_open else _choice_reader(field)


EXPECTED: Mapping[str, str] = {name: _expectation(field) for name, field in FIELD_BY_NAME.items()}
READERS: Mapping[str, Reader] = {name: _reader(field) for name, field in FIELD_BY_NAME.items()}
