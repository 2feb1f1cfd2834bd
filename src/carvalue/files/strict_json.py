"""JSON as RFC 8259 means it: UTF-8, no name twice, no NaN or Infinity."""

import json

_GONE = object()


class NotStrictJson(ValueError):
    """What came is something else; the message goes on after "the body" or "the line"."""


def parse_json(text: bytes) -> object:
    """Read one value.

    Raises:
        NotStrictJson: says where it stops being one.
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
        # each first meeting pops its name, so what is gone when met again came twice
        twice = next(name for name, _ in pairs if value.pop(name, _GONE) is _GONE)
        raise NotStrictJson(f"gives {json.dumps(twice[:40])} twice")
    return value


def _refuse_constant(word: str) -> object:
    raise NotStrictJson(f"holds {word}, which is not JSON; leave out what is not known")


_STRICT = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse_constant)  # slow to make
