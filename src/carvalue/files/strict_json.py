"""Strict JSON (RFC 8259): UTF-8 only, unique names within an object, no NaN or Infinity."""

import json

_MISSING = object()


class NotStrictJson(ValueError):
    """The text is not strict JSON; the message is a predicate that follows "the body" or "the line"."""


def parse_json(text: bytes) -> object:
    """Parse one JSON value.

    Args:
        text: The encoded JSON text.

    Returns:
        The value: a dict, list, str, int, float, bool or None.

    Raises:
        NotStrictJson: The text is not UTF-8 or not JSON, repeats a name in an object, contains NaN or
            Infinity, is nested too deeply, or contains an integer of more than 4,300 digits.

    Example:
        >>> parse_json(b'{"year": 2015}')
        {'year': 2015}
        >>> parse_json(b'{"year": 2015, "year": 2016}')
        Traceback (most recent call last):
        ...
        carvalue.files.strict_json.NotStrictJson: gives "year" twice
        >>> parse_json(b'{"year": NaN}')
        Traceback (most recent call last):
        ...
        carvalue.files.strict_json.NotStrictJson: holds NaN, which is not JSON; leave out what is not known
    """
    try:
        # without an explicit codec, `json` would guess UTF-16 and UTF-32
        value: object = _STRICT.decode(text.decode())
    except UnicodeDecodeError as error:
        raise NotStrictJson(f"is not UTF-8: byte {error.start} cannot be read") from None
    except json.JSONDecodeError as error:
        raise NotStrictJson(f"is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise NotStrictJson("is nested too deeply; a listing is flat") from None
    except NotStrictJson:
        raise
    except ValueError:  # Python refuses to read integers of more than 4,300 digits
        raise NotStrictJson("holds a number of thousands of digits") from None
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        # the first occurrence removes its name, so a name that is already removed occurs twice
        repeated = next(name for name, _ in pairs if value.pop(name, _MISSING) is _MISSING)
        raise NotStrictJson(f"gives {json.dumps(repeated[:40])} twice")
    return value


def _refuse_constant(constant: str) -> object:
    raise NotStrictJson(f"holds {constant}, which is not JSON; leave out what is not known")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)  # slow to build
