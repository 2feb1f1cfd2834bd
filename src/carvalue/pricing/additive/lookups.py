"""What the parts of a listing are worth, as look-ups; the trees start from their sum.

Fitted by `additive_fit.py`; here are the same small functions of cells for a frame and for a single listing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from math import log1p

from carvalue.listings import EARLIEST_YEAR, Value
from carvalue.pricing.additive.isotonic import interpolate, isotonic_decreasing, isotonic_increasing, locate
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    NAME_FIELDS,
    CarName,
    car_name,
    normalize_word,
    weak_lru_cache,
)

AGES = (0.0, 2.0, 4.0, 7.0, 10.0, 14.0, 19.0, 27.0, 37.0)  # years; a name's curve has its knots here
MILES = (0, 1e3, 1e4, 2e4, 3.5e4, 5e4, 7.5e4, 1e5, 1.3e5, 1.6e5, 2e5, 2.5e5, 4e5)
SLOPE = tuple(min(miles / 1e5, 2.5) - 0.8 for miles in MILES)
"""How a name's mileage slope grows along `MILES`."""
CATEGORY_FIELDS = (
    "condition cylinders fuel title_status transmission drive type paint_color state region"
).split()
FAMILY_CATEGORY_FIELDS = CATEGORY_FIELDS[:9]  # a region has too few cars of a family; its state has more
CACHED_NAMES = 16_384


def level_keys(name: CarName) -> list[str]:
    """List every group of names that this name belongs to, each once."""
    tokens = name.text.split()
    make, family = name.make, f"{name.make}|{name.family}"
    return list(
        dict.fromkeys(
            (
                *group_keys(name),
                f"P3:{make}|{' '.join(tokens[:3])}",
                f"X:{make}|{name.text}",
                f"S:{make}|{' '.join(sorted(tokens))}",
                *(f"t:{token}" for token in tokens),
                *(f"mt:{make}|{token}" for token in tokens),
                *(f"ft:{family}|{token}" for token in tokens[1:]),
            )
        )
    )


@lru_cache(maxsize=CACHED_NAMES)
def group_keys(name: CarName) -> tuple[str, str, str]:
    """List the groups of a name, each within the one before: make, family, first two words."""
    start = " ".join(name.text.split()[:2])
    return f"M:{name.make}", f"F:{name.make}|{name.family}", f"P2:{name.make}|{start}"


def curve_keys(name: CarName) -> list[str]:
    """List the groups that age and gather miles in their own way: the name's, and each word."""
    tokens = name.text.split()
    words = (f"t:{token}" for token in tokens), (f"mt:{name.make}|{token}" for token in tokens[1:])
    return list(dict.fromkeys((*group_keys(name), *chain(*words))))


def family_category_key(family: str, word: str) -> str:
    """Name a family with a word."""
    return f"{family}={word}"


@dataclass(frozen=True, eq=False)
class NameCurves:
    """Log price of every name by model year, never lower for a newer car. The last year is the newest."""

    years: Sequence[float]
    """Log price of an unknown name by model year, from `EARLIEST_YEAR` on."""
    rows: Sequence[float]
    """Training rows by model year."""
    levels: Mapping[str, float]
    ages: Mapping[str, Sequence[float]]
    """How much dearer a group is than its level, at each of `AGES`."""

    @cached_property
    def places(self) -> list[tuple[int, float]]:
        """For each model year its place among `AGES`."""
        return [locate(AGES, float(age)) for age in reversed(range(len(self.years)))]

    def curve(self, name: CarName) -> list[float]:
        """Give a name's log price by model year, in a usual colour, condition and place."""
        return self._remembered(name)

    @cached_property
    def _remembered(self) -> Callable[[CarName], list[float]]:
        return weak_lru_cache(self._curve, size=CACHED_NAMES)

    def _curve(self, name: CarName) -> list[float]:
        level = 0.0
        for key in level_keys(name):
            level += self.levels.get(key, 0.0)
        extra = [level] * len(AGES)
        for key in curve_keys(name):
            if (ages := self.ages.get(key)) is not None:
                extra = [total + age for total, age in zip(extra, ages, strict=True)]
        learned = [
            year + interpolate(extra, *where) for year, where in zip(self.years, self.places, strict=True)
        ]
        return isotonic_increasing(learned, self.rows)


@dataclass(frozen=True)
class NameYear:
    """Log price of the name in the listing's model year; an unknown year is the usual one."""

    curves: NameCurves
    name: str = "name_year"
    inputs: tuple[str, ...] = (*NAME_FIELDS, "year")

    def value(self, *cells: Value) -> float:
        """Give the log price."""
        curve, year = self.curves.curve(car_name(*cells[:2])), cells[2]
        if year is None or year != year:
            return curve[self._usual]
        return curve[min(max(int(year) - EARLIEST_YEAR, 0), len(curve) - 1)]

    @cached_property
    def _usual(self) -> int:
        return max(range(len(self.curves.rows)), key=self.curves.rows.__getitem__)


