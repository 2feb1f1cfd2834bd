"""Tune hyperparameters and train a model: from Parquet files to a bundle."""

import logging
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path

import polars as pl
import xgboost as xgb

from carvalue.errors import AppError
from carvalue.pricing.bundle import GOLDEN_LISTINGS, ModelCard, Provenance
from carvalue.pricing.evaluation import score_model
from carvalue.pricing.intervals import UNCALIBRATED, calibrate_intervals, interval_inputs
from carvalue.pricing.market import KnownCategories, fit_comparables, fit_known_categories, fit_reference_car
from carvalue.pricing.model import PriceModel, new_booster
from carvalue.pricing.training.backends import LocalBackend, TrainingBackend
from carvalue.pricing.training.boosting import FittedBooster, matrices
from carvalue.pricing.training.cross_fitting import TrainingEncoder, fit_training_encoder
from carvalue.pricing.training.search import SEARCH_BUDGETS, Budget, SearchResult, Trial, search_parameters
from carvalue.pricing.trees import FlatTrees

logger = logging.getLogger(__name__)

ROUNDS_FACTOR = 1.5  # margin on the expected rounds of the final fit, within which early stopping decides
LOCAL_BACKEND = LocalBackend()
LIBRARIES = ("carvalue", "xgboost-cpu", "numpy", "polars")


class NoTrainingRows(AppError):
    """The dataset has no rows to train on."""

    status, hint = 409, "Make the datasets with `carvalue run creates_datasets_dag`."


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
    prepared = _prepare(train, validation)
    fitted = backend.fit(
        prepared.encoder,
        train=train,
        validation=validation,
        params=_final_params(tuned),
        rounds=_max_rounds(tuned),
    )
    measured = _assemble(prepared, fitted=fitted, tuned=tuned, provenance=provenance, trained_at=trained_at)
    logger.info("model measured", extra={"rounds": fitted.rounds, **measured.card.metrics})
    refit = partial(
        backend.refit, rows=(train, validation), params=_final_params(tuned), rounds=fitted.rounds
    )
    model = _refitted(measured, frame=pl.concat(prepared.frames), refit=refit)
    model.save(into)
    logger.info("bundle written", extra={"folder": str(into), "rounds": fitted.rounds, "error": fitted.error})
    return model


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    encoder: TrainingEncoder
    known_categories: KnownCategories
    frames: tuple[pl.DataFrame, pl.DataFrame]
    """Training and validation rows."""


def _prepare(train: Path, validation: Path) -> _Prepared:
    frame, held_out = pl.read_parquet(train), pl.read_parquet(validation)
    known_categories = fit_known_categories(frame)
    encoder = fit_training_encoder(frame, newest_year=known_categories.newest_year)
    return _Prepared(encoder=encoder, known_categories=known_categories, frames=(frame, held_out))


def _assemble(
    prepared: _Prepared,
    *,
    fitted: FittedBooster,
    tuned: SearchResult,
    provenance: Provenance,
    trained_at: datetime,
) -> PriceModel:
    """Build the first model, calibrate its price range and measure it on the validation rows."""
    trees = bytes(fitted.booster.save_raw(raw_format="ubj"))
    train, validation = prepared.frames
    model = PriceModel(
        booster_bytes=trees,
        flat_trees=FlatTrees.from_booster(new_booster(trees)),
        encoder=prepared.encoder.encoder,
        intervals=UNCALIBRATED,
        known_categories=prepared.known_categories,
        card=_card(prepared, tuned=tuned, fitted=fitted, provenance=provenance, trained_at=trained_at),
        reference_car=fit_reference_car(train),
        comparables=fit_comparables(train),
    )
    rows = prepared.encoder.encode_unseen(validation)
    log_price = model.log_prices(rows.matrix)
    inputs = interval_inputs(model.encoder, rows.matrix, log_price=log_price)
    intervals = calibrate_intervals(rows.log_price - log_price, inputs=inputs, encoder=model.encoder)
    calibrated = replace(model, intervals=intervals)
    return replace(calibrated, card=replace(model.card, metrics=score_model(calibrated, validation)))


def _refitted(
    measured: PriceModel, *, frame: pl.DataFrame, refit: Callable[[TrainingEncoder], xgb.Booster]
) -> PriceModel:
    """Fit the same model on training and validation rows, so that the newest listings are learned too."""
    known_categories = fit_known_categories(frame)
    training_encoder = fit_training_encoder(frame, newest_year=known_categories.newest_year)
    trees, encoder = bytes(refit(training_encoder).save_raw(raw_format="ubj")), training_encoder.encoder
    model = replace(
        measured,
        booster_bytes=trees,
        flat_trees=FlatTrees.from_booster(new_booster(trees)),
        encoder=encoder,
        intervals=measured.intervals.recoded(old=measured.encoder, new=encoder),
        known_categories=known_categories,
        reference_car=fit_reference_car(frame),
        comparables=fit_comparables(frame),
    )
    golden = tuple(zip(GOLDEN_LISTINGS, model.quote_many(GOLDEN_LISTINGS), strict=True))
    return replace(model, golden=golden)


def _max_rounds(tuned: SearchResult) -> int:
    return round(tuned.rounds * SEARCH_BUDGETS[tuned.budget].final_slower * ROUNDS_FACTOR)


def _final_params(tuned: SearchResult) -> dict[str, float]:
    """Use a smaller learning rate than the search: the same parameters over more rounds are more accurate."""
    limits = SEARCH_BUDGETS[tuned.budget]
    return {**tuned.params, "eta": limits.learning_rate / limits.final_slower}


def _card(
    prepared: _Prepared,
    *,
    tuned: SearchResult,
    fitted: FittedBooster,
    provenance: Provenance,
    trained_at: datetime,
) -> ModelCard:
    frame, held_out = prepared.frames
    return ModelCard(
        **asdict(provenance),
        data_as_of=max(_newest_day(frame), _newest_day(held_out)),
        trained_at=trained_at,
        newest_year=prepared.known_categories.newest_year,
        rows={"train": frame.height, "validation": held_out.height},
        metrics={},
        params={**_final_params(tuned), "rounds": fitted.rounds},
        versions={"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    )


def _newest_day(frame: pl.DataFrame) -> date:
    newest = frame["posted_at"].max()
    if not isinstance(newest, datetime):
        raise NoTrainingRows("Training rows: expected at least one row with `posted_at`, found none.")
    return newest.date()
