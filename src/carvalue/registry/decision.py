"""What one gate found, and what follows from all of them."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """One gate after a candidate came to it.

    Attributes:
        name: what it asks.
        figure: what was measured; None where it could not be.
        limit: what the figure is held against; None where there was nothing to compare with.
        passed: whether the candidate may go on.
        words: the same as a sentence, with units.
    """

    name: str
    figure: float | None
    limit: float | None
    passed: bool
    words: str


@dataclass(frozen=True, kw_only=True)
class PromotionDecision:
    """Whether to promote, and why or why not; reasons are never empty."""

    promote: bool
    reasons: tuple[str, ...]
    gates: tuple[GateResult, ...] = ()

    @classmethod
    def by(cls, gates: Iterable[GateResult], *, telling: Collection[str] = ()) -> "PromotionDecision":
        """Let in what passed every gate.

        The reasons are the words of the gates that it did not pass, or else of those named in `telling`.
        """
        gates = tuple(gates)
        against = tuple(gate.words for gate in gates if not gate.passed)
        if against or not gates:
            return cls(promote=False, reasons=against or ("no gate was tried",), gates=gates)
        because = (gate.words for gate in gates if gate.name in telling)
        return cls(promote=True, reasons=(f"passed all {len(gates)} gates", *because), gates=gates)

    def asked(self, person: str, *, approved: bool) -> "PromotionDecision":
        """Give what is decided once a person has answered; nobody can approve what a gate refused."""
        said = f"{'approved' if approved else 'rejected'} by {person}"
        reasons = (said, *self.reasons) if approved else (said,)
        return replace(self, promote=self.promote and approved, reasons=reasons)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON's own types."""
        return asdict(self) | {
            "reasons": list(self.reasons),
            "gates": [asdict(gate) for gate in self.gates],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "PromotionDecision":
        """Read what `as_json` gave."""
        return cls(
            promote=content["promote"],
            reasons=tuple(content["reasons"]),
            gates=tuple(GateResult(**gate) for gate in content["gates"]),
        )
