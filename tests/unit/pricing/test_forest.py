"""The flat forest gives XGBoost's own sums, bit for bit, with and without missing values."""

import numpy as np
import pytest
import xgboost as xgb

from carvalue.pricing.forest import Forest

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


def test_a_forest_scores_as_xgboost_does_bit_for_bit(booster: xgb.Booster, rows: np.ndarray) -> None:
    forest = Forest.of(booster)

    scores = np.array([forest.score(row, start=row[-1]) for row in rows[:500]], dtype=np.float32)

    assert scores.tobytes() == booster.inplace_predict(rows[:500], base_margin=rows[:500, -1]).tobytes()


def test_a_forest_passes_through_its_bytes(booster: xgb.Booster, rows: np.ndarray) -> None:
    forest = Forest.of(booster)

    again = Forest.from_bytes(forest.as_bytes())

    assert again.score(rows[0], start=START) == forest.score(rows[0], start=START)
    assert again.as_bytes() == forest.as_bytes()


def test_a_tree_that_never_splits_is_a_leaf(rows: np.ndarray) -> None:
    stump = xgb.train({"eta": 1.0}, xgb.DMatrix(rows, np.full(len(rows), 3.0)), num_boost_round=1)
    quoted = stump.inplace_predict(rows[:1], base_margin=np.array([START]))

    assert Forest.of(stump).score(rows[0], start=START) == quoted[0]
