"""Trees of XGBoost."""

from typing import Any

import xgboost as xgb

from carvalue.pricing.model import new_booster
from carvalue.pricing.training.assembly import FittedTrees
from carvalue.pricing.training.boosting import EncodedRows, boost, boost_fixed_rounds, ignore_round, matrices
from carvalue.pricing.training.libraries.settings import BoostingSettings
from carvalue.pricing.trees import FlatTrees


def from_xgboost(booster: xgb.Booster, *, rounds: int) -> FittedTrees:
    """Convert a booster of XGBoost.

    Args:
        booster: The fitted booster.
        rounds: Number of its boosting rounds.

    Returns:
        The trees.
    """
    content = bytes(booster.save_raw(raw_format="ubj"))
    return FittedTrees(
        flat_trees=FlatTrees.from_booster(new_booster(content)), rounds=rounds, booster_bytes=content
    )


def fit_xgboost(
    settings: BoostingSettings, train: EncodedRows, validation: EncodedRows | None
) -> FittedTrees:
    """Fit with XGBoost.

    Args:
        settings: Parameters, constraints, loss and rounds.
        train: Rows to fit on.
        validation: Rows for early stopping; None fits all rounds.

    Returns:
        The trees, without those after the best round.
    """
    shared: dict[str, Any] = {
        "params": settings.params,
        "monotone": settings.monotone,
        "rounds": settings.rounds,
        "loss": settings.loss,
    }
    if validation is None:
        return from_xgboost(boost_fixed_rounds(rows=train, **shared), rounds=settings.rounds)
    binned, held_out = matrices(train=train, validation=validation)
    fitted = boost(train=binned, validation=held_out, on_round=ignore_round, **shared)
    return from_xgboost(fitted.booster, rounds=fitted.rounds)
