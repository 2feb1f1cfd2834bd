"""What the sample draws from: models with list price, trims and years, and the regions they stand in."""

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# makes that the source's own list of manufacturers lacks: there the model's text names the make
UNLISTED_MAKES = frozenset(
    "scion smart genesis hummer saab maserati suzuki isuzu oldsmobile freightliner bentley".split()
)


@dataclass(frozen=True, kw_only=True)
class CatalogueModel:
    """One model: what it costs new in 2021 dollars, and what it comes with."""

    make: str
    model: str
    list_price: float
    type: str
    drives: tuple[str, ...]
    cylinders: tuple[str, ...]
    fuels: tuple[str, ...]
    first_year: int
    last_year: int
    weight: float
    kept_a_year: float
    trims: tuple[str, ...]
    trim_factors: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Region:
    """A Craigslist region and where it lies."""

    name: str
    state: str
    lat: float
    long: float
    weight: float
    utc_offset_h: int


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """Everything that the generator draws from."""

    models: tuple[CatalogueModel, ...]
    regions: tuple[Region, ...]

    @property
    def model_shares(self) -> Floats:
        """How often each model is offered; sums to 1."""
        return _shares([model.weight for model in self.models])

    @property
    def region_shares(self) -> Floats:
        """How many listings each region holds; sums to 1."""
        return _shares([region.weight for region in self.regions])


def load_catalogue() -> Catalogue:
    """Read the packaged tables."""
    return Catalogue(
        models=tuple(_model(row) for row in _rows("catalogue.csv")),
        regions=tuple(_region(row) for row in _rows("regions.csv")),
    )


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath("resources", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _model(row: dict[str, str]) -> CatalogueModel:
    trims = [trim.rpartition(":") for trim in row["trims"].split(";")]
    return CatalogueModel(
        make=row["make"],
        model=row["model"],
        list_price=float(row["list_price"]),
        type=row["type"],
        drives=tuple(row["drives"].split(";")),
        cylinders=tuple(row["cylinders"].split(";")),
        fuels=tuple(row["fuel"].split(";")),
        first_year=int(row["first"]),
        last_year=int(row["last"]),
        weight=float(row["weight"]),
        kept_a_year=float(row["kept_a_year"]),
        trims=tuple(name for name, _, _ in trims),
        trim_factors=tuple(float(factor) for _, _, factor in trims),
    )


def _region(row: dict[str, str]) -> Region:
    return Region(
        name=row["region"],
        state=row["state"],
        lat=float(row["lat"]),
        long=float(row["long"]),
        weight=float(row["weight"]),
        utc_offset_h=int(row["utc_offset_h"]),
    )


def _shares(weights: list[float]) -> Floats:
    array = np.asarray(weights, dtype=np.float64)
    return np.asarray(array / array.sum(), dtype=np.float64)
