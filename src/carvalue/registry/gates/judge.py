"""Run all gates in order. A gate that raises an error counts as not passed."""

import logging
from collections.abc import Callable, Sequence

from carvalue.errors import AppError
from carvalue.registry.decision import GateResult, PromotionDecision
from carvalue.registry.gates import accuracy, plausibility, service
from carvalue.registry.gates.evidence import GateEvidence

logger = logging.getLogger(__name__)

GATES: tuple[Callable[[GateEvidence], GateResult], ...] = (
    accuracy.enough_data,
    accuracy.real_data,
    accuracy.beats_the_baseline,
    accuracy.beats_production,
    accuracy.no_bad_slice,
    accuracy.coverage,
    plausibility.price_level,
    plausibility.plausible_moves,
    plausibility.listed_prices,
    service.behaviour,
    service.size,
    service.speed,
    service.loading,
)
REASON_GATES = (accuracy.BASELINE, accuracy.PRODUCTION)
"""Names of the gates whose messages are given as reasons for a promotion."""


def run_gates(
    evidence: GateEvidence, *, gates: Sequence[Callable[[GateEvidence], GateResult]] = GATES
) -> PromotionDecision:
    """Run the gates on a challenger, which must pass all of them.

    Args:
        evidence: What the gates look at.
        gates: The gates, in order.

    Returns:
        The decision with the result of each gate.
    """
    return PromotionDecision.from_gates((_run(gate, evidence) for gate in gates), telling=REASON_GATES)


def refuse_unusable(error: AppError) -> PromotionDecision:
    """Refuse a challenger that cannot be loaded, so that no gate can be run.

    Args:
        error: Why the bundle could not be loaded.

    Returns:
        The decision.
    """
    message = f"the price service could not load it: {error}"
    return PromotionDecision.from_gates(
        [GateResult(name=service.LOADING, figure=None, limit=None, passed=False, message=message)]
    )


def _run(gate: Callable[[GateEvidence], GateResult], evidence: GateEvidence) -> GateResult:
    try:
        return gate(evidence)
    except Exception as error:
        logger.exception("gate failed with an error", extra={"gate": gate.__name__})
        message = f"could not be run: {type(error).__name__} {error}"
        return GateResult(
            name=gate.__name__.replace("_", " "), figure=None, limit=None, passed=False, message=message
        )
