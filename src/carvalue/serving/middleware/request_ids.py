"""The id of a request: the caller's own where it is well formed, else a new one."""

import os
import re
from collections.abc import Iterable

HEADER = b"x-request-id"
# goes into logs and answers as it came: nothing that could end a line, a header or a JSON string
WELL_FORMED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,127}")
RANDOM_BYTES = 12  # two of a billion requests are alike once in 10^11 times


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Take the caller's id if it is well formed, else draw one."""
    for name, value in headers:
        if name == HEADER and WELL_FORMED.fullmatch(value):
            return value.decode()
    return os.urandom(RANDOM_BYTES).hex()
