"""From the bytes of a request to a JSON value: strict, since a listing needs no more."""

import json

from carvalue.errors import AppError

MAX_BODY_BYTES = 1_048_576  # a thousand full listings take half of it


_GONE = object()


class MalformedBody(AppError):
    """The body is not JSON as RFC 8259 means it; says where it stops being so."""

    status, hint = 400, 'Send one JSON object such as {"make": "ford", "model": "f-150", "year": 2015}.'


def parse(body: bytes) -> object:
    """Read a body strictly: UTF-8, no key twice, no NaN or Infinity.

    Raises:
        MalformedBody: the body is something else.
    """
    try:
        # without an explicit codec, `json` would guess UTF-16 and UTF-32
        value: object = json.loads(body.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise MalformedBody(f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    except json.JSONDecodeError as error:
        raise MalformedBody(f"The body is not JSON: {error.msg} at character {error.pos}.") from None
    except RecursionError:
        raise MalformedBody("The body is nested too deeply; a listing is flat.") from None
    except ValueError:  # Python refuses to read integers of more than 4,300 digits
        raise MalformedBody("The body holds a number of thousands of digits.") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        # each first meeting pops its name, so what is gone when met again came twice
        twice = next(name for name, _ in pairs if value.pop(name, _GONE) is _GONE)
        raise MalformedBody(f"The body gives {json.dumps(twice[:40])} twice.")
    return value


def _refuse_constant(word: str) -> object:
    raise MalformedBody(f"The body holds {word}, which is not JSON; leave out what is not known.")
