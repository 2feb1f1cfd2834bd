"""Decisions are shown in one line and as a table that no message can break."""

from carvalue.registry.gates.formatting import MAX_CHARACTERS, decision_summary, gates_table
from carvalue.registry.judgement import GateResult, PromotionDecision


def a_gate(*, passed: bool, message: str) -> GateResult:
    return GateResult(name="speed", figure=1.0, limit=5.0, passed=passed, message=message)


def test_a_decision_is_one_line_with_all_reasons() -> None:
    refused = PromotionDecision(promote=False, reasons=("too slow", "a|b\nc"))

    assert decision_summary(refused) == "refused: too slow; a/b c"
    assert decision_summary(PromotionDecision(promote=True, reasons=("good",))) == "promoted: good"


def test_gates_are_a_table() -> None:
    lines = gates_table((a_gate(passed=True, message="1 ms"), a_gate(passed=False, message="a | b\nc")))

    assert lines == [
        "| gate | | found |",
        "|---|---|---|",
        "| speed | passed | 1 ms |",
        "| speed | **not passed** | a / b c |",
    ]


def test_a_long_message_is_cut() -> None:
    longest, longer = "x" * MAX_CHARACTERS, "x" * (MAX_CHARACTERS + 1)

    whole, cut = (gates_table((a_gate(passed=True, message=text),))[-1] for text in (longest, longer))

    assert whole == f"| speed | passed | {longest} |"
    assert cut == f"| speed | passed | {'x' * (MAX_CHARACTERS - 3)}... |"
