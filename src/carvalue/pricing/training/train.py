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
from carvalue.pricing.bundle.golden import GOLDEN_LISTINGS
from carvalue.pricing.bundle.model_card import ModelCard, Provenance
from carvalue.pricing.evaluation.scores import all_scores
from carvalue.pricing.intervals.conformal import NO_RANGE, calibrate, what_is_seen
from carvalue.pricing.market.comparables import fit_comparables
from carvalue.pricing.market.known_categories import Familiar, fit_familiar
from carvalue.pricing.market.reference_car import usual_car
from carvalue.pricing.model import PriceModel, new_booster
from carvalue.pricing.training.backends import Grower, InProcess
from carvalue.pricing.training.boosting import Fitted, matrices
from carvalue.pricing.training.cross_fitting import TrainingEncoder, fit_training_encoder
from carvalue.pricing.training.search import EFFORTS, Budget, Trial, Tuned, search
from carvalue.pricing.trees.flat import Forest

logger = logging.getLogger(__name__)

ROOM = 1.5  # how many more rounds than the learning rate asks for may pass before early stopping must decide
IN_PROCESS = InProcess()
LIBRARIES = ("carvalue", "xgboost-cpu", "numpy", "polars")


class NoTrainingRows(AppError):
    """The dataset cannot be learned from."""

    status, hint = 409, "Make the datasets with `carvalue run creates_datasets_dag`."


def tune(*, train: Path, validation: Path, budget: Budget, on_trial: Callable[[Trial], None]) -> Tuned:
    """Search parameters on the training rows; the validation rows decide."""
    frame, held_out = pl.read_parquet(train), pl.read_parquet(validation)
    encoder = fit_training_encoder(frame, newest_year=fit_familiar(frame).newest_year)
    binned = matrices(train=encoder.learned(frame), validation=encoder.unseen(held_out))
    return search(
        budget=budget,
        monotone=encoder.encoder.monotone,
        train=binned[0],
        validation=binned[1],
        on_trial=on_trial,
    )


def train(
    *,
    tuned: Tuned,
    train: Path,
    validation: Path,
    provenance: Provenance,
    trained_at: datetime,
    into: Path,
    grower: Grower = IN_PROCESS,
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
    familiar: Familiar
    frames: tuple[pl.DataFrame, pl.DataFrame]


def _prepare(train: Path, validation: Path) -> _Prepared:
    frame, held_out = pl.read_parquet(train), pl.read_parquet(validation)
    familiar = fit_familiar(frame)
    encoder = fit_training_encoder(frame, newest_year=familiar.newest_year)
    return _Prepared(encoder=encoder, familiar=familiar, frames=(frame, held_out))


def _assemble(
    prepared: _Prepared, *, fitted: Fitted, tuned: Tuned, provenance: Provenance, trained_at: datetime
) -> PriceModel:
    trees = bytes(fitted.booster.save_raw(raw_format="ubj"))
    model = PriceModel(
        trees=trees,
        forest=Forest.of(new_booster(trees)),
        encoder=prepared.encoder.encoder,
        ranges=NO_RANGE,
        familiar=prepared.familiar,
        card=_card(prepared, tuned=tuned, fitted=fitted, provenance=provenance, trained_at=trained_at),
        usual=usual_car(prepared.frames[0]),
        comparables=fit_comparables(prepared.frames[0]),
    )
    unseen = prepared.encoder.unseen(prepared.frames[1])
    quoted = model.log_prices(unseen.matrix)
    seen = what_is_seen(model.encoder, unseen.matrix, log_price=quoted)
    ranges = calibrate(unseen.log_price - quoted, seen=seen, encoder=model.encoder)
    ranged = replace(model, ranges=ranges)
    return replace(ranged, card=replace(model.card, metrics=all_scores(ranged, prepared.frames[1])))


def _refitted(
    judged: PriceModel, *, frame: pl.DataFrame, grow: Callable[[TrainingEncoder], xgb.Booster]
) -> PriceModel:
    """Learn the same from training and validation rows: the newest listings are the nearest to today."""
    familiar = fit_familiar(frame)
    learned = fit_training_encoder(frame, newest_year=familiar.newest_year)
    trees, encoder = bytes(grow(learned).save_raw(raw_format="ubj")), learned.encoder
    model = replace(
        judged,
        trees=trees,
        forest=Forest.of(new_booster(trees)),
        encoder=encoder,
        ranges=judged.ranges.recoded(old=judged.encoder, new=encoder),
        familiar=familiar,
        usual=usual_car(frame),
        comparables=fit_comparables(frame),
    )
    golden = tuple(zip(GOLDEN_LISTINGS, model.quote_many(GOLDEN_LISTINGS), strict=True))
    return replace(model, golden=golden)


def _most_rounds(tuned: Tuned) -> int:
    return round(tuned.rounds * EFFORTS[tuned.budget].final_slower * ROOM)


def _final_params(tuned: Tuned) -> dict[str, float]:
    """Learn slower than in the search, over more rounds: the same trees' shape, a finer approach."""
    effort = EFFORTS[tuned.budget]
    return {**tuned.params, "eta": effort.learning_rate / effort.final_slower}


def _card(
    prepared: _Prepared, *, tuned: Tuned, fitted: Fitted, provenance: Provenance, trained_at: datetime
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
