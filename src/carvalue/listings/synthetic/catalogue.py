"""The packaged tables that the sample is drawn from: models with list prices and trims, and regions."""

import csv
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# makes that Craigslist's list of manufacturers lacks: their listings have the make in the model's text
UNLISTED_MAKES = frozenset(
    "scion smart genesis hummer saab maserati suzuki isuzu oldsmobile freightliner bentley".split()
)


@dataclass(frozen=True, kw_only=True)
class CatalogueModel:
    """One car model.

    Attributes:
        make: The make.
        model: The model's name.
        list_price: The price of a new car, in 2021 dollars.
        type: The body type.
        drives: Available drives, the most frequent first.
        cylinders: Available numbers of cylinders, the most frequent first.
        fuels: Available fuels, the most frequent first.
        first_year: The first model year.
        last_year: The last model year.
        weight: The relative frequency among listings.
        kept_a_year: The share of the price that remains after each year.
        trims: The trims' names.
        trim_factors: The price of each trim, relative to the list price.
    """

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
    """A Craigslist region.

    Attributes:
        name: The region's name.
        state: The two-letter code of the state.
        lat: The latitude, in degrees.
        long: The longitude, in degrees.
        weight: The relative frequency among listings.
        utc_offset_h: The offset from UTC in summer, in hours.
    """

    name: str
    state: str
    lat: float
    long: float
    weight: float
    utc_offset_h: int


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """The models and regions that the generator draws from."""

    models: tuple[CatalogueModel, ...]
    """All models."""
    regions: tuple[Region, ...]
    """All regions."""

    @property
    def model_shares(self) -> Floats:
        """The share of each model among listings, shape (models,); sums to 1."""
        return _shares([model.weight for model in self.models])

    @property
    def region_shares(self) -> Floats:
        """The share of each region among listings, shape (regions,); sums to 1."""
        return _shares([region.weight for region in self.regions])


def load_catalogue() -> Catalogue:
    """Read the packaged tables.

    Returns:
        The models and regions.

    Example:
        >>> catalogue = load_catalogue()
        >>> next(model for model in catalogue.models if model.model == "camry").make
        'toyota'
        >>> round(float(catalogue.model_shares.sum()), 6)
        1.0
    """
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
