"""Our service with a constant response, as the lower bound of Python's HTTP handling."""

import json

from starlette.requests import Request
from starlette.responses import Response

from carvalue.serving import __main__, predict
from carvalue.serving.openapi.predict import QUOTE
from carvalue.serving.quotes import QuoteService

ANSWER = json.dumps(QUOTE)


async def constant(_: Request, __: QuoteService) -> Response:
    """Return the documented example."""
    return Response(ANSWER, media_type="application/json")


if __name__ == "__main__":
    predict.answer_predict = constant
    __main__.main()
