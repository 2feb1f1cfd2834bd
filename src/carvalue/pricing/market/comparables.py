"""Find comparables: the most similar listings of the training rows, of the same make and model family."""

import io
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.api import MAX_COMPARABLES
from carvalue.listings import DISTANCE, MARKET, NAME_FIELDS, OPEN_PLACES, PLACES, Listing, Value
from carvalue.pricing.features import CarName, car_name, distinct_cells, weak_lru_cache
from carvalue.pricing.market.quote import SupportCounts

# The distance is measured in years: a difference of 12,000 miles, an average year's driving, counts as one.
ODOMETER_PER_YEAR = DISTANCE.from_miles(12_000)
UNKNOWN_ODOMETER_DISTANCE, OTHER_TRIM_DISTANCE, UNUSUAL_DISTANCE = 2.0, 1.0, 3.0  # years
CACHED_NAMES = 4_096
MAX_LISTINGS = 1_000_000  # in a bundle, which every price service holds in memory
MIN_WORD_ROWS = 20  # rows of the make; a rarer word of a model text may be a person's name or number

COLUMNS = ("manufacturer", "model", "year", "odometer", *MARKET.compared, "price", "posted_at")
"""What is shown of a comparable; the names are those of the HTTP API."""
STORED_COLUMNS = (*COLUMNS, *(name for name in MARKET.versions if name not in COLUMNS))
"""What is kept of a listing. Bundles of earlier releases have only `COLUMNS`."""
DUPLICATE_KEY = [
    *("manufacturer", "family", "model", "year", "odometer"),
    *(name for name in MARKET.compared if name in MARKET.usual or name in {*PLACES, *OPEN_PLACES}),
]
"""Listings that agree in these columns look the same to a reader, except for the price: one is kept."""

Floats = npt.NDArray[np.float64]


