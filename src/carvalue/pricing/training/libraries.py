"""Libraries of gradient-boosted trees: each fits with the same loss, constraints and starting point.

The trees of every library become `FlatTrees`, so that a model is saved, loaded and served alike.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xgboost as xgb

from carvalue.errors import AppError
from carvalue.pricing.model import new_booster
from carvalue.pricing.training.assembly import FittedTrees
from carvalue.pricing.training.boosting import (
    LOSSES,
    EncodedRows,
    boost,
    boost_fixed_rounds,
    ignore_round,
    matrices,
    patience,
)
from carvalue.pricing.training.components import LossName
from carvalue.pricing.trees import FlatTrees

if TYPE_CHECKING:
    import lightgbm

Booster = Literal["xgboost", "lightgbm"]
"""Name of a library."""


class LibraryMissing(AppError):
    """The library of the trees is not installed."""

    status, hint = 409, "Install it, for example with `pip install lightgbm`, or use booster='xgboost'."


@dataclass(frozen=True, kw_only=True)
class BoostingSettings:
    """How trees are fitted.

    Attributes:
        params: Parameters under XGBoost's names.
        monotone: Constraint of each feature: 1 increasing, -1 decreasing, 0 none.
        rounds: Number of boosting rounds; the largest number where validation rows stop the fit earlier.
        loss: Loss on the error of the log price.
    """

    params: Mapping[str, float]
    monotone: tuple[int, ...]
    rounds: int
    loss: LossName


FitTrees = Callable[[BoostingSettings, EncodedRows, EncodedRows | None], FittedTrees]
"""Fits trees on training rows, and stops early where validation rows are given."""


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


def fit_lightgbm(
    settings: BoostingSettings, train: EncodedRows, validation: EncodedRows | None
) -> FittedTrees:
    """Fit with LightGBM.

    Args:
        settings: Parameters, constraints, loss and rounds.
        train: Rows to fit on.
        validation: Rows for early stopping; None fits all rounds.

    Returns:
        The trees, without those after the best round.

    Raises:
        LibraryMissing: LightGBM is not installed.
    """
    try:
        import lightgbm as lgb  # noqa: PLC0415  # optional
    except ImportError as error:
        raise LibraryMissing("LightGBM is not installed.") from error

    def objective(margin: Any, rows: "lightgbm.Dataset") -> Any:
        return LOSSES[settings.loss](margin, _Labels(rows.get_label()))  # type: ignore[arg-type]

    data = lgb.Dataset(train.matrix, train.log_price, init_score=train.base_margin, free_raw_data=False)
    params = {
        "objective": objective,
        "metric": "mae",
        "verbosity": -1,
        "seed": int(settings.params["seed"]),
        "num_threads": 1 if len(train.log_price) < SMALL_ROWS else 0,
        "deterministic": True,
        "learning_rate": settings.params["eta"],
        "num_leaves": int(settings.params["max_leaves"]),
        "min_sum_hessian_in_leaf": settings.params["min_child_weight"],
        "min_data_in_leaf": 1,
        "bagging_fraction": settings.params["subsample"],
        "bagging_freq": 1,
        "feature_fraction_bynode": settings.params["colsample_bynode"],
        "lambda_l2": settings.params["reg_lambda"],
        "monotone_constraints": list(settings.monotone),
    }
    watched: dict[str, Any] = {}
    if validation is not None:
        held_out = data.create_valid(
            validation.matrix, validation.log_price, init_score=validation.base_margin
        )
        stop = lgb.early_stopping(patience(settings.rounds), verbose=False)
        watched = {"valid_sets": [held_out], "callbacks": [stop]}
    booster = lgb.train(params, data, num_boost_round=settings.rounds, **watched)
    rounds = booster.best_iteration if validation is not None else settings.rounds
    dumped = booster.dump_model(num_iteration=rounds)["tree_info"]
    return FittedTrees(
        flat_trees=FlatTrees.from_nested([_nested(tree["tree_structure"]) for tree in dumped]), rounds=rounds
    )


SMALL_ROWS = 10_000  # fewer are fitted faster by one thread
LIBRARIES: Mapping[Booster, FitTrees] = {"xgboost": fit_xgboost, "lightgbm": fit_lightgbm}
"""Name of a library -> function that fits its trees."""


class _Labels:
    """Labels under the method by which a loss asks XGBoost for them."""

    def __init__(self, labels: Any) -> None:
        self._labels = labels

    def get_label(self) -> Any:
        return self._labels


def _nested(node: Mapping[str, Any]) -> Any:
    """Convert a node: LightGBM goes left up to and including the threshold, `FlatTrees` below it."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    threshold = float(node["threshold"])
    single = np.float32(threshold)
    if float(single) <= threshold:
        single = np.nextafter(single, np.float32(np.inf))
    missing_right = node["missing_type"] != "NaN" or not node["default_left"]
    children = _nested(node["left_child"]), _nested(node["right_child"])
    return int(node["split_feature"]), float(single), bool(missing_right), *children
