"""Search hyperparameters with Optuna: tree-structured Parzen estimator and median pruning.

Trials run one after the other in this process, or several at the same time on the workers of a cluster.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import optuna
import xgboost as xgb
from optuna.trial import FrozenTrial, TrialState

from carvalue.files import StoredFormat
from carvalue.parallel import IN_PROCESS, Workers
from carvalue.pricing.training.boosting import EncodedRows, boost, matrices, price_growth

logger = logging.getLogger(__name__)

SEARCH_FORMAT = StoredFormat(kind="search result")
Budget = Literal["quick", "default"]
SEED = 2021


@dataclass(frozen=True, kw_only=True)
class SearchBudget:
    """Limits of one search, and how much finer the final fit is.

    Attributes:
        trials: Largest number of trials.
        rounds: Largest number of boosting rounds of a trial.
        search_s: Seconds after which no trial starts.
        learning_rate: Learning rate of the trials.
        final_slower: Factor by which the final fit's learning rate is smaller and its rounds are more.
    """

    trials: int
    rounds: int
    search_s: float
    learning_rate: float
    final_slower: float

    @property
    def random_trials(self) -> int:
        """Number of trials whose parameters are random, so that the following ones can learn from them."""
        return max(4, self.trials // 3)


SEARCH_BUDGETS: Mapping[Budget, SearchBudget] = {
    "quick": SearchBudget(trials=8, rounds=150, search_s=15, learning_rate=0.15, final_slower=2),
    "default": SearchBudget(trials=16, rounds=400, search_s=300, learning_rate=0.15, final_slower=2),
}

INITIAL_PARAMS = {
    "max_leaves": 64,
    "min_child_weight": 20.0,
    "subsample": 0.8,
    "colsample_bynode": 0.5,
    "reg_lambda": 10.0,
}
"""Parameters of the first trial: good on the real data, so that even the shortest search has a good model."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One set of parameters that the search evaluated.

    Attributes:
        number: Number of the trial, from 0.
        params: XGBoost parameters.
        error: Mean absolute error of log price on the validation rows, at the best round.
        rounds: Best round; for a pruned trial, the number of rounds it ran.
        seconds: Duration of the fit.
        pruned: Whether the trial was stopped early because others were better.
        curve: Validation error after each round.
    """

    number: int
    params: Mapping[str, float]
    error: float
    rounds: int
    seconds: float
    pruned: bool
    curve: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """The best parameters of a search.

    Attributes:
        params: XGBoost parameters of the best trial.
        error: Mean absolute error of log price on the validation rows.
        rounds: Number of boosting rounds of the best trial.
        budget: Name of the search's budget.
        trials: Number of trials that ran, pruned ones included.
        seconds: Duration of the search.
        planned_trials: Number of trials of the budget; 0 where it is not known, as in files of release 0.2.
    """

    params: Mapping[str, float]
    error: float
    rounds: int
    budget: Budget
    trials: int
    seconds: float
    planned_trials: int = 0

    @property
    def is_cut_short(self) -> bool:
        """Whether the time limit ended the search before its last planned trial."""
        return self.trials < self.planned_trials

    def save(self, path: Path) -> None:
        """Write the result as JSON.

        Args:
            path: File to write; its folder is created if needed.
        """
        SEARCH_FORMAT.write(path, asdict(self))

    @classmethod
    def load(cls, path: Path) -> "SearchResult":
        """Read what `save` wrote.

        Args:
            path: JSON file.

        Returns:
            The result.

        Raises:
            FileNotFoundError: There is no such file.
            FormatUnknown: A newer release wrote it.
        """
        return cls(**SEARCH_FORMAT.read(path))


@dataclass(frozen=True, kw_only=True)
class TrialRows:
    """Encoded rows of a search, which each process quantizes once.

    Attributes:
        train: Rows to fit on.
        validation: Rows to compare trials on.
    """

    train: EncodedRows
    validation: EncodedRows

    @cached_property
    def matrices(self) -> list[xgb.DMatrix]:
        """Training and validation matrix for XGBoost."""
        return matrices(train=self.train, validation=self.validation)


def search_parameters(
    *,
    budget: Budget,
    monotone: Sequence[int],
    rows: TrialRows,
    on_trial: Callable[[Trial], None],
    workers: Workers = IN_PROCESS,
) -> SearchResult:
    """Evaluate parameters until the budget is spent, and choose those with the smallest validation error.

    Args:
        budget: Name of one of `SEARCH_BUDGETS`.
        monotone: Constraint of each feature: 1 increasing, -1 decreasing, 0 none.
        rows: Rows to fit on and to compare trials on.
        on_trial: Called after each trial.
        workers: Where the trials run. Those that run at the same time do not learn from each other.

    Returns:
        Parameters of the best trial that was not pruned.
    """
    limits, started = SEARCH_BUDGETS[budget], time.monotonic()
    at_once = min(workers.concurrency, limits.random_trials)
    trials: list[Trial] = []
    study = _new_study(limits, at_once=at_once)
    study.enqueue_trial(INITIAL_PARAMS)
    fixed = {"rows": rows, "monotone": monotone, "limits": limits}
    while len(trials) < limits.trials and (not trials or time.monotonic() - started < limits.search_s):
        proposed = [study.ask() for _ in range(min(at_once, limits.trials - len(trials)))]
        done = workers.map(
            _run_trial,
            [(trial.number, _suggest(trial, limits)) for trial in proposed],
            description="try parameters",
            shared=fixed | {"before": study.get_trials(states=(TrialState.COMPLETE,))},
            on_result=lambda _, trial: on_trial(trial),
        )
        for proposal, trial in zip(proposed, done, strict=True):
            _tell(study, proposal, trial)
        trials += done
    best = min((trial for trial in trials if not trial.pruned), key=lambda trial: trial.error)
    seconds = time.monotonic() - started
    logger.info(
        "search finished",
        extra={"trials": len(trials), "best": best.number, "error": best.error, "seconds": round(seconds)},
    )
    result = SearchResult(
        params=best.params,
        error=best.error,
        rounds=best.rounds,
        budget=budget,
        trials=len(trials),
        seconds=seconds,
        planned_trials=limits.trials,
    )
    if result.is_cut_short:
        logger.warning(
            "search stopped after %d of %d trials: time limit of %g s",
            *(result.trials, result.planned_trials, limits.search_s),
        )
    return result


def _suggest(trial: optuna.Trial, limits: SearchBudget) -> dict[str, float]:
    return {
        "eta": limits.learning_rate,
        "max_leaves": trial.suggest_int("max_leaves", 31, 255, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.5, 30, log=True),
        "subsample": trial.suggest_float("subsample", 0.6, 1.0),
        "colsample_bynode": trial.suggest_float("colsample_bynode", 0.3, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 0.1, 30, log=True),
    }


def _new_study(limits: SearchBudget, *, at_once: int = 1) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        sampler=optuna.samplers.TPESampler(
            seed=SEED,
            n_startup_trials=limits.random_trials,
            constant_liar=at_once > 1,  # proposals at the same time differ
        ),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=limits.rounds // 5),
    )


def _run_trial(
    proposal: tuple[int, Mapping[str, float]],
    *,
    rows: TrialRows,
    monotone: Sequence[int],
    limits: SearchBudget,
    before: Sequence[FrozenTrial],
) -> Trial:
    """Fit with proposed parameters; stop early if the error is above the median of the trials before."""
    (number, params), started = proposal, time.monotonic()
    study = _new_study(limits)
    study.add_trials(before)
    callback = _PruningCallback(study.ask())
    growth = price_growth(params, monotone=monotone, rounds=limits.rounds)
    try:
        fitted = boost(growth, *rows.matrices, on_round=callback)
    except optuna.TrialPruned:
        error, rounds, pruned = min(callback.curve), len(callback.curve), True
    else:
        error, rounds, pruned = fitted.error, fitted.rounds, False
    return Trial(
        number=number,
        params=params,
        error=error,
        rounds=rounds,
        seconds=time.monotonic() - started,
        pruned=pruned,
        curve=tuple(callback.curve),
    )


def _tell(study: optuna.Study, proposed: optuna.Trial, trial: Trial) -> None:
    for number, error in enumerate(trial.curve):
        proposed.report(error, number)
    if trial.pruned:
        study.tell(proposed, state=TrialState.PRUNED)
    else:
        study.tell(proposed, trial.error)


class _PruningCallback:
    """Reports each round to Optuna, and stops a trial that Optuna prunes."""

    def __init__(self, trial: optuna.Trial) -> None:
        self._trial = trial
        self.curve: list[float] = []

    def __call__(self, number: int, error: float) -> None:
        self.curve.append(error)
        self._trial.report(error, number)
        if self._trial.should_prune():
            raise optuna.TrialPruned
