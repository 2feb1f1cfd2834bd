"""The approval question of a promotion, and what happens without an answer."""

from pathlib import Path

import pytest

from carvalue.pipelines import promotion_steps
from carvalue.pipelines.steps import VERSION_FILE
from carvalue.registry.judgement import GateJudgement, GateResult, PromotionDecision
from carvalue.registry.model_version import ModelVersion
from carvalue.settings import Settings

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own imports


def judged(work: Path, *, passed: bool) -> None:
    gate = GateResult(name="speed", figure=1.0, limit=5.0, passed=passed, message="one listing takes 1 ms")
    GateJudgement(version=2, against=1, decision=PromotionDecision.from_gates([gate])).save(
        work / promotion_steps.JUDGEMENT_FILE
    )
    version = ModelVersion(name="m", version=2, run_id="r", source="s", bundle_digest="d")
    version.save(work / VERSION_FILE)


def test_a_person_is_shown_every_gate(tmp_path: Path) -> None:
    judged(tmp_path, passed=True)

    asked = promotion_steps.approval_question(settings=Settings(promotion_approval="required"), work=tmp_path)

    assert asked is not None
    assert asked.subject == "Version 2 into production?"
    assert "version 1" in asked.body
    assert "one listing takes 1 ms" in asked.body


def test_no_approval_is_requested_for_a_refused_version(tmp_path: Path) -> None:
    judged(tmp_path, passed=False)

    assert promotion_steps.approval_question(settings=Settings(), work=tmp_path) is None


@pytest.mark.parametrize("earlier", [False, True])
def test_without_an_approval_of_this_version_nothing_is_promoted(tmp_path: Path, *, earlier: bool) -> None:
    judged(tmp_path, passed=True)
    if earlier:
        promotion_steps.save_answer(work=tmp_path, person="ann", approved=True)
        text = (tmp_path / promotion_steps.ANSWER_FILE).read_text()
        (tmp_path / promotion_steps.ANSWER_FILE).write_text(text.replace('"version": 2', '"version": 1'))

    with pytest.raises(promotion_steps.ApprovalMissing, match="Version 2 needs"):
        promotion_steps.promote(settings=Settings(promotion_approval="required"), work=tmp_path)


def test_an_approval_does_not_overrule_a_gate() -> None:
    refused = PromotionDecision.from_gates(
        [GateResult(name="g", figure=1, limit=0, passed=False, message="no")]
    )

    assert not refused.with_approval("ann", approved=True).promote


@pytest.mark.parametrize("needs_approval", [False, True])
def test_a_gate_may_require_approval_whatever_the_setting(tmp_path: Path, *, needs_approval: bool) -> None:
    gate = GateResult(
        name="price level", figure=0.3, limit=0.1, passed=True, message="+30 %", needs_approval=needs_approval
    )
    decision = PromotionDecision.from_gates([gate])
    GateJudgement(version=2, against=1, decision=decision).save(tmp_path / promotion_steps.JUDGEMENT_FILE)

    asked = promotion_steps.approval_question(settings=Settings(), work=tmp_path)

    assert (asked is not None) is needs_approval
