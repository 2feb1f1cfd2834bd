"""The fitted additive model as look-up features; the trees start from their sum.

`additive.fitting` fits the tables. The features here are pure functions of cells, the same for a frame and
for a single listing. Unit of all effects: log dollars.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from math import log1p, nan
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from carvalue.listings import DISTANCE, EARLIEST_YEAR, NAME_FIELDS, Value
from carvalue.pricing.additive.isotonic import interpolate, isotonic_decreasing, isotonic_increasing, locate
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    CarName,
    Cells,
    NameReader,
    car_name,
    coded,
    normalize_word,
    used_codes,
    weak_lru_cache,
)

Floats = npt.NDArray[np.float64]
Curve: TypeAlias = "array[float]"

AGE_KNOTS = (0.0, 2.0, 4.0, 7.0, 10.0, 14.0, 19.0, 27.0, 37.0)
"""Knots of the age effects of a name group, in years."""
_MILES = (0, 1e3, 1e4, 2e4, 3.5e4, 5e4, 7.5e4, 1e5, 1.3e5, 1.6e5, 2e5, 2.5e5, 4e5)
ODOMETER_KNOTS = tuple(map(DISTANCE.from_miles, _MILES))
"""Knots of the mileage curve, in the market's unit."""
SLOPE_BASIS = tuple(min(miles / 1e5, 2.5) - 0.8 for miles in _MILES)
"""Value at each of `ODOMETER_KNOTS` that is multiplied by the mileage slope of a name."""
CATEGORY_EFFECTS, FAMILY_CATEGORY_EFFECTS = "category_effects", "family_category_effects"
"""Names of the features that sum the effects of categories, for all cars and within a family."""
CACHED_NAMES, CACHED_CATEGORIES = 4_096, 1_024
CACHED_CURVES = 32_768  # of 0.1 to 0.4 kB: all names of a market, because a part of a table has most of them


def level_keys(name: CarName) -> list[str]:
    """List the groups whose level effects are summed for a name.

    Args:
        name: Parsed name of the car.

    Returns:
        Distinct keys of the make, the family, prefixes of the name, the full name and each token.

    Examples:
        >>> from carvalue.pricing.features import read_name
        >>> level_keys(read_name("honda", "civic"))
        ['M:honda', 'F:honda|civic', 'P2:honda|civic', 'P3:honda|civic', 'X:honda|civic', 'S:honda|civic',
         't:civic', 'mt:honda|civic']
    """
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


@lru_cache(maxsize=CACHED_CURVES)
def group_keys(name: CarName) -> tuple[str, str, str]:
    """List the nested groups of a name.

    Args:
        name: Parsed name of the car.

    Returns:
        Keys of the make, the family and the first two tokens.
    """
    start = " ".join(name.text.split()[:2])
    return f"M:{name.make}", f"F:{name.make}|{name.family}", f"P2:{name.make}|{start}"


def curve_keys(name: CarName) -> list[str]:
    """List the groups with their own age effects and mileage slope.

    Args:
        name: Parsed name of the car.

    Returns:
        Distinct keys of the nested groups and of each token.
    """
    tokens = name.text.split()
    by_token = (f"t:{token}" for token in tokens), (f"mt:{name.make}|{token}" for token in tokens[1:])
    return list(dict.fromkeys((*group_keys(name), *chain(*by_token))))


def family_category_key(family: str, category: str) -> str:
    """Build the key of a category within a family.

    Args:
        family: Key of the family, the second of `group_keys`.
        category: Normalized category.

    Returns:
        The key.
    """
    return f"{family}={category}"


