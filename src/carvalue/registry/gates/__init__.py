"""What a challenger must pass to go into production: every gate, and each fails closed."""

from carvalue.registry.gates.champion import load_champion
from carvalue.registry.gates.evidence import GateEvidence, gather_evidence
from carvalue.registry.gates.formatting import decision_summary, gates_table
from carvalue.registry.gates.judge import judge_version, run_gates

__all__ = [
    "GateEvidence",
    "decision_summary",
    "gates_table",
    "gather_evidence",
    "judge_version",
    "load_champion",
    "run_gates",
]
