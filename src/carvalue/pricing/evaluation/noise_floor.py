"""Noise floor: how far the asking prices of cars with equal descriptions differ, which no model can predict.

Twins are two cars, in different regions, whose sellers typed the same name, year and categories and nearly
the same miles. Each of the two prices has its own noise, so a price without noise would be nearer to each of
them than they are to each other: by a factor of 0.5 ** 0.5 for normal noise, by less for heavy tails.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import CATEGORY_FIELDS, NAME_FIELDS, OPEN_PLACES, PLACES

Floats = npt.NDArray[np.float64]
MIN_DIFFERENCE, MAX_DIFFERENCE = 0.005, 0.05
"""Relative difference of the miles of twins; if it is smaller, both are often the same car."""
MIN_TWINS = 100
"""With fewer pairs the floor is not estimated."""
NORMAL_FACTOR = sqrt(0.5)
"""Median error of a price without noise over the median difference of twins, for normal noise."""
Z = 1.96  # standard deviations of 95 % confidence
SEED = 0
DETAILS = tuple(
    field.name for field in CATEGORY_FIELDS if field.name not in {*PLACES, *OPEN_PLACES, "paint_color"}
)
"""Categories that twins share; the color hardly changes a price, and few sellers name the same one."""


@dataclass(frozen=True, kw_only=True)
class NoiseFloor:
    """The noise floor of the test rows that have a twin among the training rows.

    Attributes:
        twins: Number of these test rows.
        gap: Median absolute difference of the log prices of twins.
        lower: Smallest plausible median error of a model on these rows: the lower 95 % bound of `gap`, times
            the factor of noise that is shaped as the model's residuals.
        upper: Largest plausible one: the upper 95 % bound of `gap`, times the factor of normal noise.
        error: Median absolute error of the model's log price on these rows.
    """

    twins: int
    gap: float
    lower: float
    upper: float
    error: float


def noise_floor(train: pl.DataFrame, quoted: pl.DataFrame) -> NoiseFloor | None:
    """Estimate the noise floor from pairs of a training row and a test row.

    Args:
        train: Training rows with `price`, `car` and all fields of a listing.
        quoted: Test rows with the same columns, of other cars, and `quoted`, in dollars.

    Returns:
        The floor; None if there are fewer than `MIN_TWINS` pairs.
    """
    pairs = find_twins(train, quoted)
    if pairs.height < MIN_TWINS:
        return None
    gaps = np.sort(np.abs(_log_ratio(pairs, "price", "twin_price")))
    residuals = _log_ratio(quoted, "price", "quoted")
    half_width = Z * sqrt(len(gaps)) / 2  # of the rank of the median
    ranks = np.clip([len(gaps) / 2 - half_width, len(gaps) / 2 + half_width], 0, len(gaps) - 1)
    low, high = gaps[ranks.astype(np.int64)]
    factors = sorted((NORMAL_FACTOR, _factor(residuals)))
    return NoiseFloor(
        twins=pairs.height,
        gap=float(np.median(gaps)),
        lower=float(low) * factors[0],
        upper=float(high) * factors[1],
        error=float(np.median(np.abs(_log_ratio(pairs, "price", "quoted")))),
    )


def find_twins(train: pl.DataFrame, quoted: pl.DataFrame) -> pl.DataFrame:
    """Find for each test row the training row of another region that is described alike.

    Of several, it is the one with the nearest miles.

    Args:
        train: Training rows.
        quoted: Test rows.

    Returns:
        The test rows that have a twin, each once, with its price as `twin_price`.
    """
    words = [*NAME_FIELDS, "year", *DETAILS]
    named = (pl.col("odometer") > 0) & pl.col("model").is_not_null()
    twins = train.filter(named).select(
        *_plain(train, words), "car", twin_miles="odometer", twin_price="price", twin_place=_place(train)
    )
    rows = quoted.filter(named).with_row_index("_row")
    rows = rows.select("_row", *_plain(rows, words), "price", "quoted", "odometer", place=_place(rows))
    difference = (pl.col("odometer") / pl.col("twin_miles") - 1).abs()
    pairs = rows.join(twins, on=words, how="inner", nulls_equal=True).filter(
        pl.col("place") != pl.col("twin_place"), difference.is_between(MIN_DIFFERENCE, MAX_DIFFERENCE)
    )
    return pairs.sort(difference, "_row", "twin_price").unique("_row", keep="first", maintain_order=True)


def as_metrics(floor: NoiseFloor | None) -> Mapping[str, float]:
    """Convert a floor to metrics.

    Args:
        floor: The floor; None if it is not known.

    Returns:
        Name of an attribute -> value; empty if the floor is not known.
    """
    if floor is None:
        return {}
    return {name: float(value) for name, value in vars(floor).items()}


def _plain(rows: pl.DataFrame, columns: list[str]) -> list[pl.Expr]:
    texts = {name for name in columns if rows.schema[name] == pl.String}
    return [
        pl.col(name).str.to_lowercase().str.strip_chars() if name in texts else pl.col(name)
        for name in columns
    ]


def _place(rows: pl.DataFrame) -> pl.Expr:
    places = [name for name in (*PLACES, *OPEN_PLACES) if name in rows.columns]
    return pl.concat_str(*places, separator="|", ignore_nulls=True)


def _log_ratio(rows: pl.DataFrame, above: str, below: str) -> Floats:
    ratio: Floats = np.log(rows[above].cast(pl.Float64).to_numpy() / rows[below].cast(pl.Float64).to_numpy())
    return ratio


def _factor(residuals: Floats) -> float:
    """Median size of a residual over the median difference of two: 0.71 if normal, less with heavy tails."""
    others = np.random.default_rng(SEED).permutation(residuals)
    difference = float(np.median(np.abs(residuals - others)))
    return float(np.median(np.abs(residuals))) / difference if difference else NORMAL_FACTOR
