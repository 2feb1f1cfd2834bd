"""What a challenger must pass to go into production: every gate, and each fails closed."""

from carvalue.registry.gates.champion import load_champion
from carvalue.registry.gates.evidence import GateEvidence, GateLimits, gather_evidence
from carvalue.registry.gates.formatting import decision_summary, gates_table
from carvalue.registry.gates.judge import Gate, installed_gates, judge_version, run_gates
from carvalue.registry.judgement import GateResult

__all__ = [
    "Gate",
    "GateEvidence",
    "GateLimits",
    "GateResult",
    "decision_summary",
    "gates_table",
    "gather_evidence",
    "installed_gates",
    "judge_version",
    "load_champion",
    "run_gates",
]
