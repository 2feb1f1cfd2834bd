"""All gates in order; one that raises is not passed, because nobody knows what it would have found."""

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
TELLING = (accuracy.BASELINE, accuracy.PRODUCTION)
"""The gates that tell why a candidate is worth promoting, rather than that nothing speaks against it."""


def run_gates(
    evidence: GateEvidence, *, gates: Sequence[Callable[[GateEvidence], GateResult]] = GATES
) -> PromotionDecision:
    """Bring a candidate to every gate; it needs all of them."""
    return PromotionDecision.from_gates((_tried(gate, evidence) for gate in gates), telling=TELLING)


def refuse_unusable(error: AppError) -> PromotionDecision:
    """Refuse a candidate that could not even be loaded, so that no other gate can be tried."""
    words = f"the price service could not load it: {error}"
    return PromotionDecision.from_gates(
        [GateResult(name=service.LOADING, figure=None, limit=None, passed=False, words=words)]
    )


def _tried(gate: Callable[[GateEvidence], GateResult], evidence: GateEvidence) -> GateResult:
    try:
        return gate(evidence)
    except Exception as error:
        logger.exception("a gate could not be tried", extra={"gate": gate.__name__})
        words = f"could not be tried: {type(error).__name__} {error}"
        return GateResult(
            name=gate.__name__.replace("_", " "), figure=None, limit=None, passed=False, words=words
        )
