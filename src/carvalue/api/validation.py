"""Validate JSON values as listings, with the readers of `carvalue.listings` for each field.

Validation iterates over the fields that came, not over those that could come, and needs one or two look-ups
for each: 3 to 4 microseconds for a full listing. A required field must be known; an unknown name is refused,
so that a misspelt field is never silently ignored.
"""

import json
from dataclasses import dataclass
from difflib import get_close_matches

from carvalue.errors import AppError
from carvalue.listings import (
    ALIASES,
    EXPECTED,
    FIELD_BY_NAME,
    MAX_TEXT,
    READERS,
    REQUIRED_FIELDS,
    InvalidValue,
    Listing,
    Value,
)

MAX_LISTINGS = 1_000  # keeps one answer in the milliseconds, so that other clients do not wait for it
MAX_ERRORS = 20  # more help nobody, and the search for similar names takes time


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One error in a request.

    Attributes:
        field: name of the field, as the request has it; empty if the whole listing is wrong.
        position: index of the listing in a list, from 0; None for a single listing.
        received: description of the value that came, shortened.
        expected: description of a value that would be accepted.
    """

    field: str
    position: int | None
    received: str
    expected: str


class InvalidListings(AppError):
    """The body is JSON but not a listing or a list of listings.

    Args:
        errors: every error that was found, at most `MAX_ERRORS`.
    """

    status, hint = 422, "GET /docs shows every field with its range."

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        fields = ", ".join(dict.fromkeys(error.field or "listing" for error in errors))
        super().__init__(f"{len(errors)} value(s) cannot be used: {fields}.")
        self.errors = errors


class TooManyListings(AppError):
    """The request has more than `MAX_LISTINGS` listings."""

    status, hint = (
        413,
        f"Send at most {MAX_LISTINGS:,} listings a request, or a file of any length to POST /predict/batch.",
    )


def read_listings(value: object) -> tuple[Listing, ...]:
    """Validate one listing or a list of listings, and convert them into the form of the training rows.

    Args:
        value: a JSON value: an object, or a list of objects.

    Returns:
        The listings, in order: field name -> value, None for a value that is not known.

    Raises:
        InvalidListings: fields are missing, unknown or out of range.
        TooManyListings: the list is longer than `MAX_LISTINGS`.

    >>> read_listings({"make": " Ford", "model": "F-150  XLT", "year": 2015.0, "odometer": None})
    ({'manufacturer': 'ford', 'model': 'f-150 xlt', 'year': 2015, 'odometer': None},)
    >>> try:
    ...     read_listings([{"make": "ford", "model": "focus", "year": 1066, "odometr": 80000}])
    ... except InvalidListings as error:
    ...     for item in error.errors:
    ...         print(item.field, item.received, "->", item.expected)
    year 1066 -> a whole number from 1985 to 2030
    odometr 80000 -> did you mean odometer?
    """
    errors: list[FieldError] = []
    if isinstance(value, list):
        if len(value) > MAX_LISTINGS:
            raise TooManyListings(f"The list holds {len(value):,} listings.")
        listings = tuple(
            _read(item, index, errors) for index, item in enumerate(value) if len(errors) < MAX_ERRORS
        )
    else:
        listings = (_read(value, None, errors),)
    if errors:
        raise InvalidListings(tuple(errors[:MAX_ERRORS]))
    return listings


def read_listing(value: object) -> Listing:
    """Validate a single listing.

    Args:
        value: a JSON value: an object.

    Returns:
        The listing: field name -> value, None for a value that is not known.

    Raises:
        InvalidListings: the value is a list, or fields are missing, unknown or out of range.
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
            except InvalidValue as invalid:
                listing[name] = None
                errors.append(_error(given, position, raw, str(invalid)))
        if len(errors) >= MAX_ERRORS:
            return {}
    _require(listing, position, errors)
    return listing


def _require(listing: Listing, position: int | None, errors: list[FieldError]) -> None:
    for name in REQUIRED_FIELDS:
        if listing.get(name) is None and not _has_error(name, position, errors):
            errors.append(
                FieldError(
                    field=name, position=position, received="nothing", expected="(required) " + EXPECTED[name]
                )
            )


def _has_error(name: str, position: int | None, errors: list[FieldError]) -> bool:
    return any(ALIASES.get(e.field, e.field) == name and e.position == position for e in errors)


def invalid_value(field: str, value: object, expected: str) -> FieldError:
    """Describe a wrong value outside of a list of listings.

    Args:
        field: Name of the field.
        value: The value that came.
        expected: Description of a value that would be accepted.

    Returns:
        The error.
    """
    return _error(field, None, value, expected)


def _error(field: str, position: int | None, value: object, expected: str) -> FieldError:
    return FieldError(
        field=_shortened(field), position=position, received=describe_value(value), expected=expected
    )


def describe_value(value: object) -> str:
    """Describe a JSON value in a few characters, for an error message.

    Args:
        value: any JSON value.

    Returns:
        The value as JSON, shortened to 60 characters; objects and lists are only named.

    >>> describe_value("twenty"), describe_value(True), describe_value({"year": 2015})
    ('"twenty"', 'true', 'an object')
    >>> describe_value("x" * 1000)[-20:]
    ' (1,000 characters)"'
    """
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
