"""A decision as people read it: one line, and a table of its gates."""

from carvalue.registry.decision import GateResult, PromotionDecision

MOST_WORDS = 300  # characters of one gate; MLflow keeps 5,000 of a description


def decision_summary(decision: PromotionDecision) -> str:
    """Say what was decided and why, in one line."""
    return f"{'promoted' if decision.promote else 'refused'}: {'; '.join(map(_short, decision.reasons))}"


def gates_table(gates: tuple[GateResult, ...]) -> list[str]:
    """Show every gate with what it found, as lines of Markdown."""
    rows = [
        f"| {gate.name} | {'passed' if gate.passed else '**not passed**'} | {_short(gate.words)} |"
        for gate in gates
    ]
    return ["| gate | | found |", "|---|---|---|", *rows]


def _short(words: str) -> str:
    plain = words.replace("|", "/").replace("\n", " ")
    return plain if len(plain) <= MOST_WORDS else plain[: MOST_WORDS - 3] + "..."
