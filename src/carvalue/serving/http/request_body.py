"""Read the body of a request as strict JSON, within limits of size and time."""

import asyncio

from starlette.requests import Request

from carvalue.api import MAX_BODY_BYTES
from carvalue.errors import AppError
from carvalue.files import NotStrictJson, parse_json

BODY_TIMEOUT_S = 10  # a slow phone sends a megabyte in this time


class MalformedBody(AppError):
    """The body is not JSON as RFC 8259 defines it. The message names the position of the error."""

    status, hint = 400, 'Send one JSON object such as {"make": "ford", "model": "f-150", "year": 2015}.'


class UpgradeOffered(AppError):
    """The request offers another protocol (`Upgrade`), and the server has not read its body."""

    status = 400
    hint = "Send no `Upgrade` header; in Java, build the client with `version(HttpClient.Version.HTTP_1_1)`."


class UnsupportedBody(AppError):
    """`Content-Type` is missing, or declares another format than JSON.

    A web page of another origin can send a body without this header, or as text, but not as JSON.
    """

    status, hint = 415, "Send the header `Content-Type: application/json`."


class BodyTooLarge(AppError):
    """The body is larger than `MAX_BODY_BYTES`."""

    status, hint = 413, "Send fewer listings a request, or a file of any length to POST /predict/batch."


class BodyTooSlow(AppError):
    """The body did not arrive within `BODY_TIMEOUT_S`."""

    status, hint = 408, "Send the body at once."


async def read_json(request: Request) -> object:
    """Read the body of a request as strict JSON.

    Args:
        request: a request whose body was not read yet.

    Returns:
        The JSON value.

    Raises:
        UnsupportedBody: `Content-Type` is missing or declares another format.
        BodyTooLarge: the body is longer than `MAX_BODY_BYTES`.
        BodyTooSlow: the body did not arrive within `BODY_TIMEOUT_S`.
        UpgradeOffered: the request offers another protocol, so that its body was not read.
        MalformedBody: the body is not strict JSON.
    """
    _require_json(request)
    body = await _read_body(request)
    if not body:
        refuse_upgrade(request)
    return parse(body)


def refuse_upgrade(request: Request) -> None:
    """Refuse a request that offers another protocol; call it where the request must have a body.

    Args:
        request: the request.

    Raises:
        UpgradeOffered: the request offers another protocol, so that its body was not read.
    """
    if "upgrade" in request.headers:
        raise UpgradeOffered("The body of a request that offers another protocol is not read.")


def parse(body: bytes) -> object:
    """Parse strict JSON (RFC 8259): UTF-8, no key twice, no NaN or Infinity.

    Args:
        body: the bytes of the body.

    Returns:
        The JSON value.

    Raises:
        MalformedBody: the body is anything else.

    >>> parse(b'{"make": "ford", "year": 2015}')
    {'make': 'ford', 'year': 2015}
    """
    try:
        return parse_json(body)
    except NotStrictJson as error:
        raise MalformedBody(f"The body {error}.") from None


def _require_json(request: Request) -> None:
    declared = request.headers.get("content-type")
    if declared is None:
        raise UnsupportedBody("The format of the body is not declared.")
    media_type = declared.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedBody(f"The body is declared as {media_type[:60]!r}.")


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