@dataclass(frozen=True, eq=False)
class NameCurves:
    """Log price of each name by model year, non-decreasing; the last year is the newest."""

    base_curve: Sequence[float]
    """Log price of an unknown name by model year, from `EARLIEST_YEAR` on."""
    year_rows: Sequence[float]
    """Training rows by model year, the weights of the isotonic regression."""
    level_effects: Mapping[str, float]
    """Name group (`level_keys`) -> effect on the log price."""
    age_effects: Mapping[str, Sequence[float]]
    """Name group (`curve_keys`) -> effect on the log price at each of `AGE_KNOTS`."""

    @cached_property
    def age_positions(self) -> list[tuple[int, float]]:
        """Position of each model year between `AGE_KNOTS`, as `locate` returns it."""
        return [locate(AGE_KNOTS, float(age)) for age in reversed(range(len(self.base_curve)))]

    def curve(self, name: CarName) -> Curve:
        """Compute the log price of a name by model year, with average mileage and categories.

        Args:
            name: Parsed name of the car.

        Returns:
            Log prices from `EARLIEST_YEAR` to the newest year, shape (years,); cached, do not modify.
        """
        return self._cached_curve(name)

    @cached_property
    def _cached_curve(self) -> Callable[[CarName], Curve]:
        return weak_lru_cache(self._compute_curve, size=CACHED_CURVES)

    def _compute_curve(self, name: CarName) -> Curve:
        level = 0.0
        for key in level_keys(name):
            level += self.level_effects.get(key, 0.0)
        by_age = [level] * len(AGE_KNOTS)
        for key in curve_keys(name):
            if (effects := self.age_effects.get(key)) is not None:
                by_age = [total + effect for total, effect in zip(by_age, effects, strict=True)]
        years = zip(self.base_curve, self.age_positions, strict=True)
        fitted = [base + interpolate(by_age, *position) for base, position in years]
        return array("d", isotonic_increasing(fitted, self.year_rows))


@dataclass(frozen=True)
class NameYear:
    """Log price of the name in the listing's model year; a missing year counts as the most frequent one."""

    curves: NameCurves
    """Log prices by name and model year."""
    name: str = "name_year"
    """Name of the column."""
    inputs: tuple[str, ...] = (*NAME_FIELDS, "year")
    """Fields that the feature reads."""
    read: NameReader = car_name
    """How the name is read."""

    def value(self, *cells: Value) -> float:
        """Look up the log price.

        Args:
            *cells: Values of `manufacturer`, `model` and `year`.

        Returns:
            Log price in log dollars; years outside the curve count as its nearest end.
        """
        return self.curves.curve(self.read(*cells[:2]))[self._place(cells[2])]

    def column(self, cells: Cells) -> Floats:
        """Look up the log prices of a frame.

        Args:
            cells: Cells of the listings.

        Returns:
            Log prices in log dollars, shape (listings,).
        """
        name, names = cells.distinct(NAME_FIELDS)
        year, years = cells.distinct(("year",))
        curves = _stacked([self.curves.curve(self.read(*each)) for each in names], self.curves.base_curve)
        places = np.array([self._place(value) for (value,) in years], dtype=np.int64)
        return curves[name, places[year]]

    def _place(self, year: Value) -> int:
        """Find the place of a model year in a curve."""
        if year is None or year != year:
            return self._modal_year
        return min(max(int(year) - EARLIEST_YEAR, 0), len(self.curves.base_curve) - 1)

    @cached_property
    def _modal_year(self) -> int:
        rows = self.curves.year_rows
        return max(range(len(rows)), key=rows.__getitem__)


@dataclass(frozen=True)
class NameAtAge:
    """Log price of the name at one fixed age, independent of the listing's year."""

    curves: NameCurves
    """Log prices by name and model year."""
    age: int
    """Age in years before the newest model year."""
    name: str
    """Name of the column."""
    inputs: tuple[str, ...] = NAME_FIELDS
    """Fields that hold the name of the car."""
    read: NameReader = car_name
    """How the name is read."""

    def value(self, *cells: Value) -> float:
        """Look up the log price.

        Args:
            *cells: Values of `manufacturer` and `model`.

        Returns:
            Log price in log dollars.
        """
        curve = self.curves.curve(self.read(*cells))
        return curve[max(len(curve) - 1 - self.age, 0)]


