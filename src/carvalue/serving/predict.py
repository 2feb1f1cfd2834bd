"""`POST /predict`: from request to answer, with as little as possible in between."""

import asyncio
import json

from fastapi import Request
from starlette.responses import Response

from carvalue.errors import AppError
from carvalue.serving.bodies import MAX_BODY_BYTES, parse
from carvalue.serving.quotes import Quoting
from carvalue.serving.validation import read_listings

BODY_TIMEOUT_S = 10  # a megabyte in 10 s is a slow phone; slower is a stuck or hostile client
INLINE_LISTINGS = 8  # as many are quoted in the time that a hand-over to a thread and back would cost


class NotJson(AppError):
    """The body is declared as something else than JSON."""

    status, hint = 415, "Send the header `Content-Type: application/json`."


class BodyTooLarge(AppError):
    """The body is larger than any request of listings needs to be."""

    status, hint = 413, "Send fewer listings a request, several requests after each other."


class BodyTooSlow(AppError):
    """The body did not arrive in time."""

    status, hint = 408, "Send the body at once."


async def predict(request: Request, quoting: Quoting) -> Response:
    """Answer one listing with a quote, a list of listings with a list."""
    _require_json(request)
    value = parse(await _read_body(request))
    listings = read_listings(value)
    if len(listings) <= INLINE_LISTINGS:
        quotes = quoting.answer(listings)
    else:
        quotes = await asyncio.to_thread(quoting.answer, listings)
    answers = [quote.as_json() for quote in quotes]
    content = json.dumps(answers if isinstance(value, list) else answers[0], allow_nan=False)
    return Response(content, media_type="application/json")


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
