"""JSON responses of the contract's types."""

import msgspec
from starlette.responses import Response

_ENCODER = msgspec.json.Encoder()


def json_response(answer: object, status: int = 200) -> Response:
    """Encode an answer as JSON.

    Args:
        answer: a type of the contract, or a list of them.
        status: the HTTP status.

    Returns:
        The response.

    >>> from carvalue.api import Health
    >>> json_response(Health(status="alive")).body
    b'{"status":"alive"}'
    """
    return Response(_ENCODER.encode(answer), status, media_type="application/json")
