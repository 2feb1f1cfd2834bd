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
    assert len(told) == tuned.trials == 4
    assert (tuned.error, tuned.params) == (best.error, best.params)


def test_tuned_parameters_are_saved_and_loaded(tmp_path: Path) -> None:
    tuned = SearchResult(
        params={"max_leaves": 31}, error=0.1, rounds=9, budget="quick", trials=3, seconds=1.5
    )

    tuned.save(tmp_path / "new" / "tuned.json")

    assert SearchResult.load(tmp_path / "new" / "tuned.json") == tuned
