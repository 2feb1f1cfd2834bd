"""Build the reference car: the listing that every price is explained against."""

import polars as pl

from carvalue.listings import (
    CATEGORY_FIELDS,
    NAME_FIELDS,
    NUMBER_FIELDS,
    OPEN_PLACES,
    PLACES,
    Listing,
    NumberField,
)
from carvalue.pricing.features import CarName, car_name, distinct_cells

MAX_PRICE_GAP = 0.05  # share by which a typical family's median price may differ from the market's


def fit_reference_car(frame: pl.DataFrame) -> Listing:
    """Build a listing of typical values.

    The name is the most frequent model family among those whose median price is close to the market's. The
    categories are the most frequent ones of that family, the region that of its state. Numbers are the
    medians of all rows.

    Args:
        frame: Training rows with `price` and all fields of a listing.

    Returns:
        A listing with every field; a value is None if no row has one.
    """
    index, cells = distinct_cells(frame, NAME_FIELDS)
    names = [car_name(*row) for row in cells]
    keys = pl.Series("key", [_family_key(name) for name in names], dtype=pl.String)[index]
    typical = _typical_family(keys, frame["price"])
    family = frame if typical is None else frame.filter(keys == typical)
    name = car_name(*family.select(NAME_FIELDS).row(0))
    categories = {field.name: _most_frequent(family, field.name) for field in CATEGORY_FIELDS}
    places = {place: categories[place] for place in PLACES if categories[place]}
    near = family.filter(**places) if places else family
    return {
        "manufacturer": name.make or None,
        "model": name.family or None,
        **{field.name: _rounded_median(frame, field) for field in NUMBER_FIELDS},
        **categories,
        **{place: _most_frequent(near, place) for place in OPEN_PLACES},
    }


def _family_key(name: CarName) -> str | None:
    return f"{name.make}|{name.family}" if name.make and name.family else None


def _typical_family(keys: pl.Series, price: pl.Series) -> str | None:
    families = (
        pl.DataFrame({"key": keys, "price": price})
        .drop_nulls()
        .group_by("key")
        .agg(pl.len().alias("rows"), (pl.col("price").median() / price.median() - 1).abs().alias("gap"))
        .sort(pl.col("gap") > MAX_PRICE_GAP, -pl.col("rows").cast(pl.Int64), "key")
    )
    return None if families.is_empty() else str(families["key"][0])


def _most_frequent(rows: pl.DataFrame, name: str) -> str | None:
    """Find the most frequent value of a column; of equally frequent ones, the first in alphabetical order.

    Examples:
        >>> _most_frequent(pl.DataFrame({"fuel": ["gas", None, "gas", "diesel"]}), "fuel")
        'gas'
    """
    if name not in rows.columns:
        return None
    counts = rows[name].drop_nulls().value_counts(name="rows").sort("rows", name, descending=[True, False])
    return None if counts.is_empty() else str(counts[name][0])


def _rounded_median(rows: pl.DataFrame, field: NumberField) -> int | None:
    median = rows[field.name].median() if field.name in rows.columns else None
    return None if median is None else round(float(median) / field.step) * field.step  # type: ignore[arg-type]
