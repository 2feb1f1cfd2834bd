"""Fit gradient-boosted trees on log price with XGBoost: the loss, early stopping, fixed parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xgboost as xgb

from carvalue.pricing.features import Matrix
from carvalue.pricing.intervals import Floats
from carvalue.pricing.training.components import LossName

OnRound = Callable[[int, float], None]
"""Called after each round with its number and the validation error; an exception stops the fit."""

PATIENCE_SHARE = 0.05  # early stopping: share of the allowed rounds without an improvement
MIN_PATIENCE = 30  # rounds
ROBUST_SCALE = 0.1  # log dollars: errors near 17 % have the largest gradient, much larger ones hardly any
DEGREES_OF_FREEDOM = 3.0  # of Student's t: the fewer, the smaller the gradient of a large error
SINGLE_THREAD_ROWS = 10_000
VALIDATION = "validation"
FIXED_PARAMS: Mapping[str, object] = {
    "tree_method": "hist",
    "grow_policy": "lossguide",
    "max_depth": 0,
    "eval_metric": "mae",
    "seed": 2021,
    "verbosity": 0,
}


@dataclass(frozen=True, kw_only=True)
class EncodedRows:
    """Encoded listings with their target.

    Attributes:
        matrix: Features, float32, shape (rows, features); the last column is the additive model's log price.
        log_price: Logarithm of the asking price, shape (rows,).
    """

    matrix: Matrix
    log_price: Floats

    @property
    def base_margin(self) -> Matrix:
        """Predictions that boosting starts from, in log dollars, shape (rows,): the last column."""
        return self.matrix[:, -1]


@dataclass(frozen=True, kw_only=True)
class FittedBooster:
    """A booster without the trees after its best round.

    Attributes:
        booster: The trees.
        error: Mean absolute error of log price on the validation rows, at the best round.
        rounds: Number of trees.
        curve: Validation error after each round, also those that were cut off.
    """

    booster: xgb.Booster
    error: float
    rounds: int
    curve: tuple[float, ...]


def matrices(*, train: EncodedRows, validation: EncodedRows) -> tuple[xgb.DMatrix, xgb.DMatrix]:
    """Quantize both sets, the validation rows with the bins of the training rows.

    Args:
        train: Rows to fit on.
        validation: Rows for early stopping.

    Returns:
        Training and validation matrix; several fits can share them.
    """
    binned = xgb.QuantileDMatrix(train.matrix, train.log_price, base_margin=train.base_margin)
    held_out = xgb.QuantileDMatrix(
        validation.matrix, validation.log_price, base_margin=validation.base_margin, ref=binned
    )
    return binned, held_out


def boost(
    *,
    params: Mapping[str, float],
    monotone: Sequence[int],
    rounds: int,
    train: xgb.DMatrix,
    validation: xgb.DMatrix,
    on_round: OnRound,
    loss: LossName = "student_t",
) -> FittedBooster:
    """Fit with early stopping on the mean absolute error of the validation rows.

    Args:
        params: XGBoost parameters, without the fixed ones.
        monotone: Constraint of each feature: 1 increasing, -1 decreasing, 0 none.
        rounds: Largest number of boosting rounds.
        train: Rows to fit on, from `matrices`.
        validation: Rows for early stopping, from `matrices`.
        on_round: Called after each round.
        loss: Loss on the error of the log price.

    Returns:
        The booster, cut at its best round.
    """
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgb.train(
        params=native_params(params, monotone=monotone) | _threads(train),
        dtrain=train,
        num_boost_round=rounds,
        evals=[(validation, VALIDATION)],
        evals_result=history,
        obj=LOSSES[loss],
        early_stopping_rounds=patience(rounds),
        callbacks=[_RoundCallback(on_round)],
        verbose_eval=False,
    )
    return cut_at_best(booster, curve=history[VALIDATION]["mae"])


def boost_fixed_rounds(
    *,
    params: Mapping[str, float],
    monotone: Sequence[int],
    rounds: int,
    rows: EncodedRows,
    loss: LossName = "student_t",
) -> xgb.Booster:
    """Fit a fixed number of rounds, without validation rows.

    Args:
        params: XGBoost parameters, without the fixed ones.
        monotone: Constraint of each feature: 1 increasing, -1 decreasing, 0 none.
        rounds: Number of boosting rounds.
        rows: Rows to fit on.
        loss: Loss on the error of the log price.

    Returns:
        The booster with all its trees.
    """
    binned = xgb.QuantileDMatrix(rows.matrix, rows.log_price, base_margin=rows.base_margin)
    return xgb.train(
        params=native_params(params, monotone=monotone) | _threads(binned),
        dtrain=binned,
        num_boost_round=rounds,
        obj=LOSSES[loss],
    )


def robust_loss(margin: Floats, rows: xgb.DMatrix) -> tuple[Floats, Floats]:
    """Compute gradient and curvature of the negative log-likelihood of Student's t distribution.

    The loss is quadratic near zero and nearly flat far beyond `ROBUST_SCALE`, so that mispriced listings
    hardly influence the fit. For large errors its second derivative is negative; the curvature used instead
    is that of the quadratic function that touches the loss from above, as in iteratively reweighted least
    squares (Lange, Little and Taylor 1989, "Robust statistical modeling using the t distribution").

    Args:
        margin: Predicted log prices, shape (rows,).
        rows: Matrix whose labels are the log prices.

    Returns:
        Gradient and curvature, shape (rows,) each; the curvature is between 0 and 1.

    Examples:
        An error of 3.0 has a smaller gradient than one of 0.1:

        >>> import numpy as np
        >>> rows = xgb.DMatrix(np.zeros((3, 1)), label=np.zeros(3))
        >>> gradient, curvature = robust_loss(np.array([0.0, 0.1, 3.0]), rows)
        >>> gradient.round(3).tolist(), curvature.round(3).tolist()
        ([0.0, 0.075, 0.01], [1.0, 0.75, 0.003])
    """
    error = margin - rows.get_label()
    weight = 1 / (1 + (error / ROBUST_SCALE) ** 2 / DEGREES_OF_FREEDOM)
    return error * weight, weight


def huber_loss(margin: Floats, rows: xgb.DMatrix) -> tuple[Floats, Floats]:
    """Compute gradient and curvature of the Huber loss: quadratic up to `ROBUST_SCALE`, linear beyond.

    Args:
        margin: Predicted log prices, shape (rows,).
        rows: Matrix whose labels are the log prices.

    Returns:
        Gradient and curvature, shape (rows,) each.
    """
    error = margin - rows.get_label()
    weight = 1 / np.maximum(np.abs(error) / ROBUST_SCALE, 1)
    return error * weight, weight


def squared_loss(margin: Floats, rows: xgb.DMatrix) -> tuple[Floats, Floats]:
    """Compute gradient and curvature of half the squared error of the log price.

    Args:
        margin: Predicted log prices, shape (rows,).
        rows: Matrix whose labels are the log prices.

    Returns:
        Gradient and curvature, shape (rows,) each.
    """
    return margin - rows.get_label(), np.ones_like(margin)


LOSSES: Mapping[LossName, Callable[[Floats, xgb.DMatrix], tuple[Floats, Floats]]] = {
    "student_t": robust_loss,
    "huber": huber_loss,
    "squared": squared_loss,
}
"""Name of a loss -> its gradient and curvature."""


def native_params(params: Mapping[str, float], *, monotone: Sequence[int]) -> dict[str, object]:
    """Convert parameters to what XGBoost expects, and add the fixed ones.

    Args:
        params: Parameters of one fit, all as numbers.
        monotone: Constraint of each feature: 1 increasing, -1 decreasing, 0 none.

    Returns:
        Parameters for `xgboost.train`.

    Examples:
        >>> native_params({"max_leaves": 31.0, "eta": 0.1}, monotone=[0, 1])["max_leaves"]
        31
    """
    converted = {
        name: int(value) if name in {"max_leaves", "seed"} else value for name, value in params.items()
    }
    return {**FIXED_PARAMS, **converted, "monotone_constraints": tuple(monotone)}


def patience(rounds: int) -> int:
    """Compute after how many rounds without an improvement a fit stops.

    Args:
        rounds: Largest number of boosting rounds of the fit.

    Returns:
        Number of rounds.

    Examples:
        >>> patience(100), patience(2_000)
        (30, 100)
    """
    return max(MIN_PATIENCE, round(rounds * PATIENCE_SHARE))


def cut_at_best(booster: xgb.Booster, *, curve: Sequence[float]) -> FittedBooster:
    """Remove the trees after the best round.

    Args:
        booster: A booster that was fitted with early stopping.
        curve: Validation error after each round.

    Returns:
        The shortened booster with its error.
    """
    best = booster.best_iteration
    return FittedBooster(booster=booster[: best + 1], error=curve[best], rounds=best + 1, curve=tuple(curve))


def ignore_round(_number: int, _error: float) -> None:
    """Do nothing after a round: the default `OnRound`."""


def _threads(rows: xgb.DMatrix) -> dict[str, int]:
    """Use one thread for few rows, where synchronizing threads takes longer than the work itself."""
    return {"nthread": 1} if rows.num_row() < SINGLE_THREAD_ROWS else {}


class _RoundCallback(xgb.callback.TrainingCallback):
    def __init__(self, on_round: OnRound) -> None:
        self._on_round = on_round

    def after_iteration(  # XGBoost passes all three by name
        self,
        model: xgb.Booster,  # noqa: ARG002
        epoch: int,
        evals_log: xgb.callback.TrainingCallback.EvalsLog,
    ) -> bool:
        self._on_round(epoch, float(evals_log[VALIDATION]["mae"][-1]))  # type: ignore[arg-type]
        return False
