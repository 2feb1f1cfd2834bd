"""Read the query of a request as a type of the contract."""

from typing import Any, TypeVar

from msgspec import Struct, ValidationError, convert
from msgspec.inspect import IntType, StrType, type_info
from msgspec.structs import fields
from starlette.requests import Request

from carvalue.api import FieldError, InvalidListings, describe_value

QueryT = TypeVar("QueryT", bound=Struct)


class InvalidQuery(InvalidListings):
    """The query cannot be used; `errors` names each parameter that is wrong."""


def read_query(request: Request, kind: type[QueryT]) -> QueryT:
    """Read the query of a request.

    Args:
        request: its query has each parameter at most once.
        kind: the type of the query.

    Returns:
        The query.

    Raises:
        InvalidQuery: parameters are unknown or out of range.
    """
    given = dict(request.query_params.items())
    try:
        return convert(given, kind, strict=False)
    except ValidationError:
        raise InvalidQuery(tuple(_errors(given, kind))) from None


def _expectation(kind: Any) -> str:
    limits = type_info(kind)
    if isinstance(limits, IntType):
        return f"a whole number from {limits.ge} to {limits.le}"
    if isinstance(limits, StrType):
        return f"a text of at most {limits.max_length} characters"
    raise TypeError(kind)


def _errors(given: dict[str, str], kind: type[Struct]) -> list[FieldError]:
    """Check each parameter by itself: `convert` stops at the first error."""
    types = {field.name: field.type for field in fields(kind)}
    errors = []
    for name, value in given.items():
        expected = f"one of the parameters {', '.join(types)}"
        if name in types:
            try:
                convert(value, types[name], strict=False)
                continue
            except ValidationError:
                expected = _expectation(types[name])
        errors.append(
            FieldError(field=name, position=None, received=describe_value(value), expected=expected)
        )
    return errors
