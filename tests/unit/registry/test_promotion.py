"""Who goes into production, and what is said about it."""

from typing import Any

import pytest

from carvalue.registry.promotion import Score, decide


def a_score(**changes: Any) -> Score:
    return Score(**{"mdape": 0.12, "data_source": "kaggle"} | changes)


def test_the_first_version_goes_in_if_it_beats_the_baseline() -> None:
    decision = decide(challenger=a_score(), baseline_mdape=0.2, champion=None)

    assert decision.promote
    assert decision.reasons == (
        "error 12.00 % beats the baseline's 20.00 %",
        "nothing usable is in production",
    )


def test_a_model_that_does_not_beat_the_baseline_is_not_promoted() -> None:
    decision = decide(challenger=a_score(mdape=0.2), baseline_mdape=0.2, champion=None)

    assert not decision.promote
    assert "does not beat the baseline" in decision.reasons[0]


@pytest.mark.parametrize("mdape", [0.1213, 0.2])
def test_a_worse_model_is_not_promoted(mdape: float) -> None:
    decision = decide(challenger=a_score(mdape=mdape), baseline_mdape=0.3, champion=a_score())

    assert not decision.promote
    assert "12.00 %" in decision.reasons[-1]


@pytest.mark.parametrize("mdape", [0.11, 0.12, 0.1212])
def test_a_model_within_the_margin_is_promoted(mdape: float) -> None:
    assert decide(challenger=a_score(mdape=mdape), baseline_mdape=0.3, champion=a_score()).promote


def test_made_up_rows_never_replace_real_ones() -> None:
    challenger = a_score(mdape=0.05, data_source="sample")

    assert not decide(challenger=challenger, baseline_mdape=0.3, champion=a_score()).promote
    assert decide(challenger=challenger, baseline_mdape=0.3, champion=a_score(data_source="sample")).promote


def test_every_objection_is_given() -> None:
    challenger = a_score(mdape=0.5, data_source="sample")

    assert len(decide(challenger=challenger, baseline_mdape=0.3, champion=a_score()).reasons) == 3


def test_a_model_that_breaks_a_promise_is_not_promoted() -> None:
    broken = ("more miles never raise the price: broken 3 times of 1800",)

    decision = decide(challenger=a_score(), baseline_mdape=0.2, champion=None, broken_promises=broken)

    assert not decision.promote
    assert decision.reasons == broken
