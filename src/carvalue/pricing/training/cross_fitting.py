"""Fit the encoder on training rows, and encode those rows without letting a row see its own price."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from carvalue.pricing.additive import SUMMED, NameRows, group_keys
from carvalue.pricing.additive.fitting import build_design, fit_parts, row_weights
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    NAME_FIELDS,
    NAME_PARTS,
    CategoryCode,
    DistinctCells,
    EngineLitres,
    FeatureEncoder,
    FlagFeature,
    Matrix,
    ModelFeature,
    NameCode,
    NamePriceLevel,
    NumberFeature,
    TargetEncoding,
    Vocabulary,
    car_name,
    distinct_cells,
    drop_implausible,
    fit_target_encoding,
    name_keys,
    normalize_word,
    order_by_level,
)
from carvalue.pricing.training.boosting import EncodedRows

CATEGORIES = (
    "condition cylinders fuel title_status transmission drive type paint_color state region"
).split()
AT_LEAST = 20  # rows; a rarer word teaches nothing of its own and trains `other`
FOLDS = 5


def fit_encoder(frame: pl.DataFrame) -> FeatureEncoder:
    """Fit every vocabulary and price level on these rows."""
    log_price = log_prices(frame)
    features: list[ModelFeature] = [
        NumberFeature("year"),
        NumberFeature("odometer"),
        FlagFeature(IMPLAUSIBLE),
        EngineLitres(),
    ]
    features += [CategoryCode(name, _vocabulary(frame, name)) for name in CATEGORIES]
    features += [NameCode("make", _name_vocabulary(frame, "make"))]
    features += [NameCode("family", _name_vocabulary(frame, "family"))]
    features += [NamePriceLevel("name_level", _levels(frame, log_price))]
    features += [NameRows(*counted) for counted in _name_rows(frame)]
    features += fit_parts(
        build_design(frame),
        log_price.to_numpy(),
        weights=row_weights(frame),
        rows=np.arange(frame.height),
    )
    return FeatureEncoder(features=tuple(features), summed=SUMMED)


@dataclass(frozen=True, kw_only=True)
class TrainingEncoder:
    """Rows as they are learned from and judged by: each fold of cars is priced by the others.

    It encodes any part of the training rows as it encodes them all, so that several machines can share them.
    """

    encoder: FeatureEncoder
    folds: tuple[tuple[ModelFeature, ...], ...]
    """For each fold of cars the features that know prices, fitted on the other folds."""
    newest_year: int

    def learned(self, frame: pl.DataFrame) -> EncodedRows:
        """Encode rows to learn from: what knows prices comes from the other folds' cars.

        A row that saw its own price in a level would teach the model to trust levels more than they deserve.
        """
        frame = drop_implausible(frame, newest_year=self.newest_year)
        return _rows(_folded_matrix(self.encoder, self.folds, frame), frame)

    def unseen(self, frame: pl.DataFrame) -> EncodedRows:
        """Encode rows that nothing was fitted on."""
        frame = drop_implausible(frame, newest_year=self.newest_year)
        return _rows(self.encoder.matrix(frame), frame)


def fit_training_encoder(frame: pl.DataFrame, *, newest_year: int) -> TrainingEncoder:
    """Fit the encoder on these rows, and once more for each fold."""
    frame = drop_implausible(frame, newest_year=newest_year)
    return TrainingEncoder(encoder=fit_encoder(frame), folds=_fit_folds(frame), newest_year=newest_year)


def log_prices(frame: pl.DataFrame) -> pl.Series:
    """Give the log of the asking prices, the scale on which the model works."""
    return frame["price"].cast(pl.Float64).log()


def _fit_folds(frame: pl.DataFrame) -> tuple[tuple[ModelFeature, ...], ...]:
    fold, design, weights = _folds(frame).to_numpy(), build_design(frame), row_weights(frame)
    log_price = log_prices(frame)
    fitted = []
    for number in range(FOLDS):
        others = np.flatnonzero(fold != number)
        level = NamePriceLevel("name_level", _levels(frame[others], log_price[others]))
        parts = fit_parts(design, log_price.to_numpy(), weights=weights, rows=others)
        fitted.append((level, *parts))
    return tuple(fitted)


def _folded_matrix(
    encoder: FeatureEncoder, folds: Sequence[tuple[ModelFeature, ...]], frame: pl.DataFrame
) -> Matrix:
    matrix, fold = encoder.matrix(frame), _folds(frame).to_numpy()
    for number, features in enumerate(folds):
        inside = np.flatnonzero(fold == number)
        cells = DistinctCells(frame[inside])
        for feature in features:
            matrix[inside, encoder.names.index(feature.name)] = cells.column(feature)
    encoder.fill_additive(matrix)
    return matrix


def _rows(matrix: Matrix, frame: pl.DataFrame) -> EncodedRows:
    return EncodedRows(matrix=matrix, log_price=log_prices(frame).to_numpy())


def _folds(frame: pl.DataFrame) -> pl.Series:
    car = frame["car"] if "car" in frame.columns else pl.Series("car", np.arange(frame.height))
    return (car.cast(pl.UInt64) // 7 % FOLDS).rename("fold")


def _vocabulary(frame: pl.DataFrame, name: str) -> Vocabulary:
    return _ordered(frame, _distinct_words(frame, [name], lambda cell: normalize_word(cell)))


def _name_vocabulary(frame: pl.DataFrame, part: Literal["make", "family"]) -> Vocabulary:
    return _ordered(
        frame, _distinct_words(frame, NAME_FIELDS, lambda *cells: NAME_PARTS[part](car_name(*cells)))
    )


def _distinct_words(frame: pl.DataFrame, fields: Sequence[str], word: Callable[..., str]) -> pl.Series:
    place, cells = distinct_cells(frame, fields)
    return pl.Series("word", [word(*row) for row in cells], dtype=pl.String)[place]


def _ordered(frame: pl.DataFrame, words: pl.Series) -> Vocabulary:
    rows = pl.DataFrame({"word": words, "level": _above_the_year(frame, log_prices(frame))})
    levels = rows.group_by("word").agg(pl.col("level").mean(), pl.len().alias("rows"))
    return order_by_level(levels.iter_rows(), min_rows=_at_least(frame))


def _at_least(frame: pl.DataFrame) -> int:
    return min(AT_LEAST, max(2, frame.height // 1_000))


def _levels(frame: pl.DataFrame, log_price: pl.Series) -> TargetEncoding:
    where, cells = distinct_cells(frame, NAME_FIELDS)
    keys = pl.DataFrame([name_keys(*row) for row in cells], schema=["wide", "middle", "narrow"], orient="row")
    return fit_target_encoding(keys[where], log_price=_above_the_year(frame, log_price))


def _name_rows(frame: pl.DataFrame) -> list[tuple[dict[str, int], int, str]]:
    where, cells = distinct_cells(frame, NAME_FIELDS)
    groups = [group_keys(car_name(*row)) for row in cells]
    counts: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    for keys, rows in zip(groups, np.bincount(where, minlength=len(groups)).tolist(), strict=True):
        for counter, key in zip(counts, keys, strict=True):
            counter[key] += rows
    return [(dict(counts[i]), i, name) for i, name in ((1, "family_rows"), (2, "start_rows"))]


def _above_the_year(frame: pl.DataFrame, log_price: pl.Series) -> pl.Series:
    """Give log prices against the mean of their model year, so that old and new cars of a name agree."""
    rows = frame.select("year", log_price.alias("level"))
    return rows.select(pl.col("level") - pl.col("level").mean().over("year")).to_series()
