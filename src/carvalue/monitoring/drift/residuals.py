"""Levels: a feature beside what it usually is for cars like this one.

A dealer's cars are alike: the features of rows that follow each other move together, and thresholds must be
wide. A level moves only when its feature moves by itself, with the model or with a program that sends it.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from carvalue.monitoring.drift.bins import Codes, Floats

ROUNDS, SHRINKAGE = 6, 20.0


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualModel:
    """What a feature usually is, as a sum over the bins of other features.

    Attributes:
        of: the feature.
        known_by: the columns of codes that tell what it usually is.
        worth: what each bin adds.
        usual: the mean.
    """

    of: str
    known_by: tuple[int, ...]
    worth: Floats
    usual: float

    def of_rows(self, rows: pl.DataFrame, codes: Codes) -> pl.Series:
        """Give each row's level: years, or percent of the price; None where the feature is missing."""
        expected = self.usual + self.worth[codes[:, self.known_by]].sum(axis=1)
        beside = _value(rows, self.of) - pl.Series(expected)
        return (beside.exp() - 1) * 100 if self.of == "price" else beside


def fit_residual_model(
    rows: pl.DataFrame, codes: Codes, *, of: str, known_by: tuple[int, ...]
) -> ResidualModel:
    """Fit the sum, feature after feature, a few times around (backfitting)."""
    values = _value(rows, of)
    there = values.is_not_null().to_numpy()
    left, known = values.drop_nulls().to_numpy(), codes[there][:, known_by]
    usual, size = float(left.mean()), int(codes.max()) + 1
    worth, left = np.zeros(size), left - usual
    for _ in range(ROUNDS):
        for column in known.T:
            counts = np.bincount(column, minlength=size)
            step = np.bincount(column, weights=left, minlength=size) / (counts + SHRINKAGE)
            worth, left = worth + step, left - step[column]
    return ResidualModel(of=of, known_by=known_by, worth=worth, usual=usual)


def _value(rows: pl.DataFrame, name: str) -> pl.Series:
    values = rows[name].cast(pl.Float64)
    return values.log() if name == "price" else values
