"""Encode training rows out of fold.

Some features are fitted on prices: the target encoding and the additive model. If a training row's own price
were in such a feature, the trees would trust the feature too much (target leakage). Cross-fitting avoids
that: each fold of cars is encoded with features fitted on the other folds, as scikit-learn's
`TargetEncoder.fit_transform` does it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from carvalue.pricing.features import (
    FeatureEncoder,
    FrameCells,
    Indices,
    Matrix,
    ModelFeature,
    SelectedCells,
    drop_implausible,
)
from carvalue.pricing.training.boosting import EncodedRows
from carvalue.pricing.training.encoding.price_sums import log_prices
from carvalue.pricing.training.encoding.training_rows import fold_of_car


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
        frame = _checked(frame, self.encoder, newest_year=self.newest_year)
        cells, fold = FrameCells(frame), frame.select(fold_of_car()).to_series().to_numpy()
        matrix = np.empty((frame.height, len(self.encoder.names)), dtype=np.float32)
        without_prices, *by_price = self._encoders
        self._fill(matrix, slice(None), without_prices.encode(cells), names=without_prices.names)
        for number, encoder in enumerate(by_price):
            rows = np.flatnonzero(fold == number)
            self._fill(matrix, rows, encoder.encode(SelectedCells(cells, rows)), names=encoder.names)
        self.encoder.fill_additive(matrix)
        return EncodedRows(matrix=matrix, log_price=log_prices(frame).to_numpy())

    @cached_property
    def _encoders(self) -> tuple[FeatureEncoder, ...]:
        """Encoders of the features that do not depend on prices, and for each fold of those that do."""
        by_price = {feature.name for features in self.folds for feature in features}
        others = tuple(feature for feature in self.encoder.features if feature.name not in by_price)
        return FeatureEncoder(others), *map(FeatureEncoder, self.folds)

    def _fill(self, matrix: Matrix, rows: Indices | slice, values: Matrix, *, names: Sequence[str]) -> None:
        """Write the columns with some names into some rows."""
        for column, name in enumerate(names):
            matrix[rows, self.encoder.names.index(name)] = values[:, column]

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
    frame = _checked(frame, encoder, newest_year=newest_year)
    return EncodedRows(matrix=encoder.matrix(frame), log_price=log_prices(frame).to_numpy())


def _checked(frame: pl.DataFrame, encoder: FeatureEncoder, *, newest_year: int) -> pl.DataFrame:
    return drop_implausible(frame, newest_year=newest_year) if encoder.flags_odometers else frame
