"""Which makes, models and regions the training rows know, and the warnings about those they do not."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from carvalue.listings import Listing, Value
from carvalue.pricing.features import (
    MIN_PLAUSIBLE_MILES,
    car_name,
    distinct_cells,
    is_implausible,
    normalize_word,
)
from carvalue.pricing.market.display_names import display_name, family_spelling
from carvalue.pricing.quote import QuoteWarning, unknown_category_kind

MIN_ROWS = 2  # rows

WarningRule = Callable[..., QuoteWarning | None]


class ModelFamily(NamedTuple):
    """A model as most sellers spell it, such as f-150 for our f150, and how many training rows have it."""

    spelled: str
    rows: int


@dataclass(frozen=True, kw_only=True)
class KnownCategories:
    """What the training rows held. Words are ordered, the most frequent first."""

    makes: Mapping[str, Mapping[str, ModelFamily]]
    """Make -> its families by our word."""
    regions: tuple[str, ...]
    newest_year: int

    def cautions(self, listing: Listing) -> tuple[QuoteWarning, ...]:
        """Say what about this listing the model had to guess."""
        found = [about(*map(listing.get, fields)) for fields, about in self.parts]
        return tuple(filter(None, found))

    @property
    def parts(self) -> tuple[tuple[tuple[str, ...], WarningRule], ...]:
        """What is warned about, in order: the fields it depends on, and what is to be said of them."""
        return (
            (("manufacturer", "model"), self._about_name),
            (("region",), self._about_region),
            (("odometer", "year"), self._about_odometer),
            (("year",), self._about_year),
        )

    @cached_property
    def _regions(self) -> frozenset[str]:
        return frozenset(self.regions)

    def as_json(self) -> dict[str, Any]:
        """Give the words as JSON's own types."""
        makes = [
            [make, [[word, *family] for word, family in families.items()]]
            for make, families in self.makes.items()
        ]
        return {"makes": makes, "regions": list(self.regions), "newest_year": self.newest_year}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "KnownCategories":
        """Read what `as_json` wrote."""
        makes = {
            make: {word: ModelFamily(spelled, rows) for word, spelled, rows in families}
            for make, families in content["makes"]
        }
        return cls(makes=makes, regions=tuple(content["regions"]), newest_year=content["newest_year"])

    def _about_name(self, manufacturer: Value, model: Value) -> QuoteWarning | None:
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

    def _about_region(self, region: Value) -> QuoteWarning | None:
        word = normalize_word(region)
        known = not word or word in self._regions
        return None if known else _unknown("region", f"region {word!r}")

    def _about_odometer(self, odometer: Value, year: Value) -> QuoteWarning | None:
        if _is_missing(odometer):
            return QuoteWarning("odometer_missing", "odometer is missing: a usual mileage is assumed")
        listing = {"odometer": odometer, "year": year}
        if not is_implausible(listing, newest_year=self.newest_year):
            return None
        told = (
            f"odometer below {MIN_PLAUSIBLE_MILES:,} miles is not believed of a used car: taken as not known"
        )
        return QuoteWarning("odometer_doubted", told)

    def _about_year(self, year: Value) -> QuoteWarning | None:
        if _is_missing(year):
            return QuoteWarning("year_missing", "year is missing: the price rests on the rest of the listing")
        if not isinstance(year, int | float) or year <= self.newest_year:
            return None
        end = f"newer than the training data, which ends with {self.newest_year}"
        return QuoteWarning("year_newer", f"year {normalize_word(year)} is {end}")


def _unknown(field: str, what: str) -> QuoteWarning:
    return QuoteWarning(unknown_category_kind(field), f"{what} is not in the training data")


def fit_known_categories(frame: pl.DataFrame) -> KnownCategories:
    """List what these rows hold; a name seen once may be a slip of the pen and stays unknown."""
    families: dict[str, Counter[str]] = defaultdict(Counter)
    spellings: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for manufacturer, model, rows in frame.group_by("manufacturer", "model").len().iter_rows():
        name = car_name(manufacturer, model)
        families[name.make][name.family] += rows
        spellings[name.make, name.family][family_spelling(normalize_word(model), name.family)] += rows
    totals = {
        make: counts.total() for make, counts in families.items() if make and counts.total() >= MIN_ROWS
    }
    regions = Counter(
        {normalize_word(word): rows for word, rows in frame["region"].value_counts().iter_rows()}
    )
    return KnownCategories(
        makes={
            make: {
                word: ModelFamily(display_name(make, word, spellings[make, word]), families[make][word])
                for word in _frequent(families[make])
            }
            for make in _frequent(Counter(totals))
        },
        regions=_frequent(regions),
        newest_year=int(frame["year"].max() or 0),  # type: ignore[arg-type]
    )


def _frequent(counts: Counter[str]) -> tuple[str, ...]:
    kept = [word for word, rows in counts.items() if word and rows >= MIN_ROWS]
    return tuple(sorted(kept, key=lambda word: (-counts[word], word)))


def frame_warnings(frame: pl.DataFrame, familiar: KnownCategories) -> pl.DataFrame:
    """Warn about each row of a frame: part by part, once for each distinct combination of its cells.

    Returns:
        The columns warnings and kinds, each a list.
    """
    cells = frame
    if "odometer" in frame.columns:  # only whether it is there, and believed, matters
        miles = pl.col("odometer").cast(pl.Float64)
        told = (
            pl.when(miles < MIN_PLAUSIBLE_MILES).then(0).when(miles.is_nan().not_()).then(MIN_PLAUSIBLE_MILES)
        )
        cells = frame.with_columns(told.alias("odometer"))
    found = [_cautions(cells, fields, about) for fields, about in familiar.parts]
    return pl.DataFrame(
        {
            "warnings": _lists([part["text"] for part in found]),
            "kinds": _lists([part["kind"] for part in found]),
        }
    )


def _cautions(cells: pl.DataFrame, fields: tuple[str, ...], about: WarningRule) -> pl.DataFrame:
    place, distinct = distinct_cells(cells, fields)
    found = [about(*row) or (None, None) for row in distinct]
    return pl.DataFrame(found, schema={"kind": pl.String, "text": pl.String}, orient="row")[place]


def _lists(parts: list[pl.Series]) -> pl.Series:
    columns = pl.DataFrame([part.alias(str(number)) for number, part in enumerate(parts)])
    return columns.select(pl.concat_list(pl.all()).list.drop_nulls()).to_series()


def _is_missing(value: Value) -> bool:
    return value is None or value != value
