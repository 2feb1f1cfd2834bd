"""Format a decision for people: one line, and a Markdown table of its gates."""

from carvalue.registry.judgement import GateResult, PromotionDecision

MAX_CHARACTERS = 300  # of one gate; MLflow keeps 5,000 of a description


def decision_summary(decision: PromotionDecision) -> str:
    """Summarise a decision and its reasons in one line.

    Args:
        decision: The decision.

    Returns:
        The text.
    """
    return f"{'promoted' if decision.promote else 'refused'}: {'; '.join(map(_short, decision.reasons))}"


def gates_table(gates: tuple[GateResult, ...]) -> list[str]:
    """Format the results of all gates as a Markdown table.

    Args:
        gates: The results.

    Returns:
        The lines of the table.
    """
    rows = [
        f"| {gate.name} | {'passed' if gate.passed else '**not passed**'} | {_short(gate.message)} |"
        for gate in gates
    ]
    return ["| gate | | found |", "|---|---|---|", *rows]


def _short(message: str) -> str:
    plain = message.replace("|", "/").replace("\n", " ")
    return plain if len(plain) <= MAX_CHARACTERS else plain[: MAX_CHARACTERS - 3] + "..."
