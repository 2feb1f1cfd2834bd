"""What the sample's sellers ask: a believable function of the car, plus what no listing tells."""

import numpy as np

from carvalue.listings.synthetic.cars import Cars, Rng, expected_miles
from carvalue.listings.synthetic.catalogue import Catalogue, CatalogueModel, Floats, Ints

# all effects are in the logarithm of the price: -0.3 means about a quarter less
FIRST_YEAR_DROP = 0.07
SLOWER_AFTER_YEARS = 17.0  # past that age a car loses half as much a year
LOSS_PER_100K_MILES = 0.36
_CONDITION = {"new": 0.08, "like new": 0.07, "excellent": 0.03, "good": 0.0, "fair": -0.32, "salvage": -0.8}
_TITLE = {"clean": 0.0, "rebuilt": -0.3, "salvage": -0.45, "lien": -0.08, "missing": -0.4, "parts only": -1.1}
_COLOR = {"white": 0.01, "black": 0.015, "green": -0.03, "brown": -0.03, "purple": -0.04, "yellow": 0.02}
_STATE = {"ak": 0.1, "hi": 0.09, "mt": 0.06, "wa": 0.05, "or": 0.05, "ca": 0.04, "id": 0.04, "co": 0.03}
_STATE |= {"fl": -0.02, "oh": -0.03, "ny": -0.03, "ma": -0.02, "mi": -0.03, "in": -0.03, "pa": -0.03}
DEALER = 0.04
SELLER_SCALE = 0.08  # of a Student t with 3 degrees: most sellers agree, a few do not
GROSS_SHARE, GROSS_SCALE = 0.015, 0.6  # damage, upgrades and hopes that no field tells


def ask_prices(rng: Rng, cars: Cars, catalogue: Catalogue) -> Ints:
    """Say what each car is offered for, in whole dollars with the endings that sellers like."""
    worth = _new(cars) + _age_and_miles(cars) + _state_of_the_car(cars) + _equipment(cars)
    states = [catalogue.regions[index].state for index in cars.region]
    place = np.asarray([_STATE.get(state, 0.0) for state in states])
    return _endings(rng, np.exp(worth + place + DEALER * cars.by_dealer + _noise(rng, len(worth))), cars)


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
    worth = kept * (cars.age - slow / 2) - drop - LOSS_PER_100K_MILES * more_miles.clip(-1.2, 2.0)
    return np.asarray(worth, dtype=np.float64)


def _state_of_the_car(cars: Cars) -> Floats:
    condition = np.asarray([_CONDITION[word] for word in cars.condition])
    title = np.asarray([_TITLE[word] for word in cars.title_status])
    color = np.asarray([_COLOR.get(word, 0.0) for word in cars.paint_color])
    return np.asarray(condition + title + color, dtype=np.float64)


def _equipment(cars: Cars) -> Floats:
    columns = (cars.models, cars.drive, cars.fuel, cars.cylinders, cars.transmission)
    return np.asarray([_equipment_of(*car) for car in zip(*columns, strict=True)])


def _equipment_of(model: CatalogueModel, drive: str, fuel: str, cylinders: str, transmission: str) -> float:
    works = model.type in {"SUV", "pickup", "truck"}
    sporty = model.type in {"coupe", "convertible"}
    effect = 0.0
    if drive == "4wd" and len(model.drives) > 1:
        effect += 0.1 if works else 0.05
    if fuel in {"diesel", "hybrid"} and len(model.fuels) > 1:
        effect += 0.15 if fuel == "diesel" and works else 0.05
    if len(model.cylinders) > 1:
        effect += 0.03 * (float(cylinders) - float(model.cylinders[0]))
    if transmission == "manual":
        effect += 0.06 if sporty else -0.05
    return effect


def _noise(rng: Rng, count: int) -> Floats:
    gross = np.where(rng.random(count) < GROSS_SHARE, rng.normal(0.0, GROSS_SCALE, count), 0.0)
    return (SELLER_SCALE * rng.standard_t(3, count)).clip(-1.5, 1.5) + gross


def _endings(rng: Rng, price: Floats, cars: Cars) -> Ints:
    """Round to what sellers write: 7,995 or 29,990 at a dealer, 4,500 at the kerb."""
    kerb = np.where(price < 3_000, 100.0, 500.0)
    dealer_end = rng.choice(np.asarray([5.0, 10.0, 1.0, 0.0]), size=len(price), p=[0.45, 0.35, 0.1, 0.1])
    step = np.where(cars.by_dealer, 500.0, kerb)
    rounded = np.maximum(np.round(price / step), 1.0) * step
    exact = rng.random(len(price)) < 0.2
    asked = np.where(exact, np.round(price), rounded - np.where(cars.by_dealer, dealer_end, 0.0))
    return asked.clip(300, None).astype(np.int64)
