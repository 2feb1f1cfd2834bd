"""The quote: estimated asking price of a car, its interval, and warnings about the inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from carvalue.listings import FIELDS, CategoryField

UNKNOWN = "_unknown"


class QuoteWarning(NamedTuple):
    """One reason why a quote is less certain."""

    kind: str
    """Kind of the warning, for counting: `year_missing`, `make_unknown`, ..."""
    text: str
    """Text of the warning, for people."""


@dataclass(frozen=True, slots=True)
class Quote:
    """An estimated asking price with the interval that contains nine of ten asking prices.

    Examples:
        >>> Quote(9_000, 7_500, 10_400)
        Quote(price=9000, low=7500, high=10400, warnings=(), kinds=())
        >>> Quote(9_000, 7_500, 10_400, kinds=("year_missing",)) == Quote(9_000, 7_500, 10_400)
        True
    """

    price: int
    """Estimated asking price in whole dollars."""
    low: int
    """Lower end of the interval in whole dollars, at most `price`."""
    high: int
    """Upper end of the interval in whole dollars, at least `price`."""
    warnings: tuple[str, ...] = ()
    """Texts of the warnings."""
    kinds: tuple[str, ...] = field(default=(), compare=False)
    """Kind of each warning; not compared, because the texts already identify the warnings."""


def unknown_category_kind(name: str) -> str:
    """Return the kind of the warning about an unknown category.

    Args:
        name: Name of the field.

    Returns:
        The kind.

    Examples:
        >>> unknown_category_kind("region"), unknown_category_kind("manufacturer")
        ('region_unknown', 'make_unknown')
    """
    return ("make" if name == "manufacturer" else name) + UNKNOWN


UNKNOWN_FIELDS: Mapping[str, str] = {
    unknown_category_kind(item.name): item.name for item in FIELDS if isinstance(item, CategoryField)
}
"""Kind of a warning about an unknown category -> name of the field."""
