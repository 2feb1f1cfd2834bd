"""Record linkage: find listings of the same car by its VIN and by a key of its description."""

from functools import reduce
from operator import xor

import polars as pl

from carvalue.listings.schema import DISTANCE, FIELDS, MARKET, SOURCE_COLUMNS

ADVERTISED_FIELDS = ("price", *(field.name for field in FIELDS))
"""The columns whose values identify an advertisement; id, posting time and coordinates are left out."""

# two similar cars often share a reading rounded to thousands, hardly ever an exact one
ROUND_DISTANCE = 1_000
DELIVERY_DISTANCE = DISTANCE.from_miles(10)  # new cars show at most this, so it does not identify a car
MODEL_HEAD = (
    3  # letters: "f-150 xlt" and "f150 supercrew" are one car when make, year and exact mileage agree
)

VIN_PATTERN = r"^[A-HJ-NPR-Z0-9]{17}$"
TRAITS = (
    *MARKET.identity,
    # last, because the hash of a trait depends on its position: the keys of the market's files stay
    *(field.name for field in FIELDS if field.name not in SOURCE_COLUMNS),
)


def description_key() -> pl.Expr:
    """Build a key that is equal for advertisements that describe the same car.

    An exact mileage identifies a car together with make, year and the first letters of the model. A mileage
    rounded to thousands does so only together with the full model and the car's traits, and a missing mileage
    or that of a new car only if the price is equal as well.

    Returns:
        An expression of type UInt64 on a frame with the columns `ADVERTISED_FIELDS`.

    Example:
        >>> import polars as pl
        >>> from carvalue.listings import FIELDS
        >>> car = {field.name: None for field in FIELDS}
        >>> car |= {"manufacturer": "ford", "year": 2017, "odometer": 61_234, "price": 21_000}
        >>> listings = pl.DataFrame(
        ...     [
        ...         car | {"model": "f-150 xlt"},
        ...         car | {"model": "f150 supercrew", "price": 20_500},
        ...         car | {"model": "f-150 xlt", "odometer": 61_235},
        ...     ]
        ... )
        >>> first, reworded, other_mileage = listings.select(description_key()).to_series()
        >>> first == reworded, first == other_mileage
        (True, False)
    """
    distance, model = pl.col("odometer"), pl.col("model").str.replace_all(r"[^a-z0-9]+", "")
    is_used = distance.is_not_null() & (distance > DELIVERY_DISTANCE)
    exact = is_used & (distance % ROUND_DISTANCE != 0) & model.is_not_null()
    head = _key(model.str.slice(0, MODEL_HEAD))
    traits = _key(model, *(pl.col(trait) for trait in TRAITS))
    traits_and_price = _key(traits, pl.col("price"))
    detail = pl.when(exact).then(head).when(is_used).then(traits).otherwise(traits_and_price)
    return _key(pl.col("manufacturer"), pl.col("year"), distance, detail)


def vin_key(vin: pl.Expr) -> pl.Expr:
    """Build a key of make, model year and vehicle identification number (VIN).

    Args:
        vin: The raw VIN, as text.

    Returns:
        An expression of type UInt64 on a frame with the columns `manufacturer` and `year`; null where the VIN
        is missing, malformed or a placeholder of one repeated character.

    Example:
        >>> import polars as pl
        >>> listings = pl.DataFrame(
        ...     {
        ...         "manufacturer": ["honda"] * 3,
        ...         "year": [2015] * 3,
        ...         "VIN": ["1hgcr2f3xfa027534", " 1HGCR2F3XFA027534", "11111111111111111"],
        ...     }
        ... )
        >>> lower_case, upper_case, placeholder = listings.select(vin_key(pl.col("VIN"))).to_series()
        >>> lower_case == upper_case, placeholder
        (True, None)
    """
    vin = vin.str.strip_chars().str.to_uppercase()
    placeholder = vin.str.strip_chars_start(vin.str.slice(0, 1)) == ""
    known = vin.str.contains(VIN_PATTERN) & ~placeholder
    return pl.when(known).then(_key(vin, pl.col("manufacturer"), pl.col("year")))


def advertisement_key() -> pl.Expr:
    """Build a key that is equal for listings with the same content, even if their ids differ.

    Returns:
        An expression of type UInt64 on a frame with the columns `ADVERTISED_FIELDS`.
    """
    return _key(*(pl.col(name) for name in ADVERTISED_FIELDS))


def link_cars(described: pl.Series, vin: pl.Series) -> pl.Series:
    """Assign a car to each listing: the connected components of listings that share a key.

    Args:
        described: The description key of each listing, shape (rows,).
        vin: The VIN key of each listing, null where not known, shape (rows,).

    Returns:
        One key per listing, equal for listings of the same car, shape (rows,).

    Example:
        The first two listings share a description, the last two share a VIN: all three show one car.

        >>> import polars as pl
        >>> link_cars(pl.Series([7, 7, 9]), pl.Series([None, 5, 5])).to_list()
        [7, 7, 7]
    """
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
    # a seed per position, so that equal values do not cancel out; five times as fast as hashing a struct
    return reduce(xor, (part.hash(seed=position) for position, part in enumerate(parts)))
