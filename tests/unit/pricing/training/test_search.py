"""The search chooses the trial with the smallest validation error and reports every trial."""

from pathlib import Path

import pytest

from carvalue.pricing.training import search
from carvalue.pricing.training.search import SearchBudget, SearchResult, Trial
from carvalue.pricing.training.train import tune_model
from markets import market_files


@pytest.fixture
def small_effort(monkeypatch: pytest.MonkeyPatch) -> None:
    effort = SearchBudget(trials=4, rounds=20, search_s=20, learning_rate=0.3, final_slower=2)
    monkeypatch.setattr(search, "SEARCH_BUDGETS", {"quick": effort})


@pytest.mark.usefixtures("small_effort")
def test_the_trial_with_the_smallest_error_is_chosen(tmp_path: Path) -> None:
    files, told = market_files(tmp_path), list[Trial]()

    tuned = tune_model(
        train=files["train"], validation=files["validation"], budget="quick", on_trial=told.append
    )

    best = min((trial for trial in told if not trial.pruned), key=lambda trial: trial.error)
    assert len(told) == tuned.trials == tuned.planned_trials == 4
    assert not tuned.is_cut_short
    assert (tuned.error, tuned.params) == (best.error, best.params)


def test_a_search_that_the_time_limit_ends_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    budget = SearchBudget(trials=16, rounds=2, search_s=0, learning_rate=0.3, final_slower=2)
    monkeypatch.setattr(search, "SEARCH_BUDGETS", {"quick": budget})
    files = market_files(tmp_path)

    tuned = tune_model(
        train=files["train"], validation=files["validation"], budget="quick", on_trial=lambda _: None
    )

    assert (tuned.trials, tuned.planned_trials, tuned.is_cut_short) == (1, 16, True)
    (warning,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert warning.getMessage() == "search stopped after 1 of 16 trials: time limit of 0 s"


def test_tuned_parameters_are_saved_and_loaded(tmp_path: Path) -> None:
    tuned = SearchResult(
        params={"max_leaves": 31}, error=0.1, rounds=9, budget="quick", trials=3, seconds=1.5
    )

    tuned.save(tmp_path / "new" / "tuned.json")

    assert SearchResult.load(tmp_path / "new" / "tuned.json") == tuned
