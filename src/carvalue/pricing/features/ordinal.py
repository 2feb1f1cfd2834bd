"""Ordinal encoding of categories, ordered by price level; fitted once on the training rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import nan

from carvalue.listings import Value

OTHER = "(other)"
"""The category that stands for all rare and unknown ones."""
CACHED_WORDS = 4_096  # all categories of the closed fields, all regions, and the numbers in warnings


@lru_cache(maxsize=CACHED_WORDS, typed=True)  # typed: without it, True and 1 share an entry
def normalize_word(value: Value) -> str:
    """Normalize a category to lower case with single spaces.

    Args:
        value: Value of a cell.

    Returns:
        The normalized text; empty where the value is None or NaN.

    Examples:
        >>> normalize_word("  Pickup   Truck ")
        'pickup truck'
        >>> normalize_word(2012.0)
        '2012'
        >>> normalize_word(None)
        ''
    """
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a file may hold the year 2012 as 2012.0
    return " ".join(str(value).lower().split())


@dataclass(frozen=True)
class Vocabulary:
    """The categories of one field from the cheapest to the most expensive; the code is the position.

    The order lets a tree split categories as it splits numbers. XGBoost treats a category that it never saw
    as category 0, without a warning; therefore the codes are computed here: every rare and every unknown
    category has the code of `(other)`, which training rows have too, and a missing one is NaN.
    """

    categories: tuple[str, ...]
    """Categories in the order of their codes."""
    codes: Mapping[str, float]
    """Category -> code."""
    other: float
    """Code of `(other)`."""

    @classmethod
    def from_ordered(cls, categories: Iterable[str]) -> "Vocabulary":
        """Build a vocabulary whose codes follow the given order.

        Args:
            categories: Normalized categories, `(other)` among them.

        Returns:
            The vocabulary.

        Raises:
            KeyError: `(other)` is not among the categories.
        """
        codes = {category: float(code) for code, category in enumerate(categories)}
        return cls(categories=tuple(codes), codes=codes, other=codes[OTHER])

    def code(self, category: str) -> float:
        """Look up the code of a category.

        Args:
            category: Normalized category; empty where it is missing.

        Returns:
            Its code, that of `(other)` where it is unknown, NaN where it is missing.

        Examples:
            >>> vocabulary = Vocabulary.from_ordered(["salvage", "(other)", "clean"])
            >>> vocabulary.code("clean"), vocabulary.code("lien"), vocabulary.code("")
            (2.0, 1.0, nan)
        """
        return self.codes.get(category, self.other) if category else nan


def order_by_level(levels: Iterable[tuple[str, float, int]], *, min_rows: int) -> Vocabulary:
    """Build a vocabulary ordered by price level.

    Args:
        levels: Category, mean log price and number of rows; an empty category is ignored.
        min_rows: Categories with fewer rows are merged into `(other)`, at the mean level of their rows.

    Returns:
        The vocabulary; `(other)` has level 0 where no category is rare.

    Examples:
        >>> order_by_level([("suv", 0.4, 90), ("sedan", -0.2, 50), ("bus", 0.1, 1)], min_rows=20).categories
        ('sedan', '(other)', 'suv')
    """
    ordered, rare_sum, rare_rows = [], 0.0, 0
    for category, level, rows in levels:
        if category and rows >= min_rows:
            ordered.append((level, category))
        elif category:
            rare_sum, rare_rows = rare_sum + level * rows, rare_rows + rows
    ordered.append((rare_sum / rare_rows if rare_rows else 0.0, OTHER))
    return Vocabulary.from_ordered(category for _, category in sorted(ordered))
