"""Compute asking prices: a function of the car's fields, plus random effects that no field explains."""

import numpy as np

from carvalue.listings.synthetic.cars import Cars, Rng, expected_miles
from carvalue.listings.synthetic.catalogue import Catalogue, CatalogueModel, Floats, Ints

# all effects are in log dollars: -0.3 is about a quarter less
FIRST_YEAR_DROP = 0.07
SLOWER_AFTER_YEARS = 17.0  # after this age a car loses half as much per year
LOSS_PER_100K_MILES = 0.36
_CONDITION = {"new": 0.08, "like new": 0.07, "excellent": 0.03, "good": 0.0, "fair": -0.32, "salvage": -0.8}
_TITLE = {"clean": 0.0, "rebuilt": -0.3, "salvage": -0.45, "lien": -0.08, "missing": -0.4, "parts only": -1.1}
_COLOR = {"white": 0.01, "black": 0.015, "green": -0.03, "brown": -0.03, "purple": -0.04, "yellow": 0.02}
_STATE = {"ak": 0.1, "hi": 0.09, "mt": 0.06, "wa": 0.05, "or": 0.05, "ca": 0.04, "id": 0.04, "co": 0.03}
_STATE |= {"fl": -0.02, "oh": -0.03, "ny": -0.03, "ma": -0.02, "mi": -0.03, "in": -0.03, "pa": -0.03}
DEALER = 0.04
SELLER_SCALE = 0.08  # scale of a Student t distribution with 3 degrees of freedom
GROSS_SHARE, GROSS_SCALE = 0.015, 0.6  # damage, upgrades and unrealistic prices that no field explains


def ask_prices(rng: Rng, cars: Cars, catalogue: Catalogue) -> Ints:
    """Compute an asking price for each car, with typical endings such as 7,995.

    Args:
        rng: The random generator.
        cars: The cars.
        catalogue: The models and regions.

    Returns:
        Whole dollars, shape (cars,).
    """
    log_value = _new(cars) + _age_and_miles(cars) + _state_of_the_car(cars) + _equipment(cars)
    states = [catalogue.regions[index].state for index in cars.region]
    state_effect = np.asarray([_STATE.get(state, 0.0) for state in states])
    log_price = log_value + state_effect + DEALER * cars.by_dealer + _noise(rng, len(log_value))
    return _endings(rng, np.exp(log_price), cars)


def _new(cars: Cars) -> Floats:
    new = [
        model.list_price * model.trim_factors[trim]
        for model, trim in zip(cars.models, cars.trim, strict=True)
    ]
    return np.asarray(np.log(new), dtype=np.float64)


def _age_and_miles(cars: Cars) -> Floats:
    kept = np.log([model.kept_a_year for model in cars.models])
    slow = np.maximum(cars.age - SLOWER_AFTER_YEARS, 0.0)
    drop = FIRST_YEAR_DROP * np.minimum(cars.age, 1.0)
    more_miles = (cars.odometer - expected_miles(cars.age)) / 100_000
    effect = kept * (cars.age - slow / 2) - drop - LOSS_PER_100K_MILES * more_miles.clip(-1.2, 2.0)
    return np.asarray(effect, dtype=np.float64)


def _state_of_the_car(cars: Cars) -> Floats:
    condition = np.asarray([_CONDITION[word] for word in cars.condition])
    title = np.asarray([_TITLE[word] for word in cars.title_status])
    color = np.asarray([_COLOR.get(word, 0.0) for word in cars.paint_color])
    return np.asarray(condition + title + color, dtype=np.float64)


def _equipment(cars: Cars) -> Floats:
    columns = (cars.models, cars.drive, cars.fuel, cars.cylinders, cars.transmission)
    return np.asarray([_equipment_of(*car) for car in zip(*columns, strict=True)])


def _equipment_of(model: CatalogueModel, drive: str, fuel: str, cylinders: str, transmission: str) -> float:
    is_utility = model.type in {"SUV", "pickup", "truck"}
    sporty = model.type in {"coupe", "convertible"}
    effect = 0.0
    if drive == "4wd" and len(model.drives) > 1:
        effect += 0.1 if is_utility else 0.05
    if fuel in {"diesel", "hybrid"} and len(model.fuels) > 1:
        effect += 0.15 if fuel == "diesel" and is_utility else 0.05
    if len(model.cylinders) > 1:
        effect += 0.03 * (float(cylinders) - float(model.cylinders[0]))
    if transmission == "manual":
        effect += 0.06 if sporty else -0.05
    return effect


def _noise(rng: Rng, count: int) -> Floats:
    gross = np.where(rng.random(count) < GROSS_SHARE, rng.normal(0.0, GROSS_SCALE, count), 0.0)
    return (SELLER_SCALE * rng.standard_t(3, count)).clip(-1.5, 1.5) + gross


def _endings(rng: Rng, price: Floats, cars: Cars) -> Ints:
    """Round to typical endings: 7,995 or 29,990 for dealers, 4,500 for private sellers."""
    private_step = np.where(price < 3_000, 100.0, 500.0)
    dealer_end = rng.choice(np.asarray([5.0, 10.0, 1.0, 0.0]), size=len(price), p=[0.45, 0.35, 0.1, 0.1])
    step = np.where(cars.by_dealer, 500.0, private_step)
    rounded = np.maximum(np.round(price / step), 1.0) * step
    exact = rng.random(len(price)) < 0.2
    asking = np.where(exact, np.round(price), rounded - np.where(cars.by_dealer, dealer_end, 0.0))
    return asking.clip(300, None).astype(np.int64)
