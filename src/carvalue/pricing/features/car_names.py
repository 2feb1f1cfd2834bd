"""The name of a car from its two cells: parsed, or as the seller typed it."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import nan

from carvalue.listings import Value
from carvalue.pricing.features.model_names import MAX_TEXT, CarName, read_name
from carvalue.pricing.features.ordinal import normalize_word

CACHED_NAMES = 32_768  # all names of a market, because a part of a table has most of them
NameReader = Callable[[Value, Value], CarName]
"""Reads the name of a car from the values of `manufacturer` and `model`."""


@lru_cache(maxsize=CACHED_NAMES, typed=True)  # typed: without it, True and 1 share an entry
def car_name(manufacturer: Value, model: Value) -> CarName:
    """Parse the name of a car from its two cells.

    Args:
        manufacturer: The seller's text for the make; may be missing.
        model: The seller's text for the model; may be missing.

    Returns:
        The parsed name, with empty parts where they are unknown.

    Examples:
        >>> car_name(None, "Chevy Tahoe LTZ").make
        'chevrolet'
    """
    return read_name(_text(manufacturer), _text(model))


@lru_cache(maxsize=CACHED_NAMES, typed=True)
def typed_name(manufacturer: Value, model: Value) -> CarName:
    """Take the name of a car as the seller typed it, to measure what parsing adds.

    Args:
        manufacturer: The seller's text for the make; may be missing.
        model: The seller's text for the model; may be missing.

    Returns:
        Both texts unchanged, the first word of the model as family, and no engine size.

    Examples:
        >>> typed_name(None, "Chevy Tahoe LTZ").family
        'Chevy'
    """
    make, text = _text(manufacturer)[:MAX_TEXT], _text(model)[:MAX_TEXT]
    return CarName(make=make, family=text.split(" ")[0], text=text, litres=nan)


def name_keys(name: CarName) -> tuple[str, ...]:
    """List the keys of the target encoding, from the widest group to the narrowest.

    Args:
        name: Name of the car.

    Returns:
        Keys of the make, the family and the full name; each key contains the wider one.

    Examples:
        >>> name_keys(car_name("ford", "F-150 XLT"))
        ('ford', 'ford|f150', 'ford|f150|f150 xlt')
    """
    return name.make, f"{name.make}|{name.family}", f"{name.make}|{name.family}|{name.text}"


NAME_PARTS: Mapping[str, Callable[[CarName], str]] = {
    "make": lambda name: name.make,
    "family": lambda name: f"{name.make}|{name.family}" if name.family else "",
}
"""Part of the name -> function that returns its category."""


def _text(value: Value) -> str:
    return value if isinstance(value, str) else normalize_word(value)
