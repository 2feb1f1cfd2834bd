"""From the bytes of a request to a JSON value: strict, since a listing needs no more."""

import asyncio
import json

from starlette.requests import Request

from carvalue.errors import AppError

MAX_BODY_BYTES = 1_048_576  # a thousand full listings take half of it
BODY_TIMEOUT_S = 10  # a megabyte in 10 s is a slow phone; slower is a stuck or hostile client


_GONE = object()


class MalformedBody(AppError):
    """The body is not JSON as RFC 8259 means it; says where it stops being so."""

    status, hint = 400, 'Send one JSON object such as {"make": "ford", "model": "f-150", "year": 2015}.'


class NotJson(AppError):
    """The body is declared as something else than JSON."""

    status, hint = 415, "Send the header `Content-Type: application/json`."


class BodyTooLarge(AppError):
    """The body is larger than any request of listings needs to be."""

    status, hint = 413, "Send fewer listings a request, several requests after each other."


class BodyTooSlow(AppError):
    """The body did not arrive in time."""

    status, hint = 408, "Send the body at once."


async def read_json(request: Request) -> object:
    """Read the body of a request as strict JSON.

    Raises:
        NotJson: it is declared as something else.
        BodyTooLarge: it is longer than `MAX_BODY_BYTES`.
        BodyTooSlow: it did not arrive in time.
        MalformedBody: it is no strict JSON.
    """
    _require_json(request)
    return parse(await _read_body(request))


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


def _require_json(request: Request) -> None:
    declared = request.headers.get("content-type", "application/json")
    media_type = declared.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise NotJson(f"The body is declared as {media_type[:60]!r}.")


async def _read_body(request: Request) -> bytes:
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared[:20]) > MAX_BODY_BYTES:
        raise BodyTooLarge(f"The body has {declared[:20]} bytes, the limit is {MAX_BODY_BYTES}.")
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise BodyTooLarge(f"The body has more than {MAX_BODY_BYTES} bytes.")
    except TimeoutError:
        raise BodyTooSlow(f"The body did not arrive within {BODY_TIMEOUT_S} s.") from None
    return bytes(body)
