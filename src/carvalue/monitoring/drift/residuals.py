"""Residuals: how far a feature is from its expected value for cars like this one.

The cars of one dealer are alike, so the features of consecutive rows move together, and their thresholds must
be wide. A residual moves only when its feature moves independently of the others: with the model, or with a
program that sends wrong values.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import xgboost as xgb

from carvalue.monitoring.drift.bins import Codes

ROUNDS = 100
TREES = {"eta": 0.2, "max_depth": 6, "min_child_weight": 20, "base_score": 0.0, "nthread": 1}
# a few wrong years must not bend the expected ones; the slope is in robust standard deviations
EXPECTED = {**TREES, "objective": "reg:pseudohubererror", "huber_slope": 0.3}
SPREAD = {**TREES, "objective": "reg:squarederror"}
MIN_SPREAD = 0.1  # robust standard deviations
NORMAL_IQR = 1.349  # the interquartile range of a normal distribution, in standard deviations

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualModel:
    """Gradient-boosted trees (Chen and Guestrin 2016) that predict one feature from others.

    The year of a new car is easier to predict than that of an old one, so each residual is divided by how
    large residuals are for such cars.

    Attributes:
        feature: The name of the feature; `price` is modelled as its logarithm.
        numbers: The names of the numbers that predict it.
        categories: The columns of the codes of the categories that predict it.
        expected: Trees that predict the standardized feature.
        spread: Trees that predict the logarithm of the size of its standardized residual.
        typical_spread: The median of that size in the reference.
        center: The median of the feature in the reference.
        scale: Its robust standard deviation, in the feature's unit.
    """

    feature: str
    numbers: tuple[str, ...]
    categories: tuple[int, ...]
    expected: xgb.Booster
    spread: xgb.Booster
    typical_spread: float
    center: float
    scale: float

    def residuals(self, rows: pl.DataFrame, codes: Codes) -> pl.Series:
        """Compute the residual of each row.

        Args:
            rows: A frame with the columns of the feature and of the numbers.
            codes: The bins of the rows, shape (rows, features).

        Returns:
            Shape (rows,), for a car with residuals of typical size, in the feature's unit, in percent for
            `price`; null where the feature is missing.
        """
        matrix = _matrix(rows, codes, self.numbers, self.categories)
        standardized = (_values(rows, self.feature) - self.center) / self.scale
        residuals = standardized - pl.Series(self.expected.inplace_predict(matrix))
        spread = pl.Series(self.spread.inplace_predict(matrix)).exp()
        typical = residuals * (self.typical_spread * self.scale) / spread
        return (typical.exp() - 1) * 100 if self.feature == "price" else typical


def fit_residual_model(
    rows: pl.DataFrame,
    codes: Codes,
    *,
    feature: str,
    numbers: Sequence[str],
    categories: Sequence[int],
) -> ResidualModel:
    """Fit the trees to the rows of a reference that have the feature.

    Args:
        rows: The reference, with the columns of the feature and of the numbers.
        codes: The bins of the rows, shape (rows, features).
        feature: The name of the feature.
        numbers: The numbers that predict it.
        categories: The columns of `codes` of the categories that predict it.

    Returns:
        The fitted model.

    >>> rows = pl.DataFrame({"year": [2020.0] * 500 + [2010.0] * 500})
    >>> codes = np.array([[0]] * 500 + [[1]] * 500)
    >>> model = fit_residual_model(rows, codes, feature="year", numbers=(), categories=(0,))
    >>> model.residuals(pl.DataFrame({"year": [2023.0, 2011.0]}), np.array([[0], [1]])).round(1).to_list()
    [3.0, 1.0]
    """
    values = _values(rows, feature)
    is_known = values.is_not_null().to_numpy()
    known = values.drop_nulls().to_numpy()
    lower, center, upper = (float(value) for value in np.quantile(known, (0.25, 0.5, 0.75)))
    scale = max((upper - lower) / NORMAL_IQR, 1e-6)
    matrix = _matrix(rows, codes, numbers, categories)[is_known]
    standardized = (known - center) / scale
    expected = xgb.train(EXPECTED, xgb.DMatrix(matrix, standardized), ROUNDS)
    sizes = np.abs(standardized - expected.inplace_predict(matrix)) + MIN_SPREAD
    spread = xgb.train(SPREAD, xgb.DMatrix(matrix, np.log(sizes)), ROUNDS)
    return ResidualModel(
        feature=feature,
        numbers=tuple(numbers),
        categories=tuple(categories),
        expected=expected,
        spread=spread,
        typical_spread=float(np.median(np.exp(spread.inplace_predict(matrix)))),
        center=center,
        scale=scale,
    )


def _matrix(rows: pl.DataFrame, codes: Codes, numbers: Sequence[str], categories: Sequence[int]) -> Matrix:
    values = [rows[name].cast(pl.Float32).to_numpy() for name in numbers]
    matrix: Matrix = np.column_stack([*values, codes[:, categories].astype(np.float32)])
    return matrix


def _values(rows: pl.DataFrame, name: str) -> pl.Series:
    values = rows[name].cast(pl.Float64)
    return values.log() if name == "price" else values
