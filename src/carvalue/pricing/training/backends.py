"""Training backends: where the trees are fitted. `distributed` has the backend for a Dask cluster."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import polars as pl
import xgboost as xgb

from carvalue.pricing.training.boosting import (
    FittedBooster,
    boost,
    boost_fixed_rounds,
    ignore_round,
    matrices,
)
from carvalue.pricing.training.cross_fitting import TrainingEncoder


class TrainingBackend(Protocol):
    """Fits gradient-boosted trees on listings in Parquet files."""

    def fit(
        self,
        encoder: TrainingEncoder,
        *,
        train: Path,
        validation: Path,
        params: Mapping[str, float],
        rounds: int,
    ) -> FittedBooster:
        """Fit with early stopping on the validation rows.

        Args:
            encoder: Encoder that was fitted on the training rows.
            train: Parquet file of the training rows.
            validation: Parquet file of the validation rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Largest number of boosting rounds.

        Returns:
            The booster, cut at its best round.
        """

    def refit(
        self, encoder: TrainingEncoder, *, rows: Sequence[Path], params: Mapping[str, float], rounds: int
    ) -> xgb.Booster:
        """Fit a fixed number of rounds.

        Args:
            encoder: Encoder that was fitted on all these rows.
            rows: Parquet files of training rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Number of boosting rounds.

        Returns:
            The booster with all its trees.
        """


class LocalBackend:
    """Fits in this process, with all its cores; the encoded rows must fit into memory."""

    def fit(
        self,
        encoder: TrainingEncoder,
        *,
        train: Path,
        validation: Path,
        params: Mapping[str, float],
        rounds: int,
    ) -> FittedBooster:
        """Fit with early stopping on the validation rows.

        Args:
            encoder: Encoder that was fitted on the training rows.
            train: Parquet file of the training rows.
            validation: Parquet file of the validation rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Largest number of boosting rounds.

        Returns:
            The booster, cut at its best round.
        """
        binned, held_out = matrices(
            train=encoder.encode_out_of_fold(pl.read_parquet(train)),
            validation=encoder.encode_unseen(pl.read_parquet(validation)),
        )
        return boost(
            params=params,
            monotone=encoder.encoder.monotone,
            rounds=rounds,
            train=binned,
            validation=held_out,
            on_round=ignore_round,
        )

    def refit(
        self, encoder: TrainingEncoder, *, rows: Sequence[Path], params: Mapping[str, float], rounds: int
    ) -> xgb.Booster:
        """Fit a fixed number of rounds.

        Args:
            encoder: Encoder that was fitted on all these rows.
            rows: Parquet files of training rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Number of boosting rounds.

        Returns:
            The booster with all its trees.
        """
        return boost_fixed_rounds(
            params=params,
            monotone=encoder.encoder.monotone,
            rounds=rounds,
            rows=encoder.encode_out_of_fold(pl.concat(map(pl.read_parquet, rows))),
        )
