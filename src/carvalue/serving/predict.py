"""`POST /predict`: from request to answer, with as little as possible in between."""

import json

from fastapi import Request
from starlette.responses import Response

from carvalue.serving.quotes import QuoteService
from carvalue.serving.requests import read_json, read_listings

_JSON = json.JSONEncoder(allow_nan=False)


class QuoteResponse(Response):
    """A response whose two headers are known; the general one takes longer for them than for its text."""

    def __init__(self, text: str) -> None:
        self.status_code, self.background = 200, None
        self.body = text.encode()
        length = str(len(self.body)).encode()
        self.raw_headers = [(b"content-type", b"application/json"), (b"content-length", length)]


async def answer_predict(request: Request, quoting: QuoteService) -> Response:
    """Answer one listing with a quote, a list of listings with a list."""
    value = await read_json(request)
    quotes = await quoting.answer(read_listings(value))
    answers = [quote.as_json() for quote in quotes]
    return QuoteResponse(_JSON.encode(answers if isinstance(value, list) else answers[0]))
