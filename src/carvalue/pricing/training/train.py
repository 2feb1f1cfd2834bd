"""Tune hyperparameters and train a model: from Parquet files to a bundle."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from carvalue.listings.datasets import read_sample
from carvalue.parallel import IN_PROCESS, Workers, scratch_folder
from carvalue.pricing.bundle import Accuracy, Provenance
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
from carvalue.pricing.training.boosting import QUANTILES, price_growth, quantile_growths
from carvalue.pricing.training.encoding import (
    TrainingEncoder,
    TrainingRows,
    fit_training_encoder,
    in_files,
    in_memory,
)
from carvalue.pricing.training.libraries import from_xgboost
from carvalue.pricing.training.search import (
    SEARCH_BUDGETS,
    Budget,
    SearchResult,
    Trial,
    TrialRows,
    search_parameters,
)

logger = logging.getLogger(__name__)

ROUNDS_FACTOR = 1.5  # margin on the expected rounds of the final fit, within which early stopping decides
LOCAL_BACKEND = LocalBackend()


def tune_model(
    *,
    train: Path,
    validation: Path,
    budget: Budget,
    on_trial: Callable[[Trial], None],
    workers: Workers = IN_PROCESS,
) -> SearchResult:
    """Search hyperparameters on the training rows, or a sample of their cars; the validation rows decide.

    Args:
        train: Training rows: a Parquet file, or a folder of Parquet files.
        validation: Validation rows, likewise.
        budget: Name of one of `SEARCH_BUDGETS`.
        on_trial: Called after each trial.
        workers: Where the trials run.

    Returns:
        Parameters of the best trial.
    """
    frame, held_out = read_sample(train), read_sample(validation)
    encoder = fit_training_encoder(in_memory(frame))
    return search_parameters(
        budget=budget,
        monotone=encoder.encoder.monotone,
        rows=TrialRows(train=encoder.encode_out_of_fold(frame), validation=encoder.encode_unseen(held_out)),
        on_trial=on_trial,
        workers=workers,
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
        train: Training rows: a Parquet file, or a folder of Parquet files.
        validation: Validation rows, likewise.
        provenance: Origin of the data, for the model card.
        trained_at: Time of the training, for the model card.
        into: Folder of the bundle.
        backend: Where the model is fitted.

    Returns:
        The model that was written.

    Raises:
        NoTrainingRows: A file has no row with a posting date.
    """
    params = _final_params(tuned)
    with scratch_folder(into.parent) as scratch:
        open_rows = partial(in_files, workers=backend.workers, scratch=scratch)
        seen, held_out = open_rows([train]), open_rows([validation])
        prepared = prepare(seen, held_out)
        rounds = _max_rounds(tuned)
        growth = price_growth(params, monotone=prepared.encoder.encoder.monotone, rounds=rounds)
        (fitted,) = backend.fit(prepared.encoder, [growth], rows=seen, validation=held_out)
        quantiles = backend.fit(
            prepared.encoder,
            quantile_growths([rounds] * len(QUANTILES)),
            rows=seen.sample(),
            validation=held_out.sample(),
        )
        measured = assemble(
            prepared,
            trees=from_xgboost(fitted, *quantiles),
            params=params,
            provenance=provenance,
            trained_at=trained_at,
        )
        search = {"trials": tuned.trials, "planned": tuned.planned_trials} if tuned.planned_trials else {}
        measured = replace(measured, card=replace(measured.card, search=search))
        logger.info("model measured", extra={"rounds": fitted.rounds, **measured.card.metrics})
        model = refitted(measured, rows=seen + held_out, refit=refit_by(backend, measured, seen + held_out))
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
        train: Its training rows: a Parquet file, or a folder of Parquet files.
        validation: Its validation rows, likewise.
        test: Test rows, likewise.
        reposts: Later listings of cars in the other files, likewise; None if they were not kept.
        into: Folder of the bundle.
        accuracy: Accuracy of the evaluated model, for the card; None if it was not evaluated.
        backend: Where the model is fitted.

    Returns:
        The model that was written; the metrics of its card are those of the evaluated model on the test rows.

    Raises:
        NoTrainingRows: No row has a posting date.
    """
    newest = {"test": test} | ({} if reposts is None else {"reposts": reposts})
    with scratch_folder(into.parent) as scratch:
        open_rows = partial(in_files, workers=backend.workers, scratch=scratch)
        rows = open_rows([train, validation, *newest.values()])
        measured = calibrated(evaluated, open_rows([test]))
        model = with_new_rows(
            refitted(measured, rows=rows, refit=refit_by(backend, measured, rows)),
            all_rows=rows,
            rows={name: open_rows([path]).count() for name, path in newest.items()},
        )
    model = replace(model, card=replace(model.card, accuracy=accuracy))
    model.save(into)
    facts = {"rows": sum(model.card.rows.values()), "rounds": model.card.params["rounds"]}
    logger.info("model refitted", extra={"folder": str(into), **facts})
    return model


def refit_by(
    backend: TrainingBackend, evaluated: PriceModel, rows: TrainingRows
) -> Callable[[TrainingEncoder], FittedTrees]:
    """Return a function that fits the trees of a model again, with as many rounds as they have.

    Args:
        backend: Where they are fitted.
        evaluated: The model.
        rows: Rows to fit on.

    Returns:
        Function of the encoder of these rows.
    """
    params, rounds = _split_params(evaluated.card.params)
    quantile_rounds = evaluated.quantile_trees.rounds if evaluated.quantile_trees else ()

    def refit(encoder: TrainingEncoder) -> FittedTrees:
        growth = price_growth(params, monotone=encoder.encoder.monotone, rounds=rounds)
        (price,) = backend.fit(encoder, [growth], rows=rows)
        growths = quantile_growths(quantile_rounds)
        quantiles = backend.fit(encoder, growths, rows=rows.sample()) if growths else []
        return from_xgboost(price, *quantiles)

    return refit


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
