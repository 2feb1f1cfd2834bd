"""Training backends: where the trees are fitted. `distributed` has the backend for a Dask cluster."""

from collections.abc import Mapping
from typing import Protocol

import xgboost as xgb

from carvalue.parallel import IN_PROCESS, Workers
from carvalue.pricing.training.boosting import (
    FittedBooster,
    boost,
    boost_fixed_rounds,
    ignore_round,
    matrices,
)
from carvalue.pricing.training.encoding import TrainingEncoder, TrainingRows


class TrainingBackend(Protocol):
    """Fits gradient-boosted trees on listings in parts."""

    @property
    def workers(self) -> Workers:
        """Where the other work on the parts is done."""
        ...

    def fit(
        self,
        encoder: TrainingEncoder,
        *,
        train: TrainingRows,
        validation: TrainingRows,
        params: Mapping[str, float],
        rounds: int,
    ) -> FittedBooster:
        """Fit with early stopping on the validation rows.

        Args:
            encoder: Encoder that was fitted on the training rows.
            train: Training rows.
            validation: Validation rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Largest number of boosting rounds.

        Returns:
            The booster, cut at its best round.
        """

    def refit(
        self, encoder: TrainingEncoder, *, rows: TrainingRows, params: Mapping[str, float], rounds: int
    ) -> xgb.Booster:
        """Fit a fixed number of rounds.

        Args:
            encoder: Encoder that was fitted on all these rows.
            rows: Training rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Number of boosting rounds.

        Returns:
            The booster with all its trees.
        """


class LocalBackend:
    """Fits in this process, with all its cores; the encoded rows must fit into memory."""

    @property
    def workers(self) -> Workers:
        """This process."""
        return IN_PROCESS

    def fit(
        self,
        encoder: TrainingEncoder,
        *,
        train: TrainingRows,
        validation: TrainingRows,
        params: Mapping[str, float],
        rounds: int,
    ) -> FittedBooster:
        """Fit with early stopping on the validation rows.

        Args:
            encoder: Encoder that was fitted on the training rows.
            train: Training rows.
            validation: Validation rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Largest number of boosting rounds.

        Returns:
            The booster, cut at its best round.
        """
        binned, held_out = matrices(
            train=encoder.encode_out_of_fold(train.scan().collect()),
            validation=encoder.encode_unseen(validation.scan().collect()),
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
        self, encoder: TrainingEncoder, *, rows: TrainingRows, params: Mapping[str, float], rounds: int
    ) -> xgb.Booster:
        """Fit a fixed number of rounds.

        Args:
            encoder: Encoder that was fitted on all these rows.
            rows: Training rows.
            params: XGBoost parameters, without the fixed ones.
            rounds: Number of boosting rounds.

        Returns:
            The booster with all its trees.
        """
        return boost_fixed_rounds(
            params=params,
            monotone=encoder.encoder.monotone,
            rounds=rounds,
            rows=encoder.encode_out_of_fold(rows.scan().collect()),
        )
