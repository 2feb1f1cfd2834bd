"""The loss is robust and has a positive curvature; early stopping cuts the booster at its best round."""

import numpy as np
import pytest
import xgboost as xgb

from carvalue.pricing.training.boosting import EncodedRows, boost, matrices, price_growth, robust_loss


def test_the_loss_pulls_towards_the_median_not_the_mean() -> None:
    log_prices = np.array([9.0, 9.0, 9.0, 12.0])
    rows = xgb.DMatrix(np.zeros((4, 1)), log_prices)

    at_the_median, _ = robust_loss(np.full(4, 9.0), rows)
    at_the_mean, _ = robust_loss(np.full(4, log_prices.mean()), rows)

    assert abs(at_the_median.sum()) < abs(at_the_mean.sum())


def test_the_gradient_is_that_of_students_t() -> None:
    rows = xgb.DMatrix(np.zeros((3, 1)), np.zeros(3))
    margin = np.array([-2.0, 0.01, 2.0])

    gradient, curvature = robust_loss(margin, rows)

    assert np.all(curvature > 0)
    assert gradient == pytest.approx(margin / (1 + margin**2 / 0.03))


def test_an_outlier_has_a_small_gradient() -> None:
    gradient, _ = robust_loss(np.array([0.1, 3.0]), xgb.DMatrix(np.zeros((2, 1)), np.zeros(2)))

    assert gradient[1] < gradient[0] / 5


def test_a_fit_is_cut_at_its_best_round() -> None:
    random = np.random.default_rng(2)
    matrix = random.normal(size=(400, 3)).astype(np.float32)
    train = EncodedRows(matrix=matrix[:300], log_price=random.normal(9, 1, 300))
    validation = EncodedRows(matrix=matrix[300:], log_price=random.normal(9, 1, 100))
    told: list[int] = []

    fitted = boost(
        price_growth({"max_leaves": 31.0, "eta": 0.5}, monotone=(0, 0, 0), rounds=200),
        *matrices(train=train, validation=validation),
        on_round=lambda number, error: told.append(number),
    )

    assert fitted.booster.num_boosted_rounds() == fitted.rounds < len(told) < 200
    assert fitted.error == min(fitted.curve)
