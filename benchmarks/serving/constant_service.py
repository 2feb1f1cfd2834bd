"""Our service answering a constant without looking at the request: what Python's HTTP leaves to win."""

import json

from starlette.requests import Request
from starlette.responses import Response

from carvalue.serving import __main__ as service
from carvalue.serving import predict
from carvalue.serving.openapi.predict import QUOTE
from carvalue.serving.quotes import Quoting

ANSWER = json.dumps(QUOTE)


async def constant(_: Request, __: Quoting) -> Response:
    """Answer what the documentation shows."""
    return Response(ANSWER, media_type="application/json")


if __name__ == "__main__":
    predict.predict = constant
    service.main()
