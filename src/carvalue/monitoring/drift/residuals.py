"""Residuals: how far a feature is from its expected value for cars like this one.

The cars of one dealer are alike, so the features of consecutive rows move together, and their thresholds must
be wide. A residual moves only when its feature moves independently of the others: with the model, or with a
program that sends wrong values.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from carvalue.monitoring.drift.bins import Codes, Floats

ROUNDS, SHRINKAGE = 6, 20.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualModel:
    """An additive model of one feature over the bins of other features.

    Attributes:
        feature: The name of the feature; `price` is modelled as its logarithm.
        predictors: The columns of the codes that the model uses.
        effects: What each bin adds to the mean, shape (bins,).
        mean: The mean of the feature in the reference.
    """

    feature: str
    predictors: tuple[int, ...]
    effects: Floats
    mean: float

    def residuals(self, rows: pl.DataFrame, codes: Codes) -> pl.Series:
        """Compute the residual of each row.

        Args:
            rows: A frame with the feature's column.
            codes: The bins of the rows, shape (rows, features).

        Returns:
            Shape (rows,), in the feature's unit, in percent for `price`; null where the feature is missing.
        """
        expected = self.mean + self.effects[codes[:, self.predictors]].sum(axis=1)
        residuals = _values(rows, self.feature) - pl.Series(expected)
        return (residuals.exp() - 1) * 100 if self.feature == "price" else residuals


def fit_residual_model(
    rows: pl.DataFrame, codes: Codes, *, feature: str, predictors: tuple[int, ...]
) -> ResidualModel:
    """Fit the additive model by backfitting (Friedman and Stuetzle 1981), with shrinkage of small bins.

    Args:
        rows: The reference, with the feature's column.
        codes: The bins of the rows, shape (rows, features), numbered over all features.
        feature: The name of the feature.
        predictors: The columns of `codes` to use.

    Returns:
        The fitted model.

    >>> rows = pl.DataFrame({"year": [2020.0] * 50 + [2010.0] * 50})
    >>> codes = np.array([[0]] * 50 + [[1]] * 50)
    >>> model = fit_residual_model(rows, codes, feature="year", predictors=(0,))
    >>> model.residuals(pl.DataFrame({"year": [2023.0, 2010.0]}), np.array([[0], [1]])).round(1).to_list()
    [3.0, -0.0]
    """
    values = _values(rows, feature)
    is_known = values.is_not_null().to_numpy()
    remaining, known_codes = values.drop_nulls().to_numpy(), codes[is_known][:, predictors]
    mean, size = float(remaining.mean()), int(codes.max()) + 1
    effects, remaining = np.zeros(size), remaining - mean
    for _ in range(ROUNDS):
        for column in known_codes.T:
            counts = np.bincount(column, minlength=size)
            step = np.bincount(column, weights=remaining, minlength=size) / (counts + SHRINKAGE)
            effects, remaining = effects + step, remaining - step[column]
    return ResidualModel(feature=feature, predictors=predictors, effects=effects, mean=mean)


def _values(rows: pl.DataFrame, name: str) -> pl.Series:
    values = rows[name].cast(pl.Float64)
    return values.log() if name == "price" else values
