"""What a candidate must pass to go into production: every gate, and each fails closed."""

from carvalue.registry.gates.evidence import GateEvidence, gather_evidence
from carvalue.registry.gates.formatting import decision_summary, gates_table
from carvalue.registry.gates.judge import refuse_unusable, run_gates

__all__ = [
    "GateEvidence",
    "decision_summary",
    "gates_table",
    "gather_evidence",
    "refuse_unusable",
    "run_gates",
]
