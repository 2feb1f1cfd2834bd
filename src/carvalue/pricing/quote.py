"""A quote: what a car is worth, how sure that is, and what had to be guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from carvalue.listings import FIELDS, CategoryField

UNKNOWN = "_unknown"


class QuoteWarning(NamedTuple):
    """One thing that makes a quote less sure: its kind, by which it is counted, and the words for people."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A price in whole dollars, and the range that holds the asked price nine times in ten."""

    price: int
    low: int
    high: int
    warnings: tuple[str, ...] = ()
    kinds: tuple[str, ...] = field(default=(), compare=False)
    """The kind of each warning. Two quotes that say the same are the same."""


def unknown_category_kind(name: str) -> str:
    """Name the kind of the warning that a field's word is not known."""
    return ("make" if name == "manufacturer" else name) + UNKNOWN


UNKNOWN_FIELDS: Mapping[str, str] = {
    unknown_category_kind(item.name): item.name for item in FIELDS if isinstance(item, CategoryField)
}
"""Kind of warning -> the field whose word is not known."""
