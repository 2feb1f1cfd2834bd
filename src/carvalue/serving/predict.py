"""`POST /predict`: from request to answer, with as little as possible in between."""

import json

from fastapi import Request
from starlette.responses import Response

from carvalue.serving.bodies import read_json
from carvalue.serving.quotes import Quoting
from carvalue.serving.validation import read_listings


async def predict(request: Request, quoting: Quoting) -> Response:
    """Answer one listing with a quote, a list of listings with a list."""
    value = await read_json(request)
    quotes = await quoting.answer(read_listings(value))
    answers = [quote.as_json() for quote in quotes]
    content = json.dumps(answers if isinstance(value, list) else answers[0], allow_nan=False)
    return Response(content, media_type="application/json")
