"""What anyone could do without a model: the median price of the same make, model and year."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.pricing.features import car_name, distinct_cells

MIN_ROWS = 3  # rows; a median of fewer says less than the median of the wider group
# from the narrowest group to the widest; a car without a known group falls through to the next
GROUPINGS: tuple[tuple[str, ...], ...] = (("_make", "_family", "year"), ("_make", "year"), ("year",), ())


def median_quotes(*, train: pl.DataFrame, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Quote each row of the frame by the median of the narrowest group that the training rows know."""
    known, asked = _named(train), _named(frame)
    steps = [_step(known, asked, list(grouping)) for grouping in GROUPINGS]
    return pl.DataFrame(steps).select(pl.coalesce(pl.all())).to_series().to_numpy()


def _step(known: pl.DataFrame, asked: pl.DataFrame, grouping: Sequence[str]) -> pl.Series:
    name = "median by " + "|".join(grouping)
    if not grouping:
        return pl.repeat(known["price"].median(), asked.height, dtype=pl.Float64, eager=True).alias(name)
    medians = known.group_by(grouping).agg(pl.col("price").median().alias(name), pl.len().alias("_rows"))
    enough = medians.filter(pl.col("_rows") >= MIN_ROWS)
    return asked.join(enough, on=grouping, how="left", nulls_equal=True, maintain_order="left")[name]


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    place, cells = distinct_cells(frame, ("manufacturer", "model"))
    names = [car_name(*row) for row in cells]
    words = pl.DataFrame({"_make": [name.make for name in names], "_family": [name.family for name in names]})
    columns = [name for name in ("year", "price") if name in frame.columns]
    return pl.concat([frame.select(columns), words[place]], how="horizontal")
