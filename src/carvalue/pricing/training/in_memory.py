"""Train a price model on a frame in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from carvalue.pricing.bundle import Provenance
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training.assembly import FittedTrees, assemble, prepare, refitted, with_golden
from carvalue.pricing.training.boosting import QUANTILES
from carvalue.pricing.training.components import Components
from carvalue.pricing.training.encoding import TrainingEncoder, in_memory
from carvalue.pricing.training.libraries import Booster, BoostingSettings, fit_quantile_trees, fit_trees


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """How a model is fitted.

    Attributes:
        booster: Library of the trees.
        params: Parameters of the boosting under XGBoost's names, and `seed`.
        rounds: Largest number of boosting rounds.
        components: Components of the model.
        validation_fraction: Share of the cars for early stopping and the calibration of intervals.
        refit: Whether the model is fitted again on all rows after its calibration.
        seed: Seed of the choice of validation cars.
    """

    booster: Booster
    params: Mapping[str, float]
    rounds: int
    components: Components
    validation_fraction: float
    refit: bool
    seed: int


@dataclass(frozen=True, kw_only=True)
class FittedModel:
    """A fitted model.

    Attributes:
        model: The model.
        rounds: Number of its boosting rounds.
    """

    model: PriceModel
    rounds: int


def fit_model(
    rows: pl.DataFrame, *, settings: FitSettings, provenance: Provenance, trained_at: datetime
) -> FittedModel:
    """Fit a model, calibrate it on held-out cars, and fit it again on all rows.

    Args:
        rows: All fields of listings and `price`; optionally `car` and `posted_at`.
        settings: How the model is fitted.
        provenance: Origin of the data, for the card.
        trained_at: Time of the training; also the time of posting where the rows have none.

    Returns:
        The model.
    """
    is_held_out = held_out_rows(rows, fraction=settings.validation_fraction, seed=settings.seed)
    rows = _identified(rows, posted_at=trained_at)
    train, validation = rows.filter(~is_held_out), rows.filter(is_held_out)
    prepared = prepare(in_memory(train), in_memory(validation), components=settings.components)
    quantile_rounds = (settings.rounds,) * len(QUANTILES) if settings.components.quantile_trees else ()
    trees = _fit_trees(prepared.encoder, settings, quantile_rounds, rows=train, validation=validation)
    model = assemble(
        prepared, trees=trees, params=settings.params, provenance=provenance, trained_at=trained_at
    )
    if not settings.refit:
        return FittedModel(model=with_golden(model), rounds=trees.rounds)
    fixed = replace(settings, rounds=trees.rounds)
    model = refitted(
        model,
        rows=in_memory(rows),
        refit=lambda encoder: _fit_trees(encoder, fixed, trees.quantile_rounds, rows=rows),
        components=settings.components,
    )
    return FittedModel(model=model, rounds=trees.rounds)


def held_out_rows(rows: pl.DataFrame, *, fraction: float, seed: int) -> pl.Series:
    """Choose the validation cars: the newest where the time of posting is known, otherwise random ones.

    Args:
        rows: Listings, optionally with `car` and `posted_at`.
        fraction: Share of the cars.
        seed: Seed of the random choice.

    Returns:
        Whether each row is held out, shape (rows,); at least one row is, and at least one is not.

    Examples:
        >>> rows = pl.DataFrame({"car": [1, 2, 1, 3], "posted_at": [1, 2, 3, 4]})
        >>> held_out_rows(rows, fraction=0.3, seed=0).to_list()
        [False, False, False, True]
    """
    car = rows["car"] if "car" in rows.columns else pl.Series("car", np.arange(rows.height))
    if "posted_at" in rows.columns:
        first = pl.DataFrame({"car": car, "at": rows["posted_at"]}).group_by("car").agg(pl.col("at").min())
        cars = first.sort("at", "car")["car"]
    else:
        cars = car.unique(maintain_order=True).shuffle(seed)
    count = min(max(round(fraction * len(cars)), 1), max(len(cars) - 1, 1))
    return car.is_in(cars.tail(count).implode()).alias("held out")


def _identified(rows: pl.DataFrame, *, posted_at: datetime) -> pl.DataFrame:
    """Add the identity of the car and the time of posting where they are unknown."""
    if "car" not in rows.columns:
        rows = rows.with_columns(pl.int_range(pl.len(), dtype=pl.UInt64).alias("car"))
    elif rows["car"].dtype != pl.UInt64:
        rows = rows.with_columns(pl.col("car").hash(0))
    if "posted_at" in rows.columns:
        return rows.with_columns(pl.col("posted_at").cast(pl.Datetime("us", "UTC")))
    return rows.with_columns(pl.lit(posted_at).cast(pl.Datetime("us", "UTC")).alias("posted_at"))


def _fit_trees(
    encoder: TrainingEncoder,
    settings: FitSettings,
    quantile_rounds: Sequence[int],
    *,
    rows: pl.DataFrame,
    validation: pl.DataFrame | None = None,
) -> FittedTrees:
    boosting = BoostingSettings.from_components(
        settings.components, encoder=encoder.encoder, params=settings.params, rounds=settings.rounds
    )
    train = encoder.encode_out_of_fold(rows)
    held_out = None if validation is None else encoder.encode_unseen(validation)
    trees = fit_trees(settings.booster, boosting, train=train, validation=held_out)
    if not quantile_rounds:
        return trees
    return replace(trees, quantile_trees=fit_quantile_trees(quantile_rounds, train, held_out))
