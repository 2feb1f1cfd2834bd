"""Draw cars: model, trim, year, mileage, condition and the other fields, before errors are added."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from carvalue.listings.synthetic.catalogue import Catalogue, CatalogueModel, Floats, Ints

WordColumn = NDArray[np.object_]
"""A column of strings or None, shape (rows,)."""
Rng = np.random.Generator

NEWEST_YEAR = 2021
# relative number of cars on offer per model year, from 2021 back to 1985
_BY_AGE = (
    "6 46 60 87 87 72 74 71 73 56 48 37 27 40 34 29 23 19 15 11 9 7 6 5 4 3.5 3 2.5 2 2 1.5 1.5 1.2 1.2 1 1 1"
)
MILES_A_YEAR = 13_000.0

_CONDITIONS = {
    "good": 0.48,
    "excellent": 0.4,
    "like new": 0.085,
    "fair": 0.028,
    "new": 0.005,
    "salvage": 0.002,
}
_TITLES = {
    "clean": 0.9685,
    "rebuilt": 0.0172,
    "salvage": 0.0088,
    "lien": 0.0033,
    "missing": 0.0017,
    "parts only": 0.0005,
}
_COLORS = {
    "white": 0.27,
    "black": 0.212,
    "silver": 0.145,
    "blue": 0.105,
    "red": 0.102,
    "grey": 0.081,
    "green": 0.025,
    "custom": 0.023,
    "brown": 0.022,
    "yellow": 0.007,
    "orange": 0.006,
    "purple": 0.002,
}


@dataclass(frozen=True, kw_only=True)
class Cars:
    """Cars as columns of shape (cars,).

    Attributes:
        models: The model of each car.
        year: The model year.
        trim: The index of the trim among the model's trims.
        odometer: The mileage, in miles.
        condition: The condition.
        title_status: The status of the title.
        fuel: The fuel.
        cylinders: The number of cylinders, as text.
        drive: The driven wheels.
        transmission: The transmission.
        paint_color: The color.
        by_dealer: Whether a dealer sells the car.
        region: The index of the region in the catalogue.
    """

    models: tuple[CatalogueModel, ...]
    year: Ints
    trim: Ints
    odometer: Floats
    condition: WordColumn
    title_status: WordColumn
    fuel: WordColumn
    cylinders: WordColumn
    drive: WordColumn
    transmission: WordColumn
    paint_color: WordColumn
    by_dealer: NDArray[np.bool_]
    region: Ints

    @property
    def age(self) -> Floats:
        """The age at the end of the sample's month, in years, at least 0, shape (cars,)."""
        return ages(self.year)


def draw_cars(rng: Rng, catalogue: Catalogue, *, count: int) -> Cars:
    """Draw cars from the catalogue.

    Args:
        rng: The random generator.
        catalogue: The models and regions.
        count: The number of cars.

    Returns:
        The cars.
    """
    chosen = rng.choice(len(catalogue.models), size=count, p=catalogue.model_shares)
    models = tuple(catalogue.models[index] for index in chosen)
    year = _years(rng, catalogue, chosen)
    age = ages(year)
    return Cars(
        models=models,
        year=year,
        trim=_trims(rng, catalogue, chosen),
        odometer=np.round(expected_miles(age) * rng.lognormal(0.0, 0.38, count)).clip(3, 390_000),
        condition=_conditions(rng, age),
        title_status=_categories(rng, _TITLES, count),
        fuel=_first_mostly(rng, [model.fuels for model in models], first=0.8),
        cylinders=_first_mostly(rng, [model.cylinders for model in models], first=0.62),
        drive=_first_mostly(rng, [model.drives for model in models], first=0.62),
        transmission=_transmissions(rng, models, age),
        paint_color=_categories(rng, _COLORS, count),
        by_dealer=rng.random(count) < 0.55,
        region=rng.choice(len(catalogue.regions), size=count, p=catalogue.region_shares),
    )


def ages(year: Ints) -> Floats:
    """Compute ages at the end of the sample's month.

    Args:
        year: Model years, shape (cars,).

    Returns:
        Ages in years, at least 0, shape (cars,).
    """
    return np.asarray(NEWEST_YEAR + 0.3 - year, dtype=np.float64).clip(0.0)


def expected_miles(age: Floats) -> Floats:
    """Compute the median mileage by age; old cars are driven fewer miles a year than new ones.

    Args:
        age: Ages in years, shape (cars,).

    Returns:
        Miles, shape (cars,).
    """
    return np.asarray(MILES_A_YEAR * age**0.93 + 2_000.0, dtype=np.float64)


def _years(rng: Rng, catalogue: Catalogue, chosen: Ints) -> Ints:
    by_age = np.asarray(_BY_AGE.split(), dtype=np.float64)
    years = NEWEST_YEAR - np.arange(len(by_age))
    first = np.asarray([model.first_year for model in catalogue.models])[:, None]
    last = np.asarray([model.last_year for model in catalogue.models])[:, None]
    built = np.where((years >= first) & (years <= last), by_age, 0.0)
    cumulative = np.cumsum(built, axis=1) / built.sum(axis=1, keepdims=True)
    steps = (cumulative[chosen] < rng.random(len(chosen))[:, None]).sum(axis=1)
    return np.asarray(years[steps], dtype=np.int64)


def _trims(rng: Rng, catalogue: Catalogue, chosen: Ints) -> Ints:
    """Draw trims; the closer a trim's price to the list price, the more frequent it is."""
    draws = rng.random(len(chosen)).tolist()
    cumulative = [np.cumsum(np.exp(-4.0 * np.abs(np.log(model.trim_factors)))) for model in catalogue.models]
    picks = [
        int(np.searchsorted(cumulative[index], u * cumulative[index][-1]))
        for index, u in zip(chosen.tolist(), draws, strict=True)
    ]
    return np.asarray(picks, dtype=np.int64)


def _conditions(rng: Rng, age: Floats) -> WordColumn:
    conditions = _categories(rng, _CONDITIONS, len(age))
    too_old = (age > 4) & (conditions == "new")
    worn = (age > 15) & (rng.random(len(age)) < 0.1)
    return np.where(worn, "fair", np.where(too_old, "excellent", conditions)).astype(object)


def _transmissions(rng: Rng, models: Sequence[CatalogueModel], age: Floats) -> WordColumn:
    sporty = np.asarray([model.type in {"coupe", "convertible"} for model in models])
    electric = np.asarray([model.fuels[0] == "electric" for model in models])
    manual_share = np.where(electric, 0.0, np.where(sporty, 0.22, 0.02) + 0.004 * age.clip(0, 20))
    return np.where(rng.random(len(age)) < manual_share, "manual", "automatic").astype(object)


def _categories(rng: Rng, shares: dict[str, float], count: int) -> WordColumn:
    weights = np.asarray(list(shares.values()))
    return rng.choice(np.asarray(list(shares), dtype=object), size=count, p=weights / weights.sum())


def _first_mostly(rng: Rng, options: Sequence[tuple[str, ...]], *, first: float) -> WordColumn:
    """Choose the first option with probability `first`, or else any of the others."""
    count = len(options)
    takes_first, other = rng.random(count) < first, rng.random(count)
    picks = [
        choices[0] if is_first or len(choices) == 1 else choices[1 + int(u * (len(choices) - 1))]
        for choices, is_first, u in zip(options, takes_first, other, strict=True)
    ]
    return np.asarray(picks, dtype=object)
