"""Baseline without a model: the median asking price of the same make, model family and year."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.pricing.features import car_name, distinct_cells

MIN_ROWS = 3  # rows; the median of a smaller group is less accurate than that of the wider group
GROUPINGS: tuple[tuple[str, ...], ...] = (("_make", "_family", "year"), ("_make", "year"), ("year",), ())
"""From the narrowest grouping to the widest; a car whose group is too small is quoted by the next one."""


def median_quotes(*, train: pl.DataFrame, frame: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Quote each row by the median of its narrowest group that has enough training rows.

    Args:
        train: Training rows with `manufacturer`, `model`, `year` and `price`.
        frame: Rows to quote, with `manufacturer`, `model` and `year`.

    Returns:
        Quotes in dollars, shape (rows of `frame`,).

    Examples:
        >>> train = pl.DataFrame(
        ...     {
        ...         "manufacturer": ["ford"] * 4,
        ...         "model": ["focus", "focus", "focus", "fusion"],
        ...         "year": [2015] * 4,
        ...         "price": [5_000, 6_000, 7_000, 12_000],
        ...     }
        ... )
        >>> frame = pl.DataFrame({"manufacturer": "ford", "model": ["focus", "fusion"], "year": 2015})
        >>> median_quotes(train=train, frame=frame).tolist()
        [6000.0, 6500.0]
    """
    named_train, named_frame = _with_names(train), _with_names(frame)
    medians = [_group_medians(named_train, named_frame, list(grouping)) for grouping in GROUPINGS]
    return pl.DataFrame(medians).select(pl.coalesce(pl.all())).to_series().to_numpy()


def _group_medians(train: pl.DataFrame, frame: pl.DataFrame, grouping: Sequence[str]) -> pl.Series:
    name = "median by " + "|".join(grouping)
    if not grouping:
        return pl.repeat(train["price"].median(), frame.height, dtype=pl.Float64, eager=True).alias(name)
    medians = train.group_by(grouping).agg(pl.col("price").median().alias(name), pl.len().alias("_rows"))
    large = medians.filter(pl.col("_rows") >= MIN_ROWS)
    return frame.join(large, on=grouping, how="left", nulls_equal=True, maintain_order="left")[name]


def _with_names(frame: pl.DataFrame) -> pl.DataFrame:
    index, cells = distinct_cells(frame, ("manufacturer", "model"))
    names = [car_name(*row) for row in cells]
    parts = pl.DataFrame({"_make": [name.make for name in names], "_family": [name.family for name in names]})
    columns = [name for name in ("year", "price") if name in frame.columns]
    return pl.concat([frame.select(columns), parts[index]], how="horizontal")
