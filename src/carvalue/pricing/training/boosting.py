"""Gradient boosting on log price: the objective, one fit, and what each round cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import xgboost as xgb

from carvalue.pricing.features import Matrix
from carvalue.pricing.intervals import Floats

OnRound = Callable[[int, float], None]
"""Called with the round's number and the validation error; may raise to stop the fit."""

PATIENCE_SHARE = 0.05  # stop when this share of the allowed rounds brought nothing
MIN_PATIENCE = 30  # rounds
ROBUST_SCALE = 0.1  # log dollars: errors near 17 % pull most, much larger ones hardly
FREEDOM = 3.0  # of Student's t: the fewer, the less a large error pulls
FEW_ROWS = 10_000
VALIDATION = "validation"
FIXED: Mapping[str, object] = {
    "tree_method": "hist",
    "grow_policy": "lossguide",
    "max_depth": 0,
    "eval_metric": "mae",
    "seed": 2021,
    "verbosity": 0,
}


@dataclass(frozen=True, kw_only=True)
class EncodedRows:
    """Encoded rows with their log prices."""

    matrix: Matrix
    log_price: Floats

    @property
    def start(self) -> Matrix:
        """What the trees' sum starts with: the last column."""
        return self.matrix[:, -1]


@dataclass(frozen=True, kw_only=True)
class FittedBooster:
    """A booster cut at its best round, and its mean absolute error of log price on the validation rows."""

    booster: xgb.Booster
    error: float
    rounds: int
    curve: tuple[float, ...]


def matrices(*, train: EncodedRows, validation: EncodedRows) -> tuple[xgb.DMatrix, xgb.DMatrix]:
    """Bin the training rows once, and the validation rows by the same bins; every trial shares them."""
    binned = xgb.QuantileDMatrix(train.matrix, train.log_price, base_margin=train.start)
    held_out = xgb.QuantileDMatrix(
        validation.matrix, validation.log_price, base_margin=validation.start, ref=binned
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
) -> FittedBooster:
    """Fit with early stopping on the validation rows' absolute error."""
    curves: dict[str, dict[str, list[float]]] = {}
    booster = xgb.train(
        params=native_params(params, monotone=monotone) | _threads(train),
        dtrain=train,
        num_boost_round=rounds,
        evals=[(validation, VALIDATION)],
        evals_result=curves,
        obj=robust_loss,
        early_stopping_rounds=patience(rounds),
        callbacks=[_Progress(on_round)],
        verbose_eval=False,
    )
    return cut_at_best(booster, curve=curves[VALIDATION]["mae"])


def boost_fixed_rounds(
    *, params: Mapping[str, float], monotone: Sequence[int], rounds: int, rows: EncodedRows
) -> xgb.Booster:
    """Fit a known number of rounds; nothing is held out."""
    binned = xgb.QuantileDMatrix(rows.matrix, rows.log_price, base_margin=rows.start)
    return xgb.train(
        params=native_params(params, monotone=monotone) | _threads(binned),
        dtrain=binned,
        num_boost_round=rounds,
        obj=robust_loss,
    )


def robust_loss(margin: Floats, rows: xgb.DMatrix) -> tuple[Floats, Floats]:
    """Give gradient and curvature of Student's t: quadratic near zero, flat far beyond `ROBUST_SCALE`.

    The curvature is that of the quadratic which touches the loss from above (an iteratively reweighted step):
    the loss's own is negative for large errors.
    """
    error = margin - rows.get_label()
    weight = 1 / (1 + (error / ROBUST_SCALE) ** 2 / FREEDOM)
    return error * weight, weight


def native_params(params: Mapping[str, float], *, monotone: Sequence[int]) -> dict[str, object]:
    """Give the parameters as XGBoost wants them, those that never change among them."""
    whole = {name: int(value) if name == "max_leaves" else value for name, value in params.items()}
    return {**FIXED, **whole, "monotone_constraints": tuple(monotone)}


def patience(rounds: int) -> int:
    """Tell how many rounds may bring nothing before a fit of so many stops."""
    return max(MIN_PATIENCE, round(rounds * PATIENCE_SHARE))


def cut_at_best(booster: xgb.Booster, *, curve: Sequence[float]) -> FittedBooster:
    """Leave out the trees after the best round."""
    best = booster.best_iteration
    return FittedBooster(booster=booster[: best + 1], error=curve[best], rounds=best + 1, curve=tuple(curve))


def _threads(rows: xgb.DMatrix) -> dict[str, int]:
    """Leave all cores to large data; on few rows threads wait for each other longer than they work."""
    return {"nthread": 1} if rows.num_row() < FEW_ROWS else {}


def ignore_round(_number: int, _error: float) -> None:
    """Tell nobody of a round."""


class _Progress(xgb.callback.TrainingCallback):
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
