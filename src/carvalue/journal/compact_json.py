"""JSON as the journal stores it: compact, in ASCII. The bytes are those of Python's `json`."""

import json
from collections.abc import Callable
from typing import Any

from msgspec.json import Encoder

_FAST = Encoder()
_COMPACT: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_ALIKE = frozenset({str, int, bool, type(None)})
_PLAIN = _ALIKE | {dict, list, tuple}
_DELETE = b"\x7f"  # the one ASCII character that only `json` escapes


def compact_json(value: Any) -> bytes:
    r"""Encode a value: with msgspec, which takes a fifth of the time, where `json` would write the same.

    Args:
        value: An object of texts, numbers, nulls, lists and objects.

    Returns:
        JSON without spaces, in ASCII.

    Raises:
        ValueError: The value holds NaN or an infinite number.

    >>> compact_json({"model": "f-150", "year": 2015})
    b'{"model":"f-150","year":2015}'
    >>> compact_json({"model": "citroën"})
    b'{"model":"citro\\u00ebn"}'
    """
    try:
        fast = _FAST.encode(value)
    except UnicodeEncodeError:  # a lone surrogate
        return _COMPACT(value).encode()
    if fast.isascii() and _DELETE not in fast and _is_plain(value):
        return fast
    return _COMPACT(value).encode()


def _is_plain(value: Any) -> bool:
    """Whether both encoders write a value alike: it has no float, and no type that `json` refuses."""
    if type(value) in _ALIKE:
        return True
    items = value.values() if type(value) is dict else value
    types = {*map(type, items)}
    return types <= _ALIKE or (types <= _PLAIN and all(map(_is_plain, items)))
