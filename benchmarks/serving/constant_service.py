"""The price service with a constant response to /predict: the upper bound for its server and middleware."""

from starlette.requests import Request
from starlette.responses import Response

from carvalue.api.examples import QUOTE
from carvalue.serving import __main__, predict
from carvalue.serving.http import json_response
from carvalue.serving.quotes import QuoteService


async def constant(_: Request, __: QuoteService) -> Response:
    """Return the example of the documentation."""
    return json_response(QUOTE)


if __name__ == "__main__":
    predict.answer_predict = constant
    __main__.main()
