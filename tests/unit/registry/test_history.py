"""What is, was and may be in production again follows from the recorded decisions."""

from datetime import UTC, datetime
from typing import Any

import pytest

from carvalue.journal import Act, DecisionRecord
from carvalue.registry.history import (
    canary_version,
    last_switch,
    rollback_targets,
    summarize,
    were_in_production,
)
from carvalue.registry.model_version import MODEL_NAME, ModelVersion

AT = datetime(2026, 1, 1, tzinfo=UTC)


def decided(act: Act, version: int, earlier: int | None, **fields: Any) -> DecisionRecord:
    given = {"by": "ann", "reasons": ()} | fields
    return DecisionRecord(at=AT, act=act, version=version, earlier=earlier, **given)


ONE = decided("promoted", 1, None)
TWO = decided("promoted", 2, 1)
REFUSED = decided("refused", 3, 2)
BACK = decided("rolled back", 1, 2)


def test_the_last_switch_is_no_refusal() -> None:
    assert last_switch([ONE, TWO, REFUSED]) is TWO
    assert last_switch([ONE, TWO, BACK]) is BACK
    assert last_switch([REFUSED]) is None
    assert last_switch([]) is None


def test_every_version_of_a_switch_was_in_production() -> None:
    assert were_in_production([ONE, TWO, REFUSED]) == {1, 2}
    assert were_in_production([decided("adopted", 5, 4)]) == {4, 5}
    assert were_in_production([REFUSED]) == set()


@pytest.mark.parametrize(
    ("decisions", "targets"),
    [
        ([], []),
        ([ONE], []),
        ([ONE, TWO], [1]),
        ([ONE, TWO, REFUSED], [1]),
        ([decided("promoted", 2, 1)], [1]),
        ([ONE, TWO, decided("promoted", 3, 2)], [2, 1]),
        ([ONE, TWO, BACK], []),
        ([ONE, TWO, decided("promoted", 3, 2), decided("rolled back", 2, 3)], [1]),
        ([ONE, TWO, BACK, decided("promoted", 2, 1)], [1]),
        ([ONE, TWO, BACK, decided("promoted", 2, 1), decided("promoted", 3, 2)], [2, 1]),
        ([decided("rolled back", 1, None)], []),
        ([REFUSED, ONE, TWO], [1]),
    ],
)
def test_a_rollback_restores_the_version_that_was_in_production_last(
    decisions: list[DecisionRecord], targets: list[int]
) -> None:
    assert rollback_targets(decisions) == targets


def version(number: int, **fields: Any) -> ModelVersion:
    return ModelVersion(name=MODEL_NAME, version=number, run_id="r", source="s", bundle_digest="d", **fields)


def test_a_version_is_summarized_with_its_figures_and_its_last_decision() -> None:
    gates = ({"name": "speed", "passed": True}, {"name": "size", "passed": False})
    decisions = [
        decided("promoted", 1, None, reasons=("passed all 2 gates", "5 % better"), gates=gates[:1] * 2),
        decided("refused", 2, 1, reasons=("80 MB", "slow"), gates=gates),
        decided("promoted", 2, 1, reasons=("by hand",)),
    ]
    versions = [
        version(3),
        version(2, test={"mdape": 0.13, "coverage": 0.9}, data_source="kaggle"),
        version(1),
    ]

    newest, second, first = summarize(versions, champion=versions[1], decisions=decisions)

    assert (newest.version, newest.state, newest.gates, newest.decision) == (3, "challenger", "", "")
    assert (newest.error, newest.coverage, newest.data_source) == (None, None, "")
    assert (second.version, second.state, second.data_source) == (2, "production", "kaggle")
    assert (second.error, second.coverage) == (0.13, 0.9)
    assert (second.gates, second.decision) == ("1 of 2", "promoted: by hand")
    assert (first.version, first.state, first.gates) == (1, "archived", "2 of 2")
    assert first.decision == "promoted: passed all 2 gates; 5 % better"


def test_without_a_champion_no_version_is_in_production() -> None:
    (summary,) = summarize([version(1)], champion=None, decisions=[ONE])

    assert summary.state == "archived"


STARTED = decided("canary started", 3, 2)


@pytest.mark.parametrize(
    ("decisions", "canary"),
    [
        ([], None),
        ([ONE, STARTED], 3),
        ([ONE, STARTED, REFUSED], 3),
        ([ONE, STARTED, decided("canary stopped", 3, 2)], None),
        ([ONE, STARTED, TWO], None),
        ([STARTED, decided("canary started", 4, 2)], 4),
    ],
)
def test_a_canary_runs_until_another_decision_but_a_refusal(
    decisions: list[DecisionRecord], canary: int | None
) -> None:
    assert canary_version(decisions) == canary
    shown = {item.version: item.state for item in summarize([version(3)], champion=None, decisions=decisions)}
    assert shown == {3: "canary" if canary == 3 else "challenger"}
