"""Gates decide on a promotion; a person may refuse what they accept, and not the reverse."""

import json
from pathlib import Path

import pytest

from carvalue.files import FormatUnknown
from carvalue.registry.judgement import GateJudgement, GateResult, PromotionDecision

FAST = GateResult(name="speed", figure=1.0, limit=5.0, passed=True, message="1 ms (at most 5)")
LARGE = GateResult(name="size", figure=80.0, limit=60.0, passed=False, message="80 MB (at most 60)")
SHIFTED = GateResult(
    name="level", figure=0.2, limit=None, passed=True, message="20 % higher", needs_approval=True
)


def test_a_version_that_passes_every_gate_is_promoted_with_the_reasons_that_count() -> None:
    decision = PromotionDecision.from_gates(iter([FAST, SHIFTED]), telling={"level"})

    assert decision == PromotionDecision(
        promote=True, reasons=("passed all 2 gates", "20 % higher"), gates=(FAST, SHIFTED)
    )


def test_one_failed_gate_refuses_a_version() -> None:
    decision = PromotionDecision.from_gates([FAST, LARGE, SHIFTED], telling={"speed", "level"})

    assert decision == PromotionDecision(
        promote=False, reasons=("80 MB (at most 60)",), gates=(FAST, LARGE, SHIFTED)
    )


def test_no_gate_promotes_nothing() -> None:
    assert PromotionDecision.from_gates([]) == PromotionDecision(promote=False, reasons=("no gate was run",))


@pytest.mark.parametrize(
    ("gates", "needed"), [([FAST], False), ([FAST, SHIFTED], True), ([LARGE, SHIFTED], False)]
)
def test_only_a_promotion_needs_an_approval(gates: list[GateResult], *, needed: bool) -> None:
    assert PromotionDecision.from_gates(gates).needs_approval == needed


@pytest.mark.parametrize(
    ("gates", "approved", "promote", "reasons"),
    [
        ([FAST], True, True, ("approved by ann", "passed all 1 gates")),
        ([FAST], False, False, ("rejected by ann",)),
        ([LARGE], True, False, ("approved by ann", "80 MB (at most 60)")),
        ([LARGE], False, False, ("rejected by ann",)),
    ],
)
def test_a_person_may_reject_and_cannot_overrule_a_gate(
    gates: list[GateResult], *, approved: bool, promote: bool, reasons: tuple[str, ...]
) -> None:
    decision = PromotionDecision.from_gates(gates).with_approval("ann", approved=approved)

    assert decision == PromotionDecision(promote=promote, reasons=reasons, gates=tuple(gates))


def test_a_judgement_is_read_as_it_was_saved(tmp_path: Path) -> None:
    decision = PromotionDecision.from_gates([FAST, LARGE, SHIFTED])
    judgement = GateJudgement(version=3, against=2, decision=decision)

    judgement.save(tmp_path / "judgement.json")

    assert GateJudgement.load(tmp_path / "judgement.json") == judgement
    stored = json.loads((tmp_path / "judgement.json").read_text())
    assert list(stored) == ["format", "version", "against", "decision"]
    assert stored["decision"] == {
        "promote": False,
        "reasons": ["80 MB (at most 60)"],
        "gates": [
            {
                "name": gate.name,
                "figure": gate.figure,
                "limit": gate.limit,
                "passed": gate.passed,
                "needs_approval": gate.needs_approval,
                "words": gate.message,
            }
            for gate in (FAST, LARGE, SHIFTED)
        ],
    }


def test_a_gate_of_release_0_1_needs_no_approval() -> None:
    content = FAST.as_json()
    del content["needs_approval"]

    assert GateResult.from_json(content) == FAST


def test_a_judgement_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "judgement.json").write_text('{"format": 2}')

    with pytest.raises(FormatUnknown, match="judgement format 2, this release reads 1"):
        GateJudgement.load(tmp_path / "judgement.json")


def test_the_same_judgement_has_the_same_key() -> None:
    def judged(*, against: int = 2, gate: GateResult = FAST) -> GateJudgement:
        return GateJudgement(version=3, against=against, decision=PromotionDecision.from_gates([gate]))

    keys = {judged().key, judged().key, judged(against=1).key, judged(gate=LARGE).key}

    assert len(keys) == 3
    # recorded by earlier releases: another key would apply such a judgement again
    assert judged().key == "1db5e0cf38161364b1d92d9328f579fc23d7b749096cd868b302fb9a267fbca5"
