"""The search for parameters: Optuna proposes, the validation rows decide, each trial is told."""

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import optuna
import xgboost as xgb

from carvalue.pricing.training.boosting import boost

logger = logging.getLogger(__name__)

Budget = Literal["quick", "default"]
SEED = 2021


@dataclass(frozen=True, kw_only=True)
class SearchBudget:
    """How much a budget spends."""

    trials: int
    rounds: int
    search_s: float
    """No trial starts after this many seconds."""
    learning_rate: float
    """Of the search; the final fit learns `final_slower` times slower, over as many more rounds."""
    final_slower: float


SEARCH_BUDGETS: Mapping[Budget, SearchBudget] = {
    "quick": SearchBudget(trials=8, rounds=150, search_s=15, learning_rate=0.15, final_slower=2),
    "default": SearchBudget(trials=16, rounds=400, search_s=300, learning_rate=0.15, final_slower=2),
}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of parameters that was tried; error is the mean absolute error of log price."""

    number: int
    params: Mapping[str, float]
    error: float
    rounds: int
    seconds: float
    pruned: bool
    curve: tuple[float, ...]
    """The validation error of each round."""


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The parameters that won, and how they won."""

    params: Mapping[str, float]
    error: float
    rounds: int
    budget: Budget
    trials: int
    seconds: float

    def save(self, path: Path) -> None:
        """Write JSON for the next step."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> "SearchResult":
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text()))


def search_parameters(
    *,
    budget: Budget,
    monotone: Sequence[int],
    train: xgb.DMatrix,
    validation: xgb.DMatrix,
    on_trial: Callable[[Trial], None],
) -> SearchResult:
    """Try parameters within the budget and give the set with the smallest validation error."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    effort, started = SEARCH_BUDGETS[budget], time.monotonic()
    done: list[Trial] = []
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=SEED, n_startup_trials=max(4, effort.trials // 3)),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=effort.rounds // 5),
    )
    study.enqueue_trial(START)
    while len(done) < effort.trials and (not done or time.monotonic() - started < effort.search_s):
        trial = _try(study, effort=effort, monotone=monotone, train=train, validation=validation)
        done.append(trial)
        on_trial(trial)
    best = min((trial for trial in done if not trial.pruned), key=lambda trial: trial.error)
    seconds = time.monotonic() - started
    logger.info(
        "search finished",
        extra={"trials": len(done), "best": best.number, "error": best.error, "seconds": round(seconds)},
    )
    return SearchResult(
        params=best.params,
        error=best.error,
        rounds=best.rounds,
        budget=budget,
        trials=len(done),
        seconds=seconds,
    )


# Where the search starts: good on the real data, so that the first trial is already a sound model.
START = {
    "max_leaves": 64,
    "min_child_weight": 20.0,
    "subsample": 0.8,
    "colsample_bynode": 0.5,
    "reg_lambda": 10.0,
}


def _propose(trial: optuna.Trial, effort: SearchBudget) -> dict[str, float]:
    return {
        "eta": effort.learning_rate,
        "max_leaves": trial.suggest_int("max_leaves", 31, 255, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 30, log=True),
        "subsample": trial.suggest_float("subsample", 0.6, 1.0),
        "colsample_bynode": trial.suggest_float("colsample_bynode", 0.3, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 30, log=True),
    }


def _try(
    study: optuna.Study,
    *,
    effort: SearchBudget,
    monotone: Sequence[int],
    train: xgb.DMatrix,
    validation: xgb.DMatrix,
) -> Trial:
    proposed, started = study.ask(), time.monotonic()
    params = _propose(proposed, effort)
    watch = _Watch(proposed)
    try:
        fitted = boost(
            params=params,
            monotone=monotone,
            rounds=effort.rounds,
            train=train,
            validation=validation,
            on_round=watch,
        )
    except optuna.TrialPruned:
        study.tell(proposed, state=optuna.trial.TrialState.PRUNED)
        error, rounds, pruned = min(watch.curve), len(watch.curve), True
    else:
        study.tell(proposed, fitted.error)
        error, rounds, pruned = fitted.error, fitted.rounds, False
    return Trial(
        number=proposed.number,
        params=params,
        error=error,
        rounds=rounds,
        seconds=time.monotonic() - started,
        pruned=pruned,
        curve=tuple(watch.curve),
    )


class _Watch:
    """Report each round to Optuna, and stop a trial that falls behind."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self.curve: list[float] = []

    def __call__(self, number: int, error: float) -> None:
        self.curve.append(error)
        self._trial.report(error, number)
        if self._trial.should_prune():
            raise optuna.TrialPruned
