"""Which listings show the same car: by its VIN where the source has it, and by what is said of it."""

from functools import reduce
from operator import xor

import polars as pl

from carvalue.listings.schema import FIELDS

ADVERTISED_FIELDS = ("price", *(field.name for field in FIELDS))
"""What an advertisement says; its id, time and exact place do not count."""

ROUND_MILES = 1_000  # two cars of a kind often share a round mileage, hardly ever an exact one
DELIVERY_MILES = 10  # what new cars show; it tells nothing
MODEL_HEAD = (
    3  # letters: "f-150 xlt" and "f150 supercrew" are one car when make, year and exact mileage agree
)

VIN = r"^[A-HJ-NPR-Z0-9]{17}$"
TRAITS = ("paint_color", "title_status", "transmission", "drive", "cylinders", "type", "fuel")


def description_key() -> pl.Expr:
    """Give a key that is equal for advertisements which describe the same car.

    An exact mileage identifies a car together with make, year and the head of the model. A round one does so
    only with the full model and the car's traits; no mileage, or a new car's, only with the price as well.
    """
    miles, model = pl.col("odometer"), pl.col("model").str.replace_all(r"[^a-z0-9]+", "")
    tells = miles.is_not_null() & (miles > DELIVERY_MILES)
    exact = tells & (miles % ROUND_MILES != 0) & model.is_not_null()
    head = _key(model.str.slice(0, MODEL_HEAD))
    looks = _key(model, *(pl.col(trait) for trait in TRAITS))
    looks_and_price = _key(looks, pl.col("price"))
    detail = pl.when(exact).then(head).when(tells).then(looks).otherwise(looks_and_price)
    return _key(pl.col("manufacturer"), pl.col("year"), miles, detail)


def vin_key(vin: pl.Expr) -> pl.Expr:
    """Give a key of make, year and VIN; null without one, which placeholders (0, seventeen ones) are not."""
    vin = vin.str.strip_chars().str.to_uppercase()
    placeholder = vin.str.strip_chars_start(vin.str.slice(0, 1)) == ""
    known = vin.str.contains(VIN) & ~placeholder
    return pl.when(known).then(_key(vin, pl.col("manufacturer"), pl.col("year")))


def advertisement_key() -> pl.Expr:
    """Give a key that is equal for listings which say the very same thing, whichever id they bear."""
    return _key(*(pl.col(name) for name in ADVERTISED_FIELDS))


def link_cars(described: pl.Series, vin: pl.Series) -> pl.Series:
    """Join both keys: listings that share either are one car, through any number of steps."""
    keys = pl.DataFrame({"described": described, "vin": vin, "car": described})
    if keys["vin"].null_count() == keys.height:
        return keys["car"]
    while True:
        by_vin = pl.when(pl.col("vin").is_null()).then("car").otherwise(pl.col("car").min().over("vin"))
        linked = keys.with_columns(car=by_vin).with_columns(car=pl.col("car").min().over("described"))
        if linked["car"].equals(keys["car"]):
            return linked["car"]
        keys = linked


def _key(*parts: pl.Expr) -> pl.Expr:
    # each place has its seed, so that equal values do not cancel out; five times as quick as hashing a struct
    return reduce(xor, (part.hash(seed=place) for place, part in enumerate(parts)))
