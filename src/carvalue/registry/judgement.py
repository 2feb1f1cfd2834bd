"""Results of acceptance gates, and what follows from them: whether a version is promoted."""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from carvalue.files import StoredFormat

JUDGEMENT_FORMAT = StoredFormat(kind="judgement")


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """The result of one gate for a version.

    Attributes:
        name: The gate's name.
        figure: The measured figure; None if it could not be measured.
        limit: The limit of the figure; None if there is none.
        passed: Whether the version passed the gate.
        message: The result as a sentence, with units.
        needs_approval: Whether a person must approve the promotion because of this result.
    """

    name: str
    figure: float | None
    limit: float | None
    passed: bool
    message: str
    needs_approval: bool = False

    def as_json(self) -> dict[str, Any]:
        """Convert the result to JSON types; the message is stored as `words`.

        Returns:
            The content, which `from_json` reads.
        """
        content = asdict(self)
        content["words"] = content.pop("message")
        return content

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "GateResult":
        """Convert the result of `as_json` back.

        Args:
            content: The content; `needs_approval` may be missing.

        Returns:
            The result of the gate.
        """
        return cls(
            message=content["words"], **{key: value for key, value in content.items() if key != "words"}
        )


@dataclass(frozen=True, kw_only=True)
class PromotionDecision:
    """Whether to promote a version, with the reasons.

    Attributes:
        promote: Whether the version goes into production.
        reasons: The reasons, at least one.
        gates: The results of all gates; empty if none ran.

    Example:
        >>> fast = GateResult(name="speed", figure=1.0, limit=5.0, passed=True, message="1 ms (at most 5)")
        >>> large = GateResult(name="size", figure=80, limit=60, passed=False, message="80 MB (at most 60)")
        >>> PromotionDecision.from_gates([fast]).reasons
        ('passed all 1 gates',)
        >>> decision = PromotionDecision.from_gates([fast, large])
        >>> decision.promote, decision.reasons
        (False, ('80 MB (at most 60)',))
        >>> decision.with_approval("ann", approved=True).promote  # a person cannot overrule a gate
        False
    """

    promote: bool
    reasons: tuple[str, ...]
    gates: tuple[GateResult, ...] = ()

    @property
    def needs_approval(self) -> bool:
        """Whether a gate lets the challenger in only with a person's approval."""
        return self.promote and any(gate.needs_approval for gate in self.gates)

    @classmethod
    def from_gates(cls, gates: Iterable[GateResult], *, telling: Collection[str] = ()) -> "PromotionDecision":
        """Promote a version that passed all gates, at least one.

        Args:
            gates: The results of all gates.
            telling: Names of the gates whose messages are reasons for a promotion; the reasons for a refusal
                are the messages of the failed gates.

        Returns:
            The decision.
        """
        gates = tuple(gates)
        failures = tuple(gate.message for gate in gates if not gate.passed)
        if failures or not gates:
            return cls(promote=False, reasons=failures or ("no gate was run",), gates=gates)
        strengths = (gate.message for gate in gates if gate.name in telling)
        return cls(promote=True, reasons=(f"passed all {len(gates)} gates", *strengths), gates=gates)

    def with_approval(self, person: str, *, approved: bool) -> "PromotionDecision":
        """Combine the decision with a person's answer; a person cannot approve what a gate refused.

        Args:
            person: The name of the person.
            approved: Whether the person approves the promotion.

        Returns:
            The combined decision.
        """
        answer = f"{'approved' if approved else 'rejected'} by {person}"
        reasons = (answer, *self.reasons) if approved else (answer,)
        return replace(self, promote=self.promote and approved, reasons=reasons)

    def as_json(self) -> dict[str, Any]:
        """Convert the decision to JSON types.

        Returns:
            The content, which `from_json` reads.
        """
        return {
            "promote": self.promote,
            "reasons": list(self.reasons),
            "gates": [gate.as_json() for gate in self.gates],
        }

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "PromotionDecision":
        """Convert the result of `as_json` back to a decision.

        Args:
            content: The content.

        Returns:
            The decision.
        """
        return cls(
            promote=content["promote"],
            reasons=tuple(content["reasons"]),
            gates=tuple(map(GateResult.from_json, content["gates"])),
        )


@dataclass(frozen=True, kw_only=True)
class GateJudgement:
    """The result of judging a version against the version in production.

    Attributes:
        version: The number of the judged version.
        against: The number of the version in production at that time; None if there was none.
        decision: The decision that follows from the gates.
    """

    version: int
    against: int | None
    decision: PromotionDecision

    @property
    def key(self) -> str:
        """The same text for the same judgement, so that it is recorded once however often it is applied."""
        return sha256(json.dumps(self._fields(), indent=1).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the judgement as JSON.

        Args:
            path: The file to write.
        """
        JUDGEMENT_FORMAT.write(path, self._fields())

    @classmethod
    def load(cls, path: Path) -> "GateJudgement":
        """Read a judgement that `save` wrote.

        Args:
            path: The JSON file.

        Returns:
            The judgement.

        Raises:
            FormatUnknown: A newer release wrote the file.
        """
        content = JUDGEMENT_FORMAT.read(path)
        return cls(**content | {"decision": PromotionDecision.from_json(content["decision"])})

    def _fields(self) -> dict[str, Any]:
        return {"version": self.version, "against": self.against, "decision": self.decision.as_json()}
