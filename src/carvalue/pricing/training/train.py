"""From datasets to a bundle: tune, then train; both read Parquet and tell of their progress."""

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

ROUNDS_FACTOR = (
    1.5  # how many more rounds than the learning rate asks for may pass before early stopping must decide
)
LOCAL_BACKEND = LocalBackend()
LIBRARIES = ("carvalue", "xgboost-cpu", "numpy", "polars")


class NoTrainingRows(AppError):
    """The dataset cannot be learned from."""

    status, hint = 409, "Make the datasets with `carvalue run creates_datasets_dag`."


def tune_model(
    *, train: Path, validation: Path, budget: Budget, on_trial: Callable[[Trial], None]
) -> SearchResult:
    """Search parameters on the training rows; the validation rows decide."""
    frame, held_out = pl.read_parquet(train), pl.read_parquet(validation)
    encoder = fit_training_encoder(frame, newest_year=fit_known_categories(frame).newest_year)
    binned = matrices(train=encoder.learned(frame), validation=encoder.unseen(held_out))
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
    grower: TrainingBackend = LOCAL_BACKEND,
) -> PriceModel:
    """Fit with the tuned parameters, measure and calibrate on the validation rows, refit on all, write.

    The range comes from rows that the measured model never saw; the one that goes out learned from them.
    """
    prepared = _prepare(train, validation)
    fitted = grower.fit(
        prepared.encoder,
        train=train,
        validation=validation,
        params=_final_params(tuned),
        rounds=_most_rounds(tuned),
    )
    judged = _assemble(prepared, fitted=fitted, tuned=tuned, provenance=provenance, trained_at=trained_at)
    logger.info("model measured", extra={"rounds": fitted.rounds, **judged.card.metrics})
    grow = partial(grower.refit, rows=(train, validation), params=_final_params(tuned), rounds=fitted.rounds)
    model = _refitted(judged, frame=pl.concat(prepared.frames), grow=grow)
    model.save(into)
    logger.info("bundle written", extra={"folder": str(into), "rounds": fitted.rounds, "error": fitted.error})
    return model


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    encoder: TrainingEncoder
    familiar: KnownCategories
    frames: tuple[pl.DataFrame, pl.DataFrame]


def _prepare(train: Path, validation: Path) -> _Prepared:
    frame, held_out = pl.read_parquet(train), pl.read_parquet(validation)
    familiar = fit_known_categories(frame)
    encoder = fit_training_encoder(frame, newest_year=familiar.newest_year)
    return _Prepared(encoder=encoder, familiar=familiar, frames=(frame, held_out))


def _assemble(
    prepared: _Prepared,
    *,
    fitted: FittedBooster,
    tuned: SearchResult,
    provenance: Provenance,
    trained_at: datetime,
) -> PriceModel:
    trees = bytes(fitted.booster.save_raw(raw_format="ubj"))
    model = PriceModel(
        booster_bytes=trees,
        flat_trees=FlatTrees.from_booster(new_booster(trees)),
        encoder=prepared.encoder.encoder,
        intervals=UNCALIBRATED,
        known_categories=prepared.familiar,
        card=_card(prepared, tuned=tuned, fitted=fitted, provenance=provenance, trained_at=trained_at),
        reference_car=fit_reference_car(prepared.frames[0]),
        comparables=fit_comparables(prepared.frames[0]),
    )
    unseen = prepared.encoder.unseen(prepared.frames[1])
    quoted = model.log_prices(unseen.matrix)
    inputs = interval_inputs(model.encoder, unseen.matrix, log_price=quoted)
    intervals = calibrate_intervals(unseen.log_price - quoted, inputs=inputs, encoder=model.encoder)
    ranged = replace(model, intervals=intervals)
    return replace(ranged, card=replace(model.card, metrics=score_model(ranged, prepared.frames[1])))


def _refitted(
    judged: PriceModel, *, frame: pl.DataFrame, grow: Callable[[TrainingEncoder], xgb.Booster]
) -> PriceModel:
    """Learn the same from training and validation rows: the newest listings are the nearest to today."""
    familiar = fit_known_categories(frame)
    learned = fit_training_encoder(frame, newest_year=familiar.newest_year)
    trees, encoder = bytes(grow(learned).save_raw(raw_format="ubj")), learned.encoder
    model = replace(
        judged,
        booster_bytes=trees,
        flat_trees=FlatTrees.from_booster(new_booster(trees)),
        encoder=encoder,
        intervals=judged.intervals.recoded(old=judged.encoder, new=encoder),
        known_categories=familiar,
        reference_car=fit_reference_car(frame),
        comparables=fit_comparables(frame),
    )
    golden = tuple(zip(GOLDEN_LISTINGS, model.quote_many(GOLDEN_LISTINGS), strict=True))
    return replace(model, golden=golden)


def _most_rounds(tuned: SearchResult) -> int:
    return round(tuned.rounds * SEARCH_BUDGETS[tuned.budget].final_slower * ROUNDS_FACTOR)


def _final_params(tuned: SearchResult) -> dict[str, float]:
    """Learn slower than in the search, over more rounds: the same trees' shape, a finer approach."""
    effort = SEARCH_BUDGETS[tuned.budget]
    return {**tuned.params, "eta": effort.learning_rate / effort.final_slower}


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
        data_as_of=max(_newest(frame), _newest(held_out)),
        trained_at=trained_at,
        newest_year=prepared.familiar.newest_year,
        rows={"train": frame.height, "validation": held_out.height},
        metrics={},
        params={**_final_params(tuned), "rounds": fitted.rounds},
        versions={"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
    )


def _newest(frame: pl.DataFrame) -> date:
    newest = frame["posted_at"].max()
    if not isinstance(newest, datetime):
        raise NoTrainingRows("The dataset has no rows with a posting date.")
    return newest.date()