@dataclass(frozen=True)
class NameMiles:
    """Effect of the mileage for this name, non-increasing in miles."""

    base_curve: Sequence[float]
    """Effect of the mileage for an unknown name, at each of `ODOMETER_KNOTS`."""
    knot_weights: Sequence[float]
    """Share of the training rows near each knot, the weights of the isotonic regression."""
    missing_effect: float
    """Effect of a missing odometer."""
    implausible_effect: float
    """Effect of an implausible odometer."""
    slopes: Mapping[str, float]
    """Name group (`curve_keys`) -> mileage slope, multiplied by `SLOPE_BASIS`."""
    name: str = "name_miles"
    """Name of the column."""
    inputs: tuple[str, ...] = (*NAME_FIELDS, "odometer", IMPLAUSIBLE)
    """Fields that the feature reads."""
    read: NameReader = car_name
    """How the name is read."""

    def value(self, *cells: Value) -> float:
        """Look up the effect of the mileage.

        Args:
            *cells: Values of `manufacturer`, `model`, `odometer` and the flag `IMPLAUSIBLE`.

        Returns:
            Effect in log dollars; zero is the mean of the training rows.
        """
        miles, implausible = cells[2:]
        if implausible:
            return self.implausible_effect
        if miles is None or miles != miles:
            return self.missing_effect
        return interpolate(self._cached_curve(self.read(*cells[:2])), *locate(ODOMETER_KNOTS, float(miles)))

    def column(self, cells: Cells) -> Floats:
        """Look up the effects of the mileages of a frame.

        Args:
            cells: Cells of the listings.

        Returns:
            Effects in log dollars, shape (listings,).
        """
        name, names = cells.distinct(NAME_FIELDS)
        reading, readings = cells.distinct(("odometer",))
        flag, flags = cells.distinct((IMPLAUSIBLE,))
        curves = _stacked([self._cached_curve(self.read(*each)) for each in names], ODOMETER_KNOTS)
        miles = np.array([nan if value is None else value for (value,) in readings], dtype=np.float64)
        places = [locate(ODOMETER_KNOTS, value) for value in np.nan_to_num(miles).tolist()]
        segment = np.array([place for place, _ in places], dtype=np.int64)[reading]
        share = np.array([share for _, share in places], dtype=np.float64)[reading]
        left = curves[name, segment]
        effects: Floats = left + (curves[name, segment + 1] - left) * share
        effects[np.isnan(miles)[reading]] = self.missing_effect
        effects[np.array([bool(value) for (value,) in flags], dtype=np.bool_)[flag]] = self.implausible_effect
        return effects

    @cached_property
    def _cached_curve(self) -> Callable[[CarName], Curve]:
        return weak_lru_cache(self._compute_curve, size=CACHED_CURVES)

    def _compute_curve(self, name: CarName) -> Curve:
        slope = 0.0
        for key in curve_keys(name):
            slope += self.slopes.get(key, 0.0)
        knots = zip(self.base_curve, SLOPE_BASIS, strict=True)
        curve = isotonic_decreasing([effect + slope * basis for effect, basis in knots], self.knot_weights)
        return array("d", curve)


@dataclass(frozen=True)
class CategoryEffect:
    """Effect of one field's category, the same for all cars; the empty category is a missing one."""

    name: str
    """Name of the field."""
    effects: Mapping[str, float]
    """Category -> effect on the log price."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The field of the same name."""
        return (self.name,)

    def value(self, *cells: Value) -> float:
        """Look up the effect of the category.

        Args:
            *cells: Value of the field.

        Returns:
            Effect in log dollars, 0 for an unknown category.

        Examples:
            >>> title = CategoryEffect("title_status", {"salvage": -0.5})
            >>> title.value("Salvage"), title.value("clean")
            (-0.5, 0.0)
        """
        return self.effects.get(normalize_word(cells[0]), 0.0)


@dataclass(frozen=True)
class FamilyCategoryEffect:
    """Additional effect of one field's category within the model family."""

    name: str
    """Name of the field."""
    effects: Mapping[str, float]
    """Family and category (`family_category_key`) -> effect on the log price."""
    read: NameReader = car_name
    """How the name is read."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fields of the name, and the field itself."""
        return (*NAME_FIELDS, self.name)

    def value(self, *cells: Value) -> float:
        """Look up the effect of the category within the family.

        Args:
            *cells: Values of `manufacturer`, `model` and the field.

        Returns:
            Effect in log dollars, 0 for an unknown combination.
        """
        return self.effect(group_keys(self.read(*cells[:2]))[1], cells[2])

    def effect(self, family: str, cell: Value) -> float:
        """Look up the effect of the category within a family whose key is known.

        Args:
            family: Key of the family, the second of `group_keys`.
            cell: Value of the field.

        Returns:
            Effect in log dollars, 0 for an unknown combination.
        """
        return self.effects.get(family_category_key(family, normalize_word(cell)), 0.0)


@dataclass(frozen=True)
class CategoryEffects:
    """Sum of the category effects of some fields, the same for all cars."""

    effects: Sequence[Mapping[str, float]]
    """For each of `inputs`: category -> effect on the log price."""
    inputs: tuple[str, ...]
    """Categorical fields that the feature reads."""
    name: str = CATEGORY_EFFECTS
    """Name of the column."""

    @cached_property
    def terms(self) -> tuple[CategoryEffect, ...]:
        """One effect for each field."""
        return tuple(map(CategoryEffect, self.inputs, self.effects))

    def value(self, *cells: Value) -> float:
        """Add up the effects of the categories.

        Args:
            *cells: Values of `inputs`, in that order.

        Returns:
            Sum of the effects in log dollars.
        """
        total = 0.0
        for effect, cell in zip(self._cached_effects, cells, strict=True):
            total += effect(cell)
        return total

    def column(self, cells: Cells) -> Floats:
        """Add up the effects of the categories of a frame.

        Args:
            cells: Cells of the listings.

        Returns:
            Sums of the effects in log dollars, shape (listings,).
        """
        total = np.zeros(cells.height)
        for term in self.terms:
            total = total + cells.evaluate(term.value, term.inputs)
        return total

    @cached_property
    def _cached_effects(self) -> tuple[Callable[[Value], float], ...]:
        return tuple(weak_lru_cache(term.value, size=CACHED_CATEGORIES) for term in self.terms)


