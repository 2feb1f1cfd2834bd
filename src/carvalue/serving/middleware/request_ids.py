"""Request ids: the one that a request brings, if it is well formed, otherwise its trace id."""

import re
from collections.abc import Iterable

HEADER = b"x-request-id"
# the id goes unchanged into logs and answers: it must not end a line, a header or a JSON string
WELL_FORMED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,127}")


def request_id(headers: Iterable[tuple[bytes, bytes]], *, trace_id: str) -> str:
    """Take the id of a request from its headers; without one, its trace id.

    Args:
        headers: names in lower case, and values, as ASGI has them.
        trace_id: the trace of the request.

    Returns:
        The value of `X-Request-Id` if it is well formed; otherwise the trace id.

    >>> request_id([(b"x-request-id", b"shop-42/7")], trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
    'shop-42/7'
    >>> request_id([(b"x-request-id", b"two words")], trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
    '4bf92f3577b34da6a3ce929d0e0e4736'
    """
    for name, value in headers:
        if name == HEADER and WELL_FORMED.fullmatch(value):
            return value.decode()
    return trace_id
