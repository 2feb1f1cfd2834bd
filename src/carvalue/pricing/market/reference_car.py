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
from carvalue.pricing.features import CarName, car_name

FAMILY_COLUMNS = (*NAME_FIELDS, *(field.name for field in CATEGORY_FIELDS))
MAX_PRICE_GAP = 0.05  # share by which a typical family's median price may differ from the market's


def fit_reference_car(rows: pl.LazyFrame) -> Listing:
    """Build a listing of typical values.

    The name is the most frequent model family among those whose median price is close to the market's. The
    categories are the most frequent ones of that family, the region that of its state. Numbers are the
    medians of all rows.

    Args:
        rows: Training rows with `price` and all fields of a listing.

    Returns:
        A listing with every field; a value is None if no row has one.
    """
    names = rows.select(NAME_FIELDS).unique().collect(engine="streaming").sort(NAME_FIELDS)
    keys = [_family_key(car_name(*cells)) for cells in names.iter_rows()]
    names = names.with_columns(key=pl.Series(keys, dtype=pl.String))
    typical = _typical_family(rows, names)
    members = names if typical is None else names.filter(pl.col("key") == typical)
    columns = [name for name in FAMILY_COLUMNS if name in rows.collect_schema().names()]
    family = (
        rows.select(columns)
        .join(members.lazy(), on=NAME_FIELDS, how="semi", nulls_equal=True)
        .collect(engine="streaming")
    )
    name = car_name(*members.select(NAME_FIELDS).row(0))
    categories = {field.name: _most_frequent(family, field.name) for field in CATEGORY_FIELDS}
    places = {place: categories[place] for place in PLACES if categories[place]}
    near = family.filter(**places) if places else family
    return {
        "manufacturer": name.make or None,
        "model": name.family or None,
        **{field.name: _rounded_median(rows, field) for field in NUMBER_FIELDS},
        **categories,
        **{place: _most_frequent(near, place) for place in OPEN_PLACES},
    }


def _family_key(name: CarName) -> str | None:
    return f"{name.make}|{name.family}" if name.make and name.family else None


def _typical_family(rows: pl.LazyFrame, names: pl.DataFrame) -> str | None:
    """Find the most frequent family of a usual price; `names` gives the `key` of each name's family."""
    market = _median(rows, "price")
    named = rows.select(*NAME_FIELDS, "price").join(names.lazy(), on=NAME_FIELDS, nulls_equal=True)
    families = (
        _medians(named.drop_nulls("key").select("key", value="price"))
        .with_columns(gap=(pl.col("median") / market - 1).abs())
        .sort(pl.col("gap") > MAX_PRICE_GAP, -pl.col("rows"), "key")
    )
    return None if families.is_empty() else str(families["key"][0])


def _medians(rows: pl.LazyFrame) -> pl.DataFrame:
    """Find medians from the numbers of equal values, which need less memory than the values of all rows.

    Args:
        rows: Frame with `key` and `value`.

    Returns:
        Frame with `key`, `rows` and `median`; missing values are left out.

    Examples:
        >>> prices = pl.LazyFrame({"key": ["a", "a", "a", "b", "b"], "value": [5, 9, 5, 1, 2]})
        >>> _medians(prices).rows()
        [('a', 3, 5.0), ('b', 2, 1.5)]
    """
    counts = rows.drop_nulls("value").group_by("key", "value").agg(rows=pl.len().cast(pl.Int64))
    last = pl.col("rows").cum_sum().over("key")
    value, total = pl.col("value"), pl.col("rows").sum()
    halves = [value.filter(pl.col("last") > place).first() for place in ((total - 1) // 2, total // 2)]
    return (
        counts.collect(engine="streaming")
        .sort("key", "value")
        .with_columns(last=last)
        .group_by("key", maintain_order=True)
        .agg(total.alias("rows"), median=(halves[0] + halves[1]) / 2)
    )


def _median(rows: pl.LazyFrame, name: str) -> float | None:
    medians = _medians(rows.select(key=pl.lit(0), value=name))["median"]
    return None if medians.is_empty() else float(medians[0])


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


def _rounded_median(rows: pl.LazyFrame, field: NumberField) -> int | None:
    if field.name not in rows.collect_schema().names():
        return None
    median = _median(rows, field.name)
    return None if median is None else round(median / field.step) * field.step
