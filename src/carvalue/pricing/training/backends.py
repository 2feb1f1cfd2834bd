"""Where the trees grow: in this process, unless a cluster is named (`cluster.py`)."""

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
    """Fits trees on listings in Parquet files."""

    def fit(
        self,
        encoder: TrainingEncoder,
        *,
        train: Path,
        validation: Path,
        params: Mapping[str, float],
        rounds: int,
    ) -> FittedBooster:
        """Fit with early stopping on the validation rows."""

    def refit(
        self, encoder: TrainingEncoder, *, rows: Sequence[Path], params: Mapping[str, float], rounds: int
    ) -> xgb.Booster:
        """Fit a known number of rounds on the rows of all these files."""


class LocalBackend:
    """Fits with all cores of this machine; the encoded rows have to fit into its memory."""

    def fit(
        self,
        encoder: TrainingEncoder,
        *,
        train: Path,
        validation: Path,
        params: Mapping[str, float],
        rounds: int,
    ) -> FittedBooster:
        """Fit with early stopping on the validation rows."""
        binned, held_out = matrices(
            train=encoder.learned(pl.read_parquet(train)),
            validation=encoder.unseen(pl.read_parquet(validation)),
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
        """Fit a known number of rounds on the rows of all these files."""
        return boost_fixed_rounds(
            params=params,
            monotone=encoder.encoder.monotone,
            rounds=rounds,
            rows=encoder.learned(pl.concat(map(pl.read_parquet, rows))),
        )
