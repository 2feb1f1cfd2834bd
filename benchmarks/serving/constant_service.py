"""The price service with a constant response to /predict: the upper bound for its server and middleware."""

import json

from starlette.requests import Request
from starlette.responses import Response

from carvalue.serving import __main__, predict
from carvalue.serving.openapi.predict import QUOTE
from carvalue.serving.quotes import QuoteService

RESPONSE = json.dumps(QUOTE)


async def constant(_: Request, __: QuoteService) -> Response:
    """Return the example of the documentation."""
    return Response(RESPONSE, media_type="application/json")


if __name__ == "__main__":
    predict.answer_predict = constant
    __main__.main()
