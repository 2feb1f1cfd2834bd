"""List the makes, models and regions of the training rows, and warn about listings that go beyond them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from carvalue.listings import DISTANCE, FIELD_BY_NAME, MARKET, Value
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    MIN_PLAUSIBLE_ODOMETER,
    Cells,
    car_name,
    is_implausible,
    normalize_word,
    weak_lru_cache,
)
from carvalue.pricing.market.display_names import display_name, family_spelling
from carvalue.pricing.market.quote import QuoteWarning, unknown_category_kind

CACHED_TEXTS = 4_096
MIN_ROWS = 2  # rows; a name on a single row may be a typing error
GENERIC_MAKES, MAX_GENERIC_SHARE = 4, 0.6  # a family of so many makes, none with so many of its rows, is none
MIN_CONTRADICTION_ROWS = 50  # rows of a make or region from which an absent fuel or state is a contradiction
MIN_VALUE_SHARE = 0.01  # of these rows; rarer values are errors of the sellers

WarningRule = Callable[..., QuoteWarning | None]
"""Takes the values of a rule's fields; returns a warning or None."""


class ModelFamily(NamedTuple):
    """A model family of one make.

    Attributes:
        display_name: As most sellers spell it, for example f-150 for the family f150.
        rows: Number of training rows.
    """

    display_name: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class KnownCategories:
    """The categories of the training rows, in order of decreasing frequency.

    Attributes:
        makes: Make -> model family, as `read_name` returns it -> its display name and rows.
        regions: Regions.
        newest_year: Newest model year.
    """

    makes: Mapping[str, Mapping[str, ModelFamily]]
    regions: tuple[str, ...]
    newest_year: int
    fuels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Make -> its fuels; only makes with at least `MIN_CONTRADICTION_ROWS` rows."""
    states: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Region -> the states that its listings name."""

    def warnings(self, cells: Cells) -> list[tuple[QuoteWarning, ...]]:
        """List what makes quotes of listings less reliable.

        Args:
            cells: Cells of any listings.

        Returns:
            For each listing at most one warning of each rule, in the order of `rules`.

        Examples:
            >>> from carvalue.pricing.features import ListingCells
            >>> known = KnownCategories(
            ...     makes={"ford": {"f150": ModelFamily("f-150", 900)}}, regions=("austin",), newest_year=2021
            ... )
            >>> car = {"manufacturer": "ford", "model": "f150", "year": 2019, "odometer": 40_000}
            >>> unknown = {**car, "model": "edsel", "region": "waco"}
            >>> good, suspect = known.warnings(ListingCells([car, unknown]))
            >>> good, [warning.kind for warning in suspect]
            ((), ['model_unknown', 'region_unknown'])
        """
        found: list[tuple[QuoteWarning, ...]] = [()] * cells.height
        for fields, rule in self._cached_rules:
            index, distinct = cells.distinct(fields)
            results = [rule(*row) for row in distinct]
            if any(results):
                for row, number in enumerate(index.tolist()):
                    if (warning := results[number]) is not None:
                        found[row] = (*found[row], warning)
        return found

    @property
    def rules(self) -> tuple[tuple[tuple[str, ...], WarningRule], ...]:
        """The warning rules for fields of the market in order, each with the fields whose values it takes."""
        rules: tuple[tuple[tuple[str, ...], WarningRule], ...] = (
            (("manufacturer", "model"), self._name_warning),
            (("region",), self._region_warning),
            (("odometer", "year"), self._odometer_warning),
            (("year",), self._year_warning),
            (("manufacturer", "model", "fuel"), self._fuel_warning),
            (("region", "state"), self._place_warning),
        )
        return tuple(rule for rule in rules if FIELD_BY_NAME.keys() >= set(rule[0]))

    @cached_property
    def _cached_rules(self) -> tuple[tuple[tuple[str, ...], WarningRule], ...]:
        """The rules; those of texts are cached by their fields' values, because names and places repeat.

        Years and odometers have too many values, so that those rules have caches without entries.
        """
        return tuple(
            (fields, weak_lru_cache(rule, size=0 if "year" in fields else CACHED_TEXTS))
            for fields, rule in self.rules
        )

    @cached_property
    def _regions(self) -> frozenset[str]:
        return frozenset(self.regions)

    def as_json(self) -> dict[str, Any]:
        """Convert to types that JSON has.

        Returns:
            Lists instead of mappings, so that the order of makes and families is kept.
        """
        makes = [
            [make, [[family, *entry] for family, entry in families.items()]]
            for make, families in self.makes.items()
        ]
        return {
            "makes": makes,
            "regions": list(self.regions),
            "newest_year": self.newest_year,
            "fuels": {make: list(fuels) for make, fuels in self.fuels.items()},
            "states": {region: list(states) for region, states in self.states.items()},
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "KnownCategories":
        """Read what `as_json` wrote.

        Args:
            content: The parsed JSON object.

        Returns:
            The categories.

        Raises:
            KeyError: A key is missing.
        """
        makes = {
            make: {family: ModelFamily(display, rows) for family, display, rows in families}
            for make, families in content["makes"]
        }
        return cls(
            makes=makes,
            regions=tuple(content["regions"]),
            newest_year=content["newest_year"],
            fuels={make: tuple(fuels) for make, fuels in content.get("fuels", {}).items()},
            states={region: tuple(states) for region, states in content.get("states", {}).items()},
        )

    # A bundle's golden quotes contain the texts of these four: a change makes older bundles incompatible.
    def _name_warning(self, manufacturer: Value, model: Value) -> QuoteWarning | None:
        name = car_name(manufacturer, model)
        if not name.make:
            return QuoteWarning(
                "make_missing", "make is not known: the price rests on the rest of the listing"
            )
        families = self.makes.get(name.make)
        if families is None:
            return _unknown("manufacturer", f"make {name.make!r}")
        if not name.family:
            return QuoteWarning("model_missing", f"model is not known: a usual {name.make} is assumed")
        if name.family not in families:
            return _unknown("model", f"model {normalize_word(model)!r} of {name.make}")
        return None

    def _region_warning(self, region: Value) -> QuoteWarning | None:
        category = normalize_word(region)
        is_known = not category or category in self._regions
        return None if is_known else _unknown("region", f"region {category!r}")

    def _odometer_warning(self, odometer: Value, year: Value) -> QuoteWarning | None:
        if _is_missing(odometer):
            return QuoteWarning("odometer_missing", "odometer is missing: a usual mileage is assumed")
        if not is_implausible(odometer, year, newest_year=self.newest_year):
            return None
        least = f"{MIN_PLAUSIBLE_ODOMETER:,} {DISTANCE.unit}"
        text = f"odometer below {least} is implausible for a used {MARKET.vehicle}: taken as missing"
        return QuoteWarning(IMPLAUSIBLE, text)

    def _year_warning(self, year: Value) -> QuoteWarning | None:
        if _is_missing(year):
            return QuoteWarning("year_missing", "year is missing: the price rests on the rest of the listing")
        if not isinstance(year, int | float) or year <= self.newest_year:
            return None
        end = f"newer than the training data, which ends with {self.newest_year}"
        return QuoteWarning("year_newer", f"year {normalize_word(year)} is {end}")

    def _fuel_warning(self, manufacturer: Value, model: Value, fuel: Value) -> QuoteWarning | None:
        category, make = normalize_word(fuel), car_name(manufacturer, model).make
        fuels = self.fuels.get(make)
        if not category or fuels is None or category in fuels:
            return None
        text = f"fuel {category!r} contradicts the make: {make} {MARKET.vehicles} run on {' or '.join(fuels)}"
        return QuoteWarning("fuel_contradiction", text)

    def _place_warning(self, region: Value, state: Value) -> QuoteWarning | None:
        place, given = normalize_word(region), normalize_word(state)
        states = self.states.get(place)
        if not given or states is None or given in states:
            return None
        text = f"state {given.upper()} contradicts the region: {place} is in {' or '.join(states).upper()}"
        return QuoteWarning("state_contradiction", text)


def fit_known_categories(rows: pl.LazyFrame) -> KnownCategories:
    """List the categories that are on at least `MIN_ROWS` rows.

    Args:
        rows: Training rows with `manufacturer`, `model`, `year` and, where the market has them, `region`,
            `state` and `fuel`.

    Returns:
        The known categories.
    """
    families: dict[str, Counter[str]] = defaultdict(Counter)
    spellings: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for manufacturer, model, number in _count(rows, "manufacturer", "model").iter_rows():
        name = car_name(manufacturer, model)
        families[name.make][name.family] += number
        spellings[name.make, name.family][family_spelling(normalize_word(model), name.family)] += number
    generic = _generic_families(families)
    totals = {
        make: counts.total() for make, counts in families.items() if make and counts.total() >= MIN_ROWS
    }
    columns = rows.collect_schema().names()
    regions = _count(rows, "region").iter_rows() if "region" in columns else ()
    newest = rows.select(pl.col("year").max()).collect(engine="streaming").item()
    return KnownCategories(
        makes={
            make: {
                family: ModelFamily(
                    display_name(make, family, spellings[make, family]), families[make][family]
                )
                for family in _frequent(families[make])
                if family not in generic
            }
            for make in _frequent(Counter(totals))
        },
        regions=_frequent(Counter({normalize_word(region): number for region, number in regions})),
        newest_year=int(newest or 0),
        fuels=_usual_values(rows, "manufacturer", "fuel"),
        states=_usual_values(rows, "region", "state"),
    )


def _generic_families(families: Mapping[str, Counter[str]]) -> set[str]:
    """Find words that many makes have in place of a model family: `financing`, `we`, `truck`.

    Examples:
        >>> makes = ("ford", "kia", "bmw", "ram")
        >>> _generic_families({make: Counter({"financing": 5, f"{make} model": 90}) for make in makes})
        {'financing'}
    """
    rows: dict[str, list[int]] = defaultdict(list)
    for make, counts in families.items():
        for family, count in counts.items():
            if make and count >= MIN_ROWS:
                rows[family].append(count)
    return {
        family
        for family, counts in rows.items()
        if len(counts) >= GENERIC_MAKES and max(counts) < MAX_GENERIC_SHARE * sum(counts)
    }


def _count(rows: pl.LazyFrame, *columns: str) -> pl.DataFrame:
    """Count the rows with equal values: the values and `len`, in the order of the values."""
    return rows.group_by(columns).len().collect(engine="streaming").sort(columns)


def _usual_values(rows: pl.LazyFrame, group: str, column: str) -> dict[str, tuple[str, ...]]:
    """List the values of a column that the rows of each large group have, the most frequent first."""
    if not {group, column} <= set(rows.collect_schema().names()):
        return {}
    counted = _count(rows, group, column).drop_nulls().sort("len", column, descending=[True, False])
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for key, value, number in counted.iter_rows():
        counts[normalize_word(key)][normalize_word(value)] += number
    return {
        key: tuple(value for value, number in values.items() if number >= MIN_VALUE_SHARE * values.total())
        for key, values in counts.items()
        if values.total() >= MIN_CONTRADICTION_ROWS
    }


def _unknown(field: str, description: str) -> QuoteWarning:
    return QuoteWarning(unknown_category_kind(field), f"{description} is not in the training data")


def _frequent(counts: Counter[str]) -> tuple[str, ...]:
    """List the non-empty names on at least `MIN_ROWS` rows, the most frequent first.

    Examples:
        >>> _frequent(Counter({"bmw": 3, "audi": 7, "": 99, "yugo": 1}))
        ('audi', 'bmw')
    """
    kept = [name for name, rows in counts.items() if name and rows >= MIN_ROWS]
    return tuple(sorted(kept, key=lambda name: (-counts[name], name)))


def _is_missing(value: Value) -> bool:
    return value is None or value != value
