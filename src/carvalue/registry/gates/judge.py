"""All gates in order; one that raises is not passed, because nobody knows what it would have found."""

import logging
from collections.abc import Callable, Sequence

from carvalue.errors import AppError
from carvalue.registry.gates import accuracy, service
from carvalue.registry.gates.evidence import Evidence
from carvalue.registry.gates.gate import Decision, Gate

logger = logging.getLogger(__name__)

GATES: tuple[Callable[[Evidence], Gate], ...] = (
    accuracy.enough_data,
    accuracy.real_data,
    accuracy.beats_the_baseline,
    accuracy.beats_production,
    accuracy.no_bad_slice,
    accuracy.coverage,
    service.behaviour,
    service.size,
    service.speed,
    service.loading,
)
TELLING = (accuracy.BASELINE, accuracy.PRODUCTION)
"""The gates that tell why a candidate is worth promoting, rather than that nothing speaks against it."""


def judge(evidence: Evidence, *, gates: Sequence[Callable[[Evidence], Gate]] = GATES) -> Decision:
    """Bring a candidate to every gate; it needs all of them."""
    return Decision.by((_tried(gate, evidence) for gate in gates), telling=TELLING)


def unusable(error: AppError) -> Decision:
    """Refuse a candidate that could not even be loaded, so that no other gate can be tried."""
    words = f"the price service could not load it: {error}"
    return Decision.by([Gate(name=service.LOADING, figure=None, limit=None, passed=False, words=words)])


def _tried(gate: Callable[[Evidence], Gate], evidence: Evidence) -> Gate:
    try:
        return gate(evidence)
    except Exception as error:
        logger.exception("a gate could not be tried", extra={"gate": gate.__name__})
        words = f"could not be tried: {type(error).__name__} {error}"
        return Gate(name=gate.__name__.replace("_", " "), figure=None, limit=None, passed=False, words=words)
