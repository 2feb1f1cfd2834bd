"""The flat forest gives XGBoost's own sums, bit for bit, with and without missing values."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import xgboost as xgb

from carvalue.pricing.trees.flat import FlatTrees, NestedTree
from carvalue.pricing.trees.native import MAX_NODES, is_native_available

START = np.float32(9.3)


@pytest.fixture(scope="module")
def rows() -> np.ndarray:
    random = np.random.default_rng(5)
    rows = random.normal(size=(3_000, 8)).astype(np.float32)
    rows[random.random(rows.shape) < 0.1] = np.nan
    rows[:, -1] = 9 + np.abs(np.nan_to_num(rows[:, -1]))  # what the sum starts with is never missing
    rows[:, 0] = np.round(rows[:, 0])  # values that meet a threshold exactly
    return rows


@pytest.fixture(scope="module")
def booster(rows: np.ndarray) -> xgb.Booster:
    target = np.nan_to_num(rows[:, 0] * rows[:, 1]) + np.nan_to_num(rows[:, 2])
    params = {
        "grow_policy": "lossguide",
        "max_leaves": 63,
        "max_depth": 0,
        "eta": 0.1,
        "nthread": 1,
    }
    return xgb.train(params, xgb.DMatrix(rows, target, base_margin=rows[:, -1]), num_boost_round=120)


@pytest.fixture(params=["compiled", "NumPy"])
def _walk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Walk in both ways, whatever this installation has; without a compiler the first is not there to try."""
    if request.param == "NumPy":
        monkeypatch.setattr("carvalue.pricing.trees.flat.is_native_available", lambda: False)
    elif not is_native_available():
        pytest.skip("this installation has not compiled predict.c")


@pytest.mark.usefixtures("_walk")
@pytest.mark.parametrize("count", [1, 3, 500])
def test_a_forest_scores_as_xgboost_does_bit_for_bit(
    booster: xgb.Booster, rows: np.ndarray, count: int
) -> None:
    some = rows[-count:]

    scores = FlatTrees.from_booster(booster).predict(some, base_margin=some[:, -1])

    assert scores.tobytes() == booster.inplace_predict(some, base_margin=some[:, -1]).tobytes()


def test_this_installation_has_the_compiled_predictor() -> None:
    assert is_native_available() or shutil.which("cc") is None


def test_a_node_index_outside_its_tree_is_refused(booster: xgb.Booster) -> None:
    forest = FlatTrees.from_booster(booster)
    outside, twice = forest.left.copy(), forest.left.copy()
    outside[0] = forest.roots[1]
    inner = np.flatnonzero(forest.left > np.arange(len(forest.left)))
    twice[inner[2]] = forest.left[inner[0]]

    for left, reason in ((outside, "out of its tree"), (twice, "to the same")):
        with pytest.raises(ValueError, match=reason):
            FlatTrees.from_bytes(replace(forest, left=left).as_bytes())


def test_rows_too_narrow_for_the_trees_are_refused(booster: xgb.Booster, rows: np.ndarray) -> None:
    forest = FlatTrees.from_booster(booster)

    with pytest.raises((ValueError, IndexError)):
        forest.predict(rows[:1, :2], base_margin=rows[:1, -1])


def test_saved_trees_are_loaded_unchanged(booster: xgb.Booster, rows: np.ndarray) -> None:
    forest = FlatTrees.from_booster(booster)

    again = FlatTrees.from_bytes(forest.as_bytes())

    assert (
        again.predict(rows[:9], base_margin=rows[:9, -1]).tolist()
        == forest.predict(rows[:9], base_margin=rows[:9, -1]).tolist()
    )
    assert again.as_bytes() == forest.as_bytes()


def test_a_tree_that_never_splits_is_a_leaf(rows: np.ndarray) -> None:
    stump = xgb.train({"eta": 1.0}, xgb.DMatrix(rows, np.full(len(rows), 3.0)), num_boost_round=1)
    quoted = stump.inplace_predict(rows[:1], base_margin=np.array([START]))

    assert FlatTrees.from_booster(stump).predict(rows[:1], base_margin=np.array([START]))[0] == quoted[0]


@pytest.mark.usefixtures("_walk")
def test_values_on_a_threshold_and_beyond_all_of_them_go_the_way_of_xgboost(
    booster: xgb.Booster, rows: np.ndarray
) -> None:
    forest = FlatTrees.from_booster(booster)
    inner = forest.left != np.arange(len(forest.left))
    edges = [np.unique(forest.threshold[inner & (forest.feature == feature)]) for feature in range(7)]
    extreme = np.repeat(rows[:1], 4, axis=0)
    extreme[:, :7] = [
        [values[len(values) // 2] for values in edges],
        [np.nextafter(values[len(values) // 2], np.float32(-np.inf)) for values in edges],
        [np.float32(np.finfo(np.float32).max)] * 7,
        [np.float32(np.finfo(np.float32).min)] * 7,
    ]

    scores = forest.predict(extreme, base_margin=extreme[:, -1])

    assert scores.tobytes() == booster.inplace_predict(extreme, base_margin=extreme[:, -1]).tobytes()


def test_trees_that_a_node_of_four_bytes_cannot_describe_are_traversed_with_numpy(rows: np.ndarray) -> None:
    deep: NestedTree = 0.5
    for level in range(MAX_NODES // 2 + 1):  # each level adds two nodes
        deep = (0, float(level), False, 0.25, deep)
    forest = FlatTrees.from_nested([deep])

    assert forest.native is None
    assert forest.predict(np.full((1, 1), -1, np.float32), base_margin=np.zeros(1, np.float32)).tolist() == [
        0.25
    ]
