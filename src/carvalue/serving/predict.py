"""`POST /predict`: the fast path from a request to its answer."""

import json

from fastapi import Request
from starlette.responses import Response

from carvalue.serving.quotes import QuoteService
from carvalue.serving.requests import read_json, read_listings

_JSON = json.JSONEncoder(allow_nan=False)


class QuoteResponse(Response):
    """A JSON response with fixed headers, which are faster to build than those of `Response`.

    Args:
        text: the JSON text.
    """

    def __init__(self, text: str) -> None:
        self.status_code, self.background = 200, None
        self.body = text.encode()
        length = str(len(self.body)).encode()
        self.raw_headers = [(b"content-type", b"application/json"), (b"content-length", length)]


async def answer_predict(request: Request, quotes: QuoteService) -> Response:
    """Answer one listing with a quote, and a list of listings with a list of quotes.

    Args:
        request: its body is one listing or a list.
        quotes: quotes the listings.

    Returns:
        A JSON object, or a list in the order of the listings.

    Raises:
        InvalidListings: the body holds something other than listings.
        TooManyListings: the list is too long.
        ModelNotLoaded: there is no model yet.
    """
    value = await read_json(request)
    listings, scope = read_listings(value), request.scope
    answered = await quotes.answer(listings, client=scope["journal_client"], route=scope["journal_route"])
    answers = [quote.as_json() for quote in answered]
    return QuoteResponse(_JSON.encode(answers if isinstance(value, list) else answers[0]))
