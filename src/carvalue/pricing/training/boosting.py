"""Fit gradient-boosted trees on log price with XGBoost: the loss, early stopping, fixed parameters."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xgboost as xgb

from carvalue.pricing.features import Matrix
from carvalue.pricing.intervals import NOMINAL_COVERAGE, Floats
from carvalue.pricing.training.components import LossName

OnRound = Callable[[int, float], None]
"""Called after each round with its number and the validation error; an exception stops the fit."""

PATIENCE_SHARE = 0.05  # early stopping: share of the allowed rounds without an improvement
MIN_PATIENCE = 30  # rounds
ROBUST_SCALE = 0.1  # log dollars: errors near 17 % have the largest gradient, much larger ones hardly any
DEGREES_OF_FREEDOM = 3.0  # of Student's t: the fewer, the smaller the gradient of a large error
SINGLE_THREAD_ROWS = 10_000
VALIDATION = "validation"
QUANTILES = ((1 - NOMINAL_COVERAGE) / 2, (1 + NOMINAL_COVERAGE) / 2)
"""Levels of the quantile trees: the ends of the price range."""
FIXED_PARAMS: Mapping[str, object] = {
    "tree_method": "hist",
    "grow_policy": "lossguide",
    "max_depth": 0,
    "eval_metric": "mae",
    "seed": 2021,
    "verbosity": 0,
}
QUANTILE_PARAMS: Mapping[str, object] = {
    **FIXED_PARAMS,
    "objective": "reg:quantileerror",
    "eval_metric": "quantile",
    "eta": 0.1,
    "max_leaves": 64,
    "min_child_weight": 100,  # rows: fewer in a leaf do not tell their 5 % quantile
    "colsample_bytree": 0.5,
    "reg_lambda": 0,
}
"""Parameters of the quantile trees. Slower and larger trees gained 0.1 % of the Winkler score."""

Loss = Callable[[Floats, xgb.DMatrix], tuple[Floats, Floats]]
"""Computes gradient and curvature from predicted log prices and a matrix with the labels."""


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
class TreeGrowth:
    """How XGBoost grows trees.

    Attributes:
        params: Parameters for `xgboost.train`.
        rounds: Number of boosting rounds; the largest number where validation rows stop the fit earlier.
        loss: Gradient and curvature of the loss; None for the objective in `params`.
    """

    params: Mapping[str, object]
    rounds: int
    loss: Loss | None = None

    @property
    def metric(self) -> str:
        """Error on validation rows that stops the fit."""
        return str(self.params["eval_metric"])


@dataclass(frozen=True, kw_only=True)
class FittedBooster:
    """A booster without the trees after its best round.

    Attributes:
        booster: The trees.
        rounds: Number of boosting rounds.
        curve: Validation error after each round, also those that were cut off; empty without validation rows.
    """

    booster: xgb.Booster
    rounds: int
    curve: tuple[float, ...] = ()

    @property
    def error(self) -> float:
        """Validation error at the best round; only of a fit with validation rows."""
        return self.curve[self.rounds - 1]


def matrices(*, train: EncodedRows, validation: EncodedRows | None = None) -> list[xgb.DMatrix]:
    """Quantize rows, the validation rows with the bins of the training rows.

    Args:
        train: Rows to fit on.
        validation: Rows for early stopping; None for none.

    Returns:
        Training matrix, and validation matrix if there is one; several fits can share them.
    """
    binned = _quantized(train)
    return [binned] if validation is None else [binned, _quantized(validation, ref=binned)]


def price_growth(
    params: Mapping[str, float], *, monotone: Sequence[int], rounds: int, loss: LossName = "student_t"
) -> TreeGrowth:
    """Describe the trees of the price.

    Args:
        params: XGBoost parameters, without the fixed ones.
        monotone: Constraint of each feature: 1 increasing, -1 decreasing, 0 none.
        rounds: Largest number of boosting rounds.
        loss: Loss on the error of the log price.

    Returns:
        Parameters and loss.
    """
    return TreeGrowth(params=native_params(params, monotone=monotone), rounds=rounds, loss=LOSSES[loss])


def quantile_growths(rounds: Sequence[int]) -> list[TreeGrowth]:
    """Describe the trees of the low and the high quantile of the log price.

    Args:
        rounds: Largest number of boosting rounds of each quantile; empty for a model without these trees.

    Returns:
        Parameters for each of `QUANTILES`, with the quantile loss (Koenker and Bassett 1978).
    """
    return [
        TreeGrowth(params={**QUANTILE_PARAMS, "quantile_alpha": level}, rounds=number)
        for level, number in zip(QUANTILES, rounds, strict=False)
    ]


def boost(
    growth: TreeGrowth,
    train: xgb.DMatrix,
    validation: xgb.DMatrix | None = None,
    *,
    on_round: OnRound | None = None,
) -> FittedBooster:
    """Fit with early stopping on the validation rows, or all rounds if there are none.

    Args:
        growth: How the trees grow.
        train: Rows to fit on, from `matrices`.
        validation: Rows for early stopping, from `matrices`.
        on_round: Called after each round of a fit with validation rows.

    Returns:
        The booster, cut at its best round.
    """
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgb.train(
        params={**growth.params} | _threads(train),
        dtrain=train,
        num_boost_round=growth.rounds,
        evals=[] if validation is None else [(validation, VALIDATION)],
        evals_result=history,
        obj=growth.loss,
        early_stopping_rounds=None if validation is None else patience(growth.rounds),
        callbacks=[_RoundCallback(on_round)] if on_round else [],
        verbose_eval=False,
    )
    if validation is None:
        return FittedBooster(booster=booster, rounds=growth.rounds)
    best = booster.best_iteration
    curve = tuple(history[VALIDATION][growth.metric])
    return FittedBooster(booster=booster[: best + 1], rounds=best + 1, curve=curve)


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


LOSSES: Mapping[LossName, Loss] = {
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


def _quantized(rows: EncodedRows, *, ref: xgb.DMatrix | None = None) -> xgb.DMatrix:
    return xgb.QuantileDMatrix(rows.matrix, rows.log_price, base_margin=rows.base_margin, ref=ref)


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
        (curve,) = evals_log[VALIDATION].values()
        self._on_round(epoch, float(curve[-1]))  # type: ignore[arg-type]
        return False