Comparable = Mapping[str, Value | date]
"""A listing of the training rows without texts and identifiers: each of `COLUMNS` -> its value.

`model` holds the words of the model text that many sellers of the make use; `posted_at` is the day of the
posting.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparables:
    """The latest listing of every car in the training rows, indexed by model family.

    Attributes:
        listings: Frame with `COLUMNS` and `family`, sorted by manufacturer and family.
        families: (make, family) -> (first row, number of rows) in `listings`.
        year: Model years, shape (rows,).
        odometer: Readings in the market's unit, shape (rows,); NaN where unknown.
    """

    listings: pl.DataFrame
    families: dict[tuple[str, str], tuple[int, int]]
    year: Floats
    odometer: Floats

    @classmethod
    def from_listings(cls, listings: pl.DataFrame) -> "Comparables":
        """Build the index.

        Args:
            listings: Frame with `STORED_COLUMNS` and `family`, sorted by manufacturer and family.

        Returns:
            The indexed listings.
        """
        sizes = listings.group_by("manufacturer", "family", maintain_order=True).len()
        starts = np.cumsum([0, *sizes["len"].to_list()]).tolist()
        return cls(
            listings=listings,
            families={
                (make, family): (start, rows)
                for (make, family, rows), start in zip(sizes.iter_rows(), starts[:-1], strict=True)
            },
            year=listings["year"].cast(pl.Float64).to_numpy(),
            odometer=listings["odometer"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        )

    def nearest(self, listing: Listing, *, limit: int = MAX_COMPARABLES) -> tuple[Comparable, ...]:
        """Find the most similar listings of the same make and model family.

        Similarity is a sum of differences in year, odometer, trim and fields with a usual category; a year
        or mileage that the listing does not have is ignored.

        Args:
            listing: The listing to compare with.
            limit: Largest number of results.

        Returns:
            Comparables in order of increasing distance; empty if the make or the family is unknown.
        """
        name = car_name(listing.get("manufacturer"), listing.get("model"))
        start, rows = self.families.get((name.make, name.family), (0, 0))
        family = self.listings.slice(start, rows)
        distances = self._distances(listing, name, family, rows=slice(start, start + rows))
        nearest = np.argsort(distances, kind="stable")[:limit]
        return tuple(family.select(COLUMNS)[nearest].to_dicts())

    def shares(self, listing: Listing, field: str) -> Mapping[str, float]:
        """Compute how frequent each category of a field is among the listings of a model family.

        Args:
            listing: A listing of the family.
            field: Name of a categorical field.

        Returns:
            Category -> share of the family's listings that have one, from 0 to 1; empty if none has one, or
            the field is not kept.
        """
        name = car_name(listing.get("manufacturer"), listing.get("model"))
        start, rows = self.families.get((name.make, name.family), (0, 0))
        if field not in self.listings.columns or not rows:
            return {}
        known = self.listings[field].slice(start, rows).drop_nulls()
        counts = known.value_counts(sort=True)
        return {category: count / len(known) for category, count in counts.iter_rows()}

    def support(self, name: CarName, year: Value) -> SupportCounts:
        """Count the cars that resemble one.

        Args:
            name: Parsed name of the car.
            year: Its model year; may be missing.

        Returns:
            Numbers of cars by make, family, trim and year.
        """
        has_year = isinstance(year, int | float) and year == year
        of_year = self._years[name.make, name.family, int(year)] if has_year else 0  # type: ignore[arg-type]
        return SupportCounts(*self._cached_counts(name), of_year)

    @cached_property
    def _cached_counts(self) -> Callable[[CarName], tuple[int, int, int]]:
        return weak_lru_cache(self._name_counts, size=CACHED_NAMES)

    def _name_counts(self, name: CarName) -> tuple[int, int, int]:
        """Count the cars of the make, the family and the trim."""
        family = (name.make, name.family)
        trim = " ".join(word for word in name.text.split() if word in self._words.get(name.make, ()))
        return self._makes[name.make], self.families.get(family, (0, 0))[1], self._trims[*family, trim]

    def unknown_words(self, name: CarName) -> list[str]:
        """List the words of a name that hardly any car of the make has; the model does not use them.

        Args:
            name: Parsed name of the car.

        Returns:
            The words in their order, without those of the family; empty where the make is unknown.
        """
        return self._cached_unknown_words(name)

    @cached_property
    def _cached_unknown_words(self) -> Callable[[CarName], list[str]]:
        return weak_lru_cache(self._unknown_words, size=CACHED_NAMES)

    def _unknown_words(self, name: CarName) -> list[str]:
        known = self._words.get(name.make)
        family = name.family.split()
        return [word for word in name.text.split() if known and word not in known and word not in family]

    @cached_property
    def _makes(self) -> Counter[str]:
        makes: Counter[str] = Counter()
        for (make, _), (_, rows) in self.families.items():
            makes[make] += rows
        return makes

    @cached_property
    def _trims(self) -> Counter[tuple[str, str, str]]:
        return self._counts("manufacturer", "family", "model")

    @cached_property
    def _years(self) -> Counter[tuple[str, str, int]]:
        return self._counts("manufacturer", "family", "year")

    @cached_property
    def _words(self) -> dict[str, set[str]]:
        words: dict[str, set[str]] = defaultdict(set)
        for make, _, text in self._trims:
            words[make].update(text.split())
        return dict(words)

    def _counts(self, *columns: str) -> Counter[Any]:
        return Counter(
            {tuple(row[:-1]): row[-1] for row in self.listings.group_by(columns).len().iter_rows()}
        )

    def as_bytes(self) -> bytes:
        """Serialize the listings.

        Returns:
            A Parquet file.
        """
        file = io.BytesIO()
        self.listings.write_parquet(file, compression="zstd", compression_level=12)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Comparables":
        """Read what `as_bytes` wrote.

        Args:
            content: A Parquet file.

        Returns:
            The indexed listings.

        Raises:
            ValueError: The content is not a Parquet file.
        """
        try:
            return cls.from_listings(pl.read_parquet(io.BytesIO(content)))
        except pl.exceptions.PolarsError as error:
            raise ValueError(f"comparables: expected a Parquet file: {error}") from error

    def _distances(self, listing: Listing, name: CarName, family: pl.DataFrame, *, rows: slice) -> Floats:
        """Compute the distance of the listing from each row of its family, in years."""
        year, odometer = _number(listing, "year"), _number(listing, "odometer")
        distance = pl.col("model").ne(name.text).cast(pl.Float64) * OTHER_TRIM_DISTANCE
        for field, usual in MARKET.usual.items():
            own = listing.get(field) or usual
            distance += pl.col(field).fill_null(usual).ne(own).cast(pl.Float64) * UNUSUAL_DISTANCE
        category_distance = family.select(distance).to_series()
        year_distance = np.abs(self.year[rows] - year)
        odometer_distance = np.abs(self.odometer[rows] - odometer) / ODOMETER_PER_YEAR
        distances: Floats = category_distance.to_numpy() + np.nan_to_num(year_distance)
        return distances + np.nan_to_num(odometer_distance, nan=UNKNOWN_ODOMETER_DISTANCE)


def fit_comparables(rows: pl.LazyFrame) -> Comparables:
    """Index the latest listing of every car; of more than `MAX_LISTINGS` listings, those of the newest days.

    Descriptions, identifiers and exact locations are left out. Of a model text, only words on at least
    `MIN_WORD_ROWS` rows of the make are kept, so that nothing personal is published.

    Args:
        rows: Training rows with `COLUMNS` and `car`, the identity of the car.

    Returns:
        The indexed listings.
    """
    columns = [name for name in rows.collect_schema().names() if name in {*STORED_COLUMNS, "car"}]
    if rows.select(pl.len()).collect(engine="streaming").item() > MAX_LISTINGS:
        rows = rows.filter(pl.col("posted_at").dt.date() >= _first_day(rows))
    frame = rows.select(columns).collect(engine="streaming")
    index, cells = distinct_cells(frame, NAME_FIELDS)
    names = [car_name(*row) for row in cells]
    texts = _common_texts(names, rows=np.bincount(index, minlength=len(names)).tolist())
    name_columns = pl.DataFrame(
        {
            "manufacturer": [name.make for name in names],
            "family": [name.family for name in names],
            "model": texts,
        }
    )
    other_columns = frame.select(
        *(name for name in STORED_COLUMNS if name not in {*NAME_FIELDS, "posted_at"}),
        "car",
        pl.col("posted_at").dt.date(),
    )
    cars = (
        pl.concat([name_columns[index], other_columns], how="horizontal")
        .filter(pl.col("manufacturer") != "", pl.col("family") != "", pl.col("model") != "")
        .sort("posted_at", "price", maintain_order=True)
        .unique("car", keep="last", maintain_order=True)
        .unique(DUPLICATE_KEY, keep="last", maintain_order=True)
        .sort("manufacturer", "family", "model", "year", "odometer", maintain_order=True)
    )
    return Comparables.from_listings(cars.select(*STORED_COLUMNS, "family"))


def _first_day(rows: pl.LazyFrame) -> date:
    """Find the day from which on there are `MAX_LISTINGS` listings at most; the newest day if it has more."""
    day = pl.col("posted_at").dt.date().alias("day")
    days = rows.group_by(day).len().collect(engine="streaming").drop_nulls().sort("day", descending=True)
    kept = days.filter(pl.col("len").cum_sum() <= MAX_LISTINGS)
    first: date = kept["day"][-1] if kept.height else days["day"][0]
    return first


def _common_texts(names: list[CarName], *, rows: list[int]) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for name, count in zip(names, rows, strict=True):
        for word in name.text.split():
            counts[name.make, word] += count
    return [
        " ".join(word for word in name.text.split() if counts[name.make, word] >= MIN_WORD_ROWS)
        for name in names
    ]


def _number(listing: Listing, field: str) -> float:
    value = listing.get(field)
    return float(value) if isinstance(value, int | float) else np.nan