@dataclass(frozen=True)
class FamilyCategoryEffects:
    """Sum of the additional category effects of the model family."""

    effects: Sequence[Mapping[str, float]]
    """For each of `fields`: family and category -> effect on the log price."""
    fields: tuple[str, ...]
    """Categorical fields with an effect for each family."""
    name: str = FAMILY_CATEGORY_EFFECTS
    """Name of the column."""
    read: NameReader = car_name
    """How the name is read."""

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Fields of the name, and `fields`."""
        return (*NAME_FIELDS, *self.fields)

    @cached_property
    def terms(self) -> tuple[FamilyCategoryEffect, ...]:
        """One effect for each of `fields`."""
        pairs = zip(self.fields, self.effects, strict=True)
        return tuple(FamilyCategoryEffect(*pair, read=self.read) for pair in pairs)

    def value(self, *cells: Value) -> float:
        """Add up the effects of the categories within the family.

        Args:
            *cells: Values of `inputs`, in that order.

        Returns:
            Sum of the effects in log dollars.
        """
        total, family = 0.0, group_keys(self.read(*cells[:2]))[1]
        for effect, cell in zip(self._cached_effects, cells[2:], strict=True):
            total += effect(family, cell)
        return total

    def column(self, cells: Cells) -> Floats:
        """Add up the effects of the categories of a frame.

        Args:
            cells: Cells of the listings.

        Returns:
            Sums of the effects in log dollars, shape (listings,).
        """
        name, names = cells.distinct(NAME_FIELDS)
        families, family_of_name = coded(group_keys(self.read(*each))[1] for each in names)
        family, total = family_of_name[name], np.zeros(cells.height)
        for term in self.terms:
            cell, values = cells.distinct((term.name,))
            pair, pairs = used_codes(family * len(values) + cell, codes=len(families) * len(values))
            effects = [
                term.effect(families[code // len(values)], *values[code % len(values)])
                for code in pairs.tolist()
            ]
            total = total + np.array(effects, dtype=np.float64)[pair]
        return total

    @cached_property
    def _cached_effects(self) -> tuple[Callable[[str, Value], float], ...]:
        return tuple(weak_lru_cache(term.effect, size=CACHED_NAMES) for term in self.terms)


@dataclass(frozen=True)
class NameRows:
    """Logarithm of one plus the number of training rows in a group of the name."""

    rows: Mapping[str, int]
    """Group key -> training rows."""
    group: int
    """Index of the counted group in `group_keys`."""
    name: str
    """Name of the column."""
    inputs: tuple[str, ...] = NAME_FIELDS
    """Fields that hold the name of the car."""
    read: NameReader = car_name
    """How the name is read."""

    def value(self, *cells: Value) -> float:
        """Look up the number of rows.

        Args:
            *cells: Values of `manufacturer` and `model`.

        Returns:
            `log1p` of the number of rows, 0 for an unknown group.

        Examples:
            >>> family_rows = NameRows({"F:honda|civic": 99}, group=1, name="family_rows")
            >>> round(family_rows.value("honda", "Civic EX"), 3), family_rows.value("honda", "pilot")
            (4.605, 0.0)
        """
        return log1p(self.rows.get(group_keys(self.read(*cells))[self.group], 0))


def _stacked(curves: Sequence[Curve], knots: Sequence[float]) -> Floats:
    """Stack the curves of names, shape (names, knots), also where there are no names."""
    return np.frombuffer(b"".join(curves), dtype=np.float64).reshape(len(curves), len(knots))


SUMMED = ("name_year", "name_miles", CATEGORY_EFFECTS, FAMILY_CATEGORY_EFFECTS)
"""Names of the features whose sum is the additive model, in the order of summation."""
AdditivePart = NameYear | NameAtAge | NameMiles | CategoryEffects | FamilyCategoryEffects
"""A fitted feature of the additive model."""
