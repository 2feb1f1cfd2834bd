"""The usual car of the training rows: what every price is explained against."""

import polars as pl

from carvalue.listings import FIELDS, CategoryField, Listing
from carvalue.pricing.features import NAME_FIELDS, CarName, car_name, distinct_cells

NEAR = 0.05  # a family whose median price is this near to the market's costs what a usual car costs
WORDS = tuple(
    field.name
    for field in FIELDS
    if isinstance(field, CategoryField) and field.name not in {*NAME_FIELDS, "region"}
)


def fit_reference_car(frame: pl.DataFrame) -> Listing:
    """Put together a car of usual name, year, miles and words out of rows with prices.

    The name is the most frequent family among those that cost what the market costs, the words are what most
    cars of that family have, year and miles are the medians of all rows.
    """
    where, cells = distinct_cells(frame, NAME_FIELDS)
    names = [car_name(*row) for row in cells]
    keys = pl.Series("key", [_key(name) for name in names], dtype=pl.String)[where]
    family = frame.filter(keys == _usual_family(keys, frame["price"]))
    name = car_name(*family.select(NAME_FIELDS).row(0))
    words = {field: _most_frequent(family[field]) for field in WORDS}
    place = family.filter(pl.col("state") == words["state"]) if words["state"] else family
    return {
        "manufacturer": name.make,
        "model": name.family,
        "year": _median(frame["year"], to=1),
        "odometer": _median(frame["odometer"], to=1_000),
        **words,
        "region": _most_frequent(place["region"]),
    }


def _key(name: CarName) -> str | None:
    return f"{name.make}|{name.family}" if name.make and name.family else None


def _usual_family(keys: pl.Series, price: pl.Series) -> str:
    families = (
        pl.DataFrame({"key": keys, "price": price})
        .drop_nulls()
        .group_by("key")
        .agg(pl.len().alias("rows"), (pl.col("price").median() / price.median() - 1).abs().alias("off"))
        .sort(pl.col("off") > NEAR, -pl.col("rows").cast(pl.Int64), "key")
    )
    return str(families["key"][0])


def _most_frequent(words: pl.Series) -> str | None:
    counted = words.drop_nulls().value_counts(name="rows").sort("rows", words.name, descending=[True, False])
    return None if counted.is_empty() else str(counted[words.name][0])


def _median(numbers: pl.Series, *, to: int) -> int:
    return round(float(numbers.median() or 0) / to) * to  # type: ignore[arg-type]
