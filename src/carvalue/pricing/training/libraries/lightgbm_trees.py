"""Trees of LightGBM."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from carvalue.pricing.training.assembly import FittedTrees
from carvalue.pricing.training.boosting import EncodedRows, patience
from carvalue.pricing.training.libraries.settings import SMALL_ROWS, BoostingSettings, import_library
from carvalue.pricing.trees import FlatTrees


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
    lgb = import_library("lightgbm")

    def objective(margin: Any, rows: Any) -> Any:
        return settings.derivatives(margin, rows.get_label())

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
    trees = [nested_from_lightgbm(tree["tree_structure"]) for tree in dumped]
    return FittedTrees(flat_trees=FlatTrees.from_nested(trees), rounds=rounds)


def nested_from_lightgbm(node: Mapping[str, Any]) -> Any:
    """Convert a node: LightGBM goes left up to and including the threshold, `FlatTrees` below it.

    Args:
        node: Node of `Booster.dump_model`.

    Returns:
        The node as `FlatTrees.from_nested` takes it.
    """
    if "leaf_value" in node:
        return float(node["leaf_value"])
    threshold = float(node["threshold"])
    single = np.float32(threshold)
    if float(single) <= threshold:
        single = np.nextafter(single, np.float32(np.inf))
    missing_right = node["missing_type"] != "NaN" or not node["default_left"]
    children = nested_from_lightgbm(node["left_child"]), nested_from_lightgbm(node["right_child"])
    return int(node["split_feature"]), float(single), bool(missing_right), *children
