"""Trees of CatBoost: oblivious, that is all nodes of a level have the same split."""

import json
import warnings
from collections.abc import Mapping, Sequence
from math import log2
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from carvalue.pricing.intervals import Floats
from carvalue.pricing.training.assembly import FittedTrees
from carvalue.pricing.training.boosting import EncodedRows, patience
from carvalue.pricing.training.libraries.settings import SMALL_ROWS, BoostingSettings, import_library
from carvalue.pricing.trees import FlatTrees, NestedTree

Split = tuple[int, float]
"""Column and threshold."""


def fit_catboost(
    settings: BoostingSettings, train: EncodedRows, validation: EncodedRows | None
) -> FittedTrees:
    """Fit with CatBoost.

    The depth is the one with about `max_leaves` leaves. Oblivious trees have no `min_child_weight`, and
    choose columns for each tree.

    Args:
        settings: Parameters, constraints, loss and rounds.
        train: Rows to fit on.
        validation: Rows for early stopping; None fits all rounds.

    Returns:
        The trees, without those after the best round.

    Raises:
        LibraryMissing: CatBoost is not installed.
    """
    catboost = import_library("catboost")
    params = settings.params
    model = catboost.CatBoost(
        {
            "loss_function": _Objective(settings),
            "eval_metric": "MAE",
            "iterations": settings.rounds,
            "learning_rate": params["eta"],
            "depth": max(1, round(log2(params["max_leaves"]))),
            "l2_leaf_reg": params["reg_lambda"],
            "bootstrap_type": "Bernoulli",
            "subsample": params["subsample"],
            "rsm": params["colsample_bynode"],
            "monotone_constraints": list(settings.monotone),
            "leaf_estimation_method": "Newton",
            "leaf_estimation_iterations": 1,
            "model_shrink_rate": 0,
            "random_seed": int(params["seed"]),
            "thread_count": 1 if len(train.log_price) < SMALL_ROWS else -1,
            "allow_writing_files": False,
            "verbose": False,
        }
    )
    pools = [
        catboost.Pool(rows.matrix, rows.log_price, baseline=rows.base_margin)
        for rows in (train, validation)
        if rows is not None
    ]
    watched = {"eval_set": pools[1], "early_stopping_rounds": patience(settings.rounds)} if validation else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Failed to")  # compile the loss with Numba: it is NumPy's
        model.fit(pools[0], **watched)
    return FittedTrees(flat_trees=FlatTrees.from_nested(nested_trees(model)), rounds=model.tree_count_)


def nested_trees(model: Any) -> list[NestedTree]:
    """Read the trees of a fitted model.

    Args:
        model: A `catboost.CatBoost` of numeric features with oblivious trees and `nan_mode` Min, the default.

    Returns:
        The trees as `FlatTrees.from_nested` takes them.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        model.save_model(str(path), format="json")
        content = json.loads(path.read_text())
    return [
        _nested([_split(split) for split in tree["splits"] or ()], tree["leaf_values"])
        for tree in content["oblivious_trees"]
    ]


class _Objective:
    """The loss as CatBoost calls it: it maximizes, so both derivatives have the other sign."""

    def __init__(self, settings: BoostingSettings) -> None:
        self._settings = settings

    def calc_ders_range(self, approxes: Any, targets: Any, _weights: Any) -> Floats:
        gradient, curvature = self._settings.derivatives(np.asarray(approxes), np.asarray(targets))
        return np.stack([-gradient, -curvature], axis=1)


def _split(split: Mapping[str, Any]) -> Split:
    """Convert a split: CatBoost goes right above the border, `FlatTrees` from the threshold on."""
    threshold = np.nextafter(np.float32(split["border"]), np.float32(np.inf))
    return split["float_feature_index"], float(threshold)


def _nested(splits: Sequence[Split], leaves: Sequence[float]) -> NestedTree:
    """Nest the levels of a tree: bit i of a leaf's index is the side of split i; missing values go left."""
    if not splits:
        return float(leaves[0])
    half, others = len(leaves) // 2, splits[:-1]
    return *splits[-1], False, _nested(others, leaves[:half]), _nested(others, leaves[half:])
