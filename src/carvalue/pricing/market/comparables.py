"""The most similar real listings of the training rows: same make and family, near in year and miles."""

import io
from collections import Counter
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import Listing
from carvalue.pricing.features import NAME_FIELDS, CarName, car_name, distinct_cells

LIMIT = 12
YEAR_APART, MILES_APART = 1.0, 12_000.0  # a year counts as much as what a usual car is driven in one
MILES_NOT_GIVEN, OTHER_TRIM, OTHER_TITLE = 2.0, 1.0, 3.0  # in years apart
COMMON_WORD = 20  # rows of the make; a rarer word of a seller's text may be a name or a number of his own

LOOKS_ALIKE = "manufacturer family model year odometer title_status state region".split()
"""Advertisements that agree in all of this show a reader the same car, at most at another price."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Comparable:
    """One advertised car and what was asked for it, in dollars."""

    manufacturer: str
    model: str
    year: int
    odometer: int | None
    condition: str | None
    title_status: str | None
    state: str | None
    region: str | None
    price: int
    posted_at: date


COLUMNS = tuple(item.name for item in fields(Comparable))


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparables:
    """Every car of the training rows once, in its last advertisement; cars of a family lie together."""

    listings: pl.DataFrame
    """`COLUMNS` and `family`, in order of manufacturer and family."""
    families: dict[tuple[str, str], tuple[int, int]]
    """Make and family -> first row, rows."""
    year: Floats
    odometer: Floats

    @classmethod
    def of(cls, listings: pl.DataFrame) -> "Comparables":
        """Prepare the look-up."""
        counted = listings.group_by("manufacturer", "family", maintain_order=True).len()
        starts = np.cumsum([0, *counted["len"].to_list()]).tolist()
        return cls(
            listings=listings,
            families={
                (make, family): (start, rows)
                for (make, family, rows), start in zip(counted.iter_rows(), starts[:-1], strict=True)
            },
            year=listings["year"].cast(pl.Float64).to_numpy(),
            odometer=listings["odometer"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        )

    def nearest(self, listing: Listing, *, limit: int = LIMIT) -> tuple[Comparable, ...]:
        """Find the most similar cars, the nearest first; none where make or family is not known."""
        name = car_name(listing.get("manufacturer"), listing.get("model"))
        start, rows = self.families.get((name.make, name.family), (0, 0))
        family = self.listings.slice(start, rows)
        apart = self._apart(listing, name, family, part=slice(start, start + rows))
        nearest = np.argsort(apart, kind="stable")[:limit]
        return tuple(Comparable(**row) for row in family.select(COLUMNS)[nearest].to_dicts())

    def as_bytes(self) -> bytes:
        """Write Parquet."""
        file = io.BytesIO()
        self.listings.write_parquet(file, compression="zstd", compression_level=12)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "Comparables":
        """Read what `as_bytes` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            return cls.of(pl.read_parquet(io.BytesIO(content)))
        except pl.exceptions.PolarsError as error:
            raise ValueError(f"no comparables: {error}") from error

    def _apart(self, listing: Listing, name: CarName, family: pl.DataFrame, *, part: slice) -> Floats:
        """How unlike the listing each car of its family is, in years apart."""
        year, miles = _number(listing, "year"), _number(listing, "odometer")
        title = listing.get("title_status") or "clean"
        words = family.select(
            pl.col("model").ne(name.text).cast(pl.Float64) * OTHER_TRIM
            + pl.col("title_status").fill_null("clean").ne(title).cast(pl.Float64) * OTHER_TITLE
        ).to_series()
        years_apart = np.abs(self.year[part] - year) / YEAR_APART
        miles_apart = np.abs(self.odometer[part] - miles) / MILES_APART
        return words.to_numpy() + np.nan_to_num(years_apart) + np.nan_to_num(miles_apart, nan=MILES_NOT_GIVEN)


def fit_comparables(frame: pl.DataFrame) -> Comparables:
    """Keep every car's last advertisement, without texts, ids and exact places.

    Of the seller's model text stay the words that many sellers of the make use.
    """
    where, cells = distinct_cells(frame, NAME_FIELDS)
    names = [car_name(*row) for row in cells]
    texts = _common_texts(names, rows=np.bincount(where, minlength=len(names)).tolist())
    named = pl.DataFrame(
        {
            "manufacturer": [name.make for name in names],
            "family": [name.family for name in names],
            "model": texts,
        }
    )
    told = frame.select(
        *(name for name in COLUMNS if name not in {*NAME_FIELDS, "posted_at"}),
        "car",
        pl.col("posted_at").dt.date(),
    )
    cars = (
        pl.concat([named[where], told], how="horizontal")
        .filter(pl.col("manufacturer") != "", pl.col("family") != "", pl.col("model") != "")
        .sort("posted_at", "price", maintain_order=True)
        .unique("car", keep="last", maintain_order=True)
        .unique(LOOKS_ALIKE, keep="last", maintain_order=True)
        .sort("manufacturer", "family", "model", "year", "odometer", maintain_order=True)
    )
    return Comparables.of(cars.select(*COLUMNS, "family"))


def _common_texts(names: list[CarName], *, rows: list[int]) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for name, times in zip(names, rows, strict=True):
        for word in name.text.split():
            counts[name.make, word] += times
    return [
        " ".join(word for word in name.text.split() if counts[name.make, word] >= COMMON_WORD)
        for name in names
    ]


def _number(listing: Listing, field: str) -> float:
    value = listing.get(field)
    return float(value) if isinstance(value, int | float) else np.nan
