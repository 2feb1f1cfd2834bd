"""Request ids: the one that a request brings, if it is well formed, otherwise a random one."""

import os
import re
from collections.abc import Iterable

HEADER = b"x-request-id"
# the id goes unchanged into logs and answers: it must not end a line, a header or a JSON string
WELL_FORMED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,127}")
RANDOM_BYTES = 12  # the chance that two of a billion random ids are equal is 10^-11


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Take the id of a request from its headers, or draw a random one.

    Args:
        headers: names in lower case, and values, as ASGI has them.

    Returns:
        The value of `X-Request-Id` if it is well formed; otherwise 24 random hexadecimal digits.

    >>> request_id([(b"x-request-id", b"shop-42/7")])
    'shop-42/7'
    >>> len(request_id([(b"x-request-id", b"two words")]))
    24
    """
    for name, value in headers:
        if name == HEADER and WELL_FORMED.fullmatch(value):
            return value.decode()
    return os.urandom(RANDOM_BYTES).hex()
