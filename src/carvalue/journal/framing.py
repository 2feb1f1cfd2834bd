"""The format of a record of the outbox: a version, a checksum and the entry as compact JSON, on one line."""

import json
from collections.abc import Callable
from typing import Any
from zlib import crc32

from msgspec.json import Encoder

VERSION = 3  # 2 had no calibrated range
READABLE = (2, VERSION)
_FIRST_VERSION = b"{"  # release 0.1 wrote the JSON alone
_PARTS = 3
_FAST = Encoder()
_COMPACT: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_ALIKE = frozenset({str, int, bool, type(None)})
_PLAIN = _ALIKE | {dict, list, tuple}
_DELETE = b"\x7f"  # the one ASCII character that only `json` escapes


class RecordUnreadable(ValueError):
    """A line of the outbox is not a record that this release can read. The message quotes no value."""


def frame(payload: bytes) -> bytes:
    r"""Frame a payload as one line of the outbox.

    Args:
        payload: JSON without line feeds, in UTF-8.

    Returns:
        `VERSION CHECKSUM PAYLOAD` and a line feed. The checksum is the CRC-32 of the payload (ISO 3309), in
        eight hexadecimal digits.

    >>> frame(b'{"price":1}')
    b'3 e94863b1 {"price":1}\n'
    """
    return b"%d %08x %b\n" % (VERSION, crc32(payload), payload)


def is_framed(line: bytes) -> bool:
    """Check whether a line has a version and a checksum.

    Args:
        line: A line of the outbox that `unframe` accepts.

    Returns:
        False for a line of release 0.1.
    """
    return not line.startswith(_FIRST_VERSION)


def unframe(line: bytes) -> bytes:
    r"""Return the payload of a line, after its checksum was compared.

    Args:
        line: A line of the outbox, with or without its line feed. Lines of release 0.1, which are JSON alone,
            have no checksum.

    Returns:
        The payload.

    Raises:
        RecordUnreadable: The line is damaged, or a newer release wrote it.

    >>> unframe(frame(b"{}"))
    b'{}'
    >>> unframe(b"4 00000000 {}\n")
    Traceback (most recent call last):
    ...
    carvalue.journal.framing.RecordUnreadable: format version 4 is newer than 3, which this release reads
    """
    text = line.removesuffix(b"\n")
    if text.startswith(_FIRST_VERSION):
        return text
    parts = text.split(b" ", _PARTS - 1)
    if len(parts) < _PARTS or not (parts[0].isdigit() and len(parts[0]) <= _PARTS):
        raise RecordUnreadable("the line does not begin with a format version and a checksum")
    version, checksum, payload = int(parts[0]), parts[1], parts[2]
    if version > VERSION:
        raise RecordUnreadable(f"format version {version} is newer than {VERSION}, which this release reads")
    if version not in READABLE or checksum != b"%08x" % crc32(payload):
        raise RecordUnreadable("the checksum does not match: the line is damaged")
    return payload


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
    if type(value) not in _PLAIN or type(value) in _ALIKE:
        return type(value) in _ALIKE
    items = value.values() if type(value) is dict else value
    types = {*map(type, items)}
    return types <= _ALIKE or (types <= _PLAIN and all(map(_is_plain, items)))
