"""Fit the feature encoder, and encode training rows out of fold.

Some features are fitted on prices: the target encoding and the additive model. If a training row's own price
were in such a feature, the trees would trust the feature too much (target leakage). Cross-fitting avoids
that: each fold of cars is encoded with features fitted on the other folds, as scikit-learn's
`TargetEncoder.fit_transform` does it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import CATEGORY_FIELDS, NAME_FIELDS, NUMBER_FIELDS
from carvalue.pricing.additive import SUMMED, NameRows, group_keys
from carvalue.pricing.additive.fitting import build_design, fit_parts, row_weights
from carvalue.pricing.features import (
    IMPLAUSIBLE,
    NAME_PARTS,
    CategoryCode,
    ConstantFeature,
    EngineLitres,
    FeatureEncoder,
    FlagFeature,
    FrameCells,
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
from carvalue.pricing.training.components import COMPLETE, Components

MIN_CATEGORY_ROWS = 20  # rows; rarer categories share the code of `other`
FOLDS = 5
MEAN_PRICE = "mean_price"
"""Name of the column that trees start from without an additive model."""


def fit_encoder(frame: pl.DataFrame, *, components: Components = COMPLETE) -> FeatureEncoder:
    """Fit every feature on these rows: vocabularies, target encoding, name counts, additive model.

    Args:
        frame: Training rows with `price`, all fields of a listing and the column `IMPLAUSIBLE`.
        components: Components of the model.

    Returns:
        The encoder that goes into the bundle.
    """
    (by_price,) = _price_features(frame, [np.arange(frame.height)], components=components)
    return _encoder(frame, by_price, components=components)


def _encoder(
    frame: pl.DataFrame, by_price: Sequence[ModelFeature], *, components: Components
) -> FeatureEncoder:
    features: list[ModelFeature] = [
        *(NumberFeature(field.name) for field in NUMBER_FIELDS),
        FlagFeature(IMPLAUSIBLE),
        EngineLitres(),
    ]
    features += [CategoryCode(field.name, _vocabulary(frame, field.name)) for field in CATEGORY_FIELDS]
    features += [NameCode("make", _name_vocabulary(frame, "make"))]
    features += [NameCode("family", _name_vocabulary(frame, "family"))]
    features += [NameRows(*arguments) for arguments in _name_rows(frame)]
    summed = SUMMED if components.additive_model else (MEAN_PRICE,)
    return FeatureEncoder(features=(*features, *by_price), summed=summed)


def _price_features(
    frame: pl.DataFrame, parts: Sequence[npt.NDArray[np.int64]], *, components: Components
) -> list[tuple[ModelFeature, ...]]:
    """Fit the features that depend on prices, once for each part of the rows."""
    log_price = log_prices(frame)
    design = build_design(frame, token_curves=components.token_curves) if components.additive_model else None
    target, weights = log_price.to_numpy(), row_weights(frame)
    fitted = []
    for rows in parts:
        features: list[ModelFeature] = []
        if components.target_encoding:
            features.append(NamePriceLevel("name_level", _target_encoding(frame[rows], log_price[rows])))
        if design is None:
            features.append(ConstantFeature(MEAN_PRICE, float(target[rows].mean())))
        else:
            features += fit_parts(design, target, weights=weights, rows=rows)
        fitted.append(tuple(features))
    return fitted


@dataclass(frozen=True, kw_only=True)
class TrainingEncoder:
    """An encoder together with its cross-fitted variants.

    It encodes a part of the training rows as it encodes all of them, so that several machines can each encode
    a part.

    Attributes:
        encoder: Encoder fitted on all training rows; it goes into the bundle.
        folds: For each fold of cars, the features that depend on prices, fitted on the other folds.
        newest_year: Newest model year of the training rows.
    """

    encoder: FeatureEncoder
    folds: tuple[tuple[ModelFeature, ...], ...]
    newest_year: int

    def encode_out_of_fold(self, frame: pl.DataFrame) -> EncodedRows:
        """Encode training rows: features that depend on prices come from the other folds' cars.

        Args:
            frame: Training rows, or a part of them, with `price` and `car`.

        Returns:
            Encoded rows to fit trees on.
        """
        frame = drop_implausible(frame, newest_year=self.newest_year)
        return _encoded(_out_of_fold_matrix(self.encoder, self.folds, frame), frame)

    def encode_unseen(self, frame: pl.DataFrame) -> EncodedRows:
        """Encode rows that nothing was fitted on, as the model encodes a listing.

        Args:
            frame: Validation or test rows with `price`.

        Returns:
            Encoded rows to evaluate trees on.
        """
        return encode_unseen(self.encoder, frame, newest_year=self.newest_year)


def encode_unseen(encoder: FeatureEncoder, frame: pl.DataFrame, *, newest_year: int) -> EncodedRows:
    """Encode rows that nothing was fitted on, as the model encodes a listing.

    Args:
        encoder: Fitted encoder.
        frame: Rows with `price`.
        newest_year: Newest model year of the rows that the encoder was fitted on.

    Returns:
        Encoded rows to evaluate trees on.
    """
    frame = drop_implausible(frame, newest_year=newest_year)
    return _encoded(encoder.matrix(frame), frame)


def fit_training_encoder(
    frame: pl.DataFrame, *, newest_year: int, components: Components = COMPLETE
) -> TrainingEncoder:
    """Fit the encoder on all rows, and its price-dependent features once more for each fold.

    Args:
        frame: Training rows with `price`, `car` and all fields of a listing.
        newest_year: Newest model year, which decides which odometers are implausible.
        components: Components of the model.

    Returns:
        The encoder with its cross-fitted variants.
    """
    frame = drop_implausible(frame, newest_year=newest_year)
    fold, everything = _folds(frame).to_numpy(), np.arange(frame.height)
    others = [np.flatnonzero(fold != number) for number in range(FOLDS)]
    parts = [everything, *(rows if len(rows) else everything for rows in others)]
    by_price, *folds = _price_features(frame, parts, components=components)
    encoder = _encoder(frame, by_price, components=components)
    return TrainingEncoder(encoder=encoder, folds=tuple(folds), newest_year=newest_year)


def log_prices(frame: pl.DataFrame) -> pl.Series:
    """Compute the target of the model.

    Args:
        frame: Rows with `price`, in dollars.

    Returns:
        Natural logarithm of the asking prices.

    Examples:
        >>> log_prices(pl.DataFrame({"price": [1_000, 20_000]})).round(3).to_list()
        [6.908, 9.903]
    """
    return frame["price"].cast(pl.Float64).log()


def _out_of_fold_matrix(
    encoder: FeatureEncoder, folds: Sequence[tuple[ModelFeature, ...]], frame: pl.DataFrame
) -> Matrix:
    matrix, fold = encoder.matrix(frame), _folds(frame).to_numpy()
    for number, features in enumerate(folds):
        rows = np.flatnonzero(fold == number)
        cells = FrameCells(frame[rows])
        for feature in features:
            matrix[rows, encoder.names.index(feature.name)] = FeatureEncoder((feature,)).encode(cells)[:, 0]
    encoder.fill_additive(matrix)
    return matrix


def _encoded(matrix: Matrix, frame: pl.DataFrame) -> EncodedRows:
    return EncodedRows(matrix=matrix, log_price=log_prices(frame).to_numpy())


def _folds(frame: pl.DataFrame) -> pl.Series:
    """Assign each car to a fold, so that all its listings are in the same one.

    Examples:
        >>> _folds(pl.DataFrame({"car": [0, 7, 14, 14]})).to_list()
        [0, 1, 2, 2]
    """
    car = frame["car"] if "car" in frame.columns else pl.Series("car", np.arange(frame.height))
    return (car.cast(pl.UInt64) // 7 % FOLDS).rename("fold")


def _vocabulary(frame: pl.DataFrame, name: str) -> Vocabulary:
    return _ordered(frame, _mapped(frame, [name], lambda cell: normalize_word(cell)))


def _name_vocabulary(frame: pl.DataFrame, part: Literal["make", "family"]) -> Vocabulary:
    return _ordered(frame, _mapped(frame, NAME_FIELDS, lambda *cells: NAME_PARTS[part](car_name(*cells))))


def _mapped(frame: pl.DataFrame, fields: Sequence[str], category_of: Callable[..., str]) -> pl.Series:
    """Compute a category for each row, once for each distinct combination of the fields."""
    index, cells = distinct_cells(frame, fields)
    return pl.Series("category", [category_of(*row) for row in cells], dtype=pl.String)[index]


def _ordered(frame: pl.DataFrame, categories: pl.Series) -> Vocabulary:
    rows = pl.DataFrame({"category": categories, "level": _year_residuals(frame, log_prices(frame))})
    levels = rows.group_by("category").agg(pl.col("level").mean(), pl.len().alias("rows"))
    return order_by_level(levels.iter_rows(), min_rows=_min_category_rows(frame))


def _min_category_rows(frame: pl.DataFrame) -> int:
    return min(MIN_CATEGORY_ROWS, max(2, frame.height // 1_000))


def _target_encoding(frame: pl.DataFrame, log_price: pl.Series) -> TargetEncoding:
    index, cells = distinct_cells(frame, NAME_FIELDS)
    keys = pl.DataFrame([name_keys(*row) for row in cells], schema=["wide", "middle", "narrow"], orient="row")
    return fit_target_encoding(keys[index], log_price=_year_residuals(frame, log_price))


def _name_rows(frame: pl.DataFrame) -> list[tuple[dict[str, int], int, str]]:
    index, cells = distinct_cells(frame, NAME_FIELDS)
    groups = [group_keys(car_name(*row)) for row in cells]
    counts: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
    for keys, rows in zip(groups, np.bincount(index, minlength=len(groups)).tolist(), strict=True):
        for counter, key in zip(counts, keys, strict=True):
            counter[key] += rows
    return [(dict(counts[i]), i, name) for i, name in ((1, "family_rows"), (2, "start_rows"))]


def _year_residuals(frame: pl.DataFrame, log_price: pl.Series) -> pl.Series:
    """Subtract the mean of the model year from log prices, so that old and new cars can be compared.

    Examples:
        >>> frame = pl.DataFrame({"year": [2010, 2010, 2020]})
        >>> _year_residuals(frame, pl.Series([9.0, 9.5, 11.0])).to_list()
        [-0.25, 0.25, 0.0]
    """
    rows = frame.select("year", log_price.alias("level"))
    return rows.select(pl.col("level") - pl.col("level").mean().over("year")).to_series()
