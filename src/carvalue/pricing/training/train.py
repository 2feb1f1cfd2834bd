"""Tune hyperparameters and train a model: from Parquet files to a bundle."""

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl

from carvalue.pricing.bundle import Provenance
from carvalue.pricing.market import fit_known_categories
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.assembly import FittedTrees, assemble, prepare, refitted
from carvalue.pricing.training.backends import LocalBackend, TrainingBackend
from carvalue.pricing.training.boosting import matrices
from carvalue.pricing.training.cross_fitting import TrainingEncoder, fit_training_encoder
from carvalue.pricing.training.libraries import from_xgboost
from carvalue.pricing.training.search import SEARCH_BUDGETS, Budget, SearchResult, Trial, search_parameters

logger = logging.getLogger(__name__)

ROUNDS_FACTOR = 1.5  # margin on the expected rounds of the final fit, within which early stopping decides
LOCAL_BACKEND = LocalBackend()


def tune_model(
    *, train: Path, validation: Path, budget: Budget, on_trial: Callable[[Trial], None]
) -> SearchResult:
    """Search hyperparameters on the training rows; the validation rows decide.

    Args:
        train: Parquet file of the training rows.
        validation: Parquet file of the validation rows.
        budget: Name of one of `SEARCH_BUDGETS`.
        on_trial: Called after each trial.

    Returns:
        Parameters of the best trial.
    """
    frame, held_out = pl.read_parquet(train), pl.read_parquet(validation)
    encoder = fit_training_encoder(frame, newest_year=fit_known_categories(frame).newest_year)
    binned = matrices(train=encoder.encode_out_of_fold(frame), validation=encoder.encode_unseen(held_out))
    return search_parameters(
        budget=budget,
        monotone=encoder.encoder.monotone,
        train=binned[0],
        validation=binned[1],
        on_trial=on_trial,
    )


def train_model(
    *,
    tuned: SearchResult,
    train: Path,
    validation: Path,
    provenance: Provenance,
    trained_at: datetime,
    into: Path,
    backend: TrainingBackend = LOCAL_BACKEND,
) -> PriceModel:
    """Train a model and write its bundle.

    A first model is fitted on the training rows; on the validation rows, which it has not seen, its error is
    measured and its price range calibrated. The second model is fitted on both sets with the same parameters
    and number of rounds, and takes over the range; it is the one that is written.

    Args:
        tuned: Parameters from `tune_model`.
        train: Parquet file of the training rows.
        validation: Parquet file of the validation rows.
        provenance: Origin of the data, for the model card.
        trained_at: Time of the training, for the model card.
        into: Folder of the bundle.
        backend: Where the trees are fitted.

    Returns:
        The model that was written.

    Raises:
        NoTrainingRows: A file has no row with a posting date.
    """
    prepared = prepare(pl.read_parquet(train), pl.read_parquet(validation))
    params = _final_params(tuned)
    fitted = backend.fit(
        prepared.encoder, train=train, validation=validation, params=params, rounds=_max_rounds(tuned)
    )
    measured = assemble(
        prepared,
        trees=from_xgboost(fitted.booster, rounds=fitted.rounds),
        params=params,
        provenance=provenance,
        trained_at=trained_at,
    )
    logger.info("model measured", extra={"rounds": fitted.rounds, **measured.card.metrics})

    def refit(encoder: TrainingEncoder) -> FittedTrees:
        booster = backend.refit(encoder, rows=(train, validation), params=params, rounds=fitted.rounds)
        return from_xgboost(booster, rounds=fitted.rounds)

    model = refitted(measured, frame=pl.concat(prepared.frames), refit=refit)
    model.save(into)
    logger.info("bundle written", extra={"folder": str(into), "rounds": fitted.rounds, "error": fitted.error})
    return model


def _max_rounds(tuned: SearchResult) -> int:
    return round(tuned.rounds * SEARCH_BUDGETS[tuned.budget].final_slower * ROUNDS_FACTOR)


def _final_params(tuned: SearchResult) -> dict[str, float]:
    """Use a smaller learning rate than the search: the same parameters over more rounds are more accurate."""
    limits = SEARCH_BUDGETS[tuned.budget]
    return {**tuned.params, "eta": limits.learning_rate / limits.final_slower}
