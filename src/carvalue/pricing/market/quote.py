"""The quote: estimated asking price of a car, its interval, and warnings about the inputs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from carvalue.listings import FIELDS, CategoryField

UNKNOWN = "_unknown"


class QuoteWarning(NamedTuple):
    """One reason why a quote is less certain."""

    kind: str
    """Kind of the warning, for counting: `year_missing`, `make_unknown`, ..."""
    text: str
    """Text of the warning, for people."""


SupportGrade = Literal["none", "few", "some", "many"]
FEW_CARS, MANY_CARS = 5, 50  # of the make and family; fewer than the first are few, the second are many


class SupportCounts(NamedTuple):
    """How many training cars resemble the quoted one."""

    make: int
    """Cars of the make."""
    family: int
    """Cars of the make and model family."""
    trim: int
    """Cars of the family with the same known words in their names."""
    year: int
    """Cars of the family and model year."""

    @property
    def grade(self) -> SupportGrade:
        """`none` for an unseen family, `few` below 5 of its cars, `some` below 50, otherwise `many`.

        The interval of an unseen family is calibrated on cars whose names were hidden from the model.
        """
        if not self.family:
            return "none"
        if self.family < FEW_CARS:
            return "few"
        return "some" if self.family < MANY_CARS else "many"


NO_SUPPORT = SupportCounts(make=0, family=0, trim=0, year=0)


@dataclass(frozen=True, slots=True)
class PriceEstimate:
    """An estimated asking price with the interval that contains nine of ten asking prices.

    Examples:
        >>> PriceEstimate(9_000, 7_500, 10_400)
        PriceEstimate(price=9000, low=7500, high=10400, warnings=(), kinds=())
        >>> PriceEstimate(9_000, 7_500, 10_400, kinds=("year_missing",)).kinds
        ('year_missing',)
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
    support: SupportCounts = field(default=NO_SUPPORT, compare=False, repr=False)
    """How many training cars resemble the quoted one; 0 where it was not computed."""
    calibrated: tuple[int, int] | None = field(default=None, compare=False, repr=False)
    """The interval before reported sales corrected it; None while they do not."""


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
