"""Tune hyperparameters and train a model: from Parquet files to a bundle."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl

from carvalue.pricing.bundle import Accuracy, Provenance
from carvalue.pricing.market import fit_known_categories
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.assembly import (
    FittedTrees,
    assemble,
    calibrated,
    prepare,
    refitted,
    with_new_rows,
)
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


def refit_model(
    *,
    evaluated: PriceModel,
    train: Path,
    validation: Path,
    test: Path,
    reposts: Path | None,
    into: Path,
    accuracy: Accuracy | None = None,
    backend: TrainingBackend = LOCAL_BACKEND,
) -> PriceModel:
    """Fit an evaluated model again on all listings, also the newest, and write its bundle.

    The price range is calibrated on the test rows with the evaluated model, which has not seen them: they are
    the newest, and the evaluation showed that ranges calibrated in this way on the rows before cover them.

    Args:
        evaluated: Model from `train_model`.
        train: Parquet file of its training rows.
        validation: Parquet file of its validation rows.
        test: Parquet file of the test rows.
        reposts: Parquet file of later listings of cars in the other files; None if they were not kept.
        into: Folder of the bundle.
        accuracy: Accuracy of the evaluated model, for the card; None if it was not evaluated.
        backend: Where the trees are fitted.

    Returns:
        The model that was written; the metrics of its card are those of the evaluated model on the test rows.

    Raises:
        NoTrainingRows: No row has a posting date.
    """
    newest = {"test": test} | ({} if reposts is None else {"reposts": reposts})
    paths = (train, validation, *newest.values())
    frames = [pl.read_parquet(path) for path in paths]
    frame = pl.concat(frames)
    params, rounds = _split_params(evaluated.card.params)

    def refit(encoder: TrainingEncoder) -> FittedTrees:
        return from_xgboost(backend.refit(encoder, rows=paths, params=params, rounds=rounds), rounds=rounds)

    measured = calibrated(evaluated, pl.read_parquet(test))
    model = with_new_rows(
        refitted(measured, frame=frame, refit=refit),
        frame=frame,
        rows={name: part.height for name, part in zip(newest, frames[2:], strict=True)},
        rounds=rounds,
    )
    model = replace(model, card=replace(model.card, accuracy=accuracy))
    model.save(into)
    logger.info("model refitted", extra={"folder": str(into), "rows": frame.height, "rounds": rounds})
    return model


def _split_params(params: Mapping[str, float]) -> tuple[dict[str, float], int]:
    """Separate the number of rounds from the other parameters of a card."""
    others = dict(params)
    return others, round(others.pop("rounds"))


def _max_rounds(tuned: SearchResult) -> int:
    return round(tuned.rounds * SEARCH_BUDGETS[tuned.budget].final_slower * ROUNDS_FACTOR)


def _final_params(tuned: SearchResult) -> dict[str, float]:
    """Use a smaller learning rate than the search: the same parameters over more rounds are more accurate."""
    limits = SEARCH_BUDGETS[tuned.budget]
    return {**tuned.params, "eta": limits.learning_rate / limits.final_slower}