@dataclass(frozen=True)
class NameAtAge:
    """Log price of the name at one fixed age: a level that does not look at the listing's year."""

    curves: NameCurves
    age: int
    name: str
    inputs: tuple[str, ...] = NAME_FIELDS

    def value(self, *cells: Value) -> float:
        """Give the log price."""
        curve = self.curves.curve(car_name(*cells))
        return curve[max(len(curve) - 1 - self.age, 0)]


@dataclass(frozen=True)
class NameMiles:
    """What the miles are worth for this name: never more for more miles."""

    miles: Sequence[float]
    """Worth of `MILES` for an unknown name."""
    rows: Sequence[float]
    unknown: float
    """Worth of a missing odometer."""
    doubted: float
    """Worth of one that is not believed."""
    slopes: Mapping[str, float]
    name: str = "name_miles"
    inputs: tuple[str, ...] = (*NAME_FIELDS, "odometer", IMPLAUSIBLE)

    def value(self, *cells: Value) -> float:
        """Give the worth, in log dollars against the usual car."""
        miles, doubted = cells[2:]
        if doubted:
            return self.doubted
        if miles is None or miles != miles:
            return self.unknown
        return interpolate(self._remembered(car_name(*cells[:2])), *locate(MILES, float(miles)))

    @cached_property
    def _remembered(self) -> Callable[[CarName], list[float]]:
        return weak_lru_cache(self._curve, size=CACHED_NAMES)

    def _curve(self, name: CarName) -> list[float]:
        slope = 0.0
        for key in curve_keys(name):
            slope += self.slopes.get(key, 0.0)
        return isotonic_decreasing(
            [worth + slope * step for worth, step in zip(self.miles, SLOPE, strict=True)], self.rows
        )


@dataclass(frozen=True)
class CategoryEffect:
    """What the word of one field is worth; the empty word is a missing one."""

    name: str
    worth: Mapping[str, float]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The field of the same name."""
        return (self.name,)

    def value(self, *cells: Value) -> float:
        """Look the word up."""
        return self.worth.get(normalize_word(cells[0]), 0.0)


@dataclass(frozen=True)
class FamilyCategoryEffect:
    """What the word of one field is worth more or less in this model family."""

    name: str
    worth: Mapping[str, float]

    @property
    def inputs(self) -> tuple[str, ...]:
        """The name and the field."""
        return (*NAME_FIELDS, self.name)

    def value(self, *cells: Value) -> float:
        """Look the word up among the family's."""
        return self.of(group_keys(car_name(*cells[:2]))[1], cells[2])

    def of(self, family: str, cell: Value) -> float:
        """Look the word up among those of a family that is already read."""
        return self.worth.get(family_category_key(family, normalize_word(cell)), 0.0)


@dataclass(frozen=True)
class CategoryEffects:
    """What the category words are worth, the same for every car."""

    worth: Sequence[Mapping[str, float]]
    """One table for each of `CATEGORY_FIELDS`."""
    name: str = "words"
    inputs: tuple[str, ...] = tuple(CATEGORY_FIELDS)

    @cached_property
    def terms(self) -> tuple[CategoryEffect, ...]:
        """Each field's word."""
        return tuple(map(CategoryEffect, CATEGORY_FIELDS, self.worth))

    def value(self, *cells: Value) -> float:
        """Add up the words' worth."""
        total = 0.0
        for term, cell in zip(self.terms, cells, strict=True):
            total += term.value(cell)
        return total


@dataclass(frozen=True)
class FamilyCategoryEffects:
    """What the category words are worth more or less in this model family."""

    worth: Sequence[Mapping[str, float]]
    """One table for each of `FAMILY_CATEGORY_FIELDS`."""
    name: str = "family_words"
    inputs: tuple[str, ...] = (*NAME_FIELDS, *FAMILY_CATEGORY_FIELDS)

    @cached_property
    def terms(self) -> tuple[FamilyCategoryEffect, ...]:
        """Each field's word."""
        return tuple(map(FamilyCategoryEffect, FAMILY_CATEGORY_FIELDS, self.worth))

    def value(self, *cells: Value) -> float:
        """Add up the words' worth."""
        total, family = 0.0, group_keys(car_name(*cells[:2]))[1]
        for term, cell in zip(self.terms, cells[2:], strict=True):
            total += term.of(family, cell)
        return total


@dataclass(frozen=True)
class NameRows:
    """How many training rows have this name: the log of one more."""

    rows: Mapping[str, int]
    group: int
    """Which of the name's groups is counted, a place in `group_keys`."""
    name: str
    inputs: tuple[str, ...] = NAME_FIELDS

    def value(self, *cells: Value) -> float:
        """Give the log of the count."""
        return log1p(self.rows.get(group_keys(car_name(*cells))[self.group], 0))


SUMMED = ("name_year", "name_miles", "words", "family_words")
"""The additive model is the sum of these, in this order."""
AdditivePart = NameYear | NameAtAge | NameMiles | CategoryEffects | FamilyCategoryEffects
