"""What follows from the recorded decisions: what is, was and should be in production."""

from collections.abc import Sequence
from dataclasses import dataclass

from carvalue.journal import DecisionRecord
from carvalue.registry.model_version import ModelVersion


def last_switch(decisions: Sequence[DecisionRecord]) -> DecisionRecord | None:
    """Find the last decision that changed the version in production.

    Args:
        decisions: All decisions, oldest first.

    Returns:
        The decision; None if there is none.
    """
    return next((decision for decision in reversed(decisions) if decision.is_switch), None)


def were_in_production(decisions: Sequence[DecisionRecord]) -> set[int]:
    """List every version that is or was in production.

    Args:
        decisions: All decisions.

    Returns:
        The numbers of the versions.
    """
    switches = [decision for decision in decisions if decision.is_switch]
    earlier = {decision.earlier for decision in switches if decision.earlier is not None}
    return earlier | {decision.version for decision in switches}


def rollback_targets(decisions: Sequence[DecisionRecord]) -> list[int]:
    """List the versions that a rollback may restore.

    A version that production was rolled back from is none of them, until it is promoted again.

    Args:
        decisions: All decisions, oldest first.

    Returns:
        The numbers of the versions, the one that was in production last comes first.
    """
    by_last_use: dict[int, None] = {}
    rejected: set[int] = set()
    current: int | None = None
    for decision in decisions:
        if not decision.is_switch:
            continue
        for number in (decision.earlier, decision.version):
            if number is not None:
                by_last_use.pop(number, None)
                by_last_use[number] = None
        if decision.act == "rolled back" and decision.earlier is not None:
            rejected.add(decision.earlier)
        current = decision.version
        rejected.discard(current)
    return [number for number in reversed(by_last_use) if number not in rejected and number != current]


@dataclass(frozen=True, kw_only=True)
class VersionSummary:
    """A version with the figures that people compare.

    Attributes:
        version: The version's number.
        state: `production`, `canary`, `archived` or `challenger`.
        data_source: The kind of data source of its training.
        error: Its median absolute percentage error on the test rows; None if it was not measured.
        coverage: The share of test prices within its price ranges; None if it was not measured.
        gates: How many gates it passed, for example `13 of 13`; empty if it was not judged.
        decision: The last decision about it with its reasons; empty if there is none.
    """

    version: int
    state: str
    data_source: str
    error: float | None
    coverage: float | None
    gates: str
    decision: str


def summarize(
    versions: Sequence[ModelVersion], *, champion: ModelVersion | None, decisions: Sequence[DecisionRecord]
) -> tuple[VersionSummary, ...]:
    """Summarize versions and the decisions about them.

    Args:
        versions: The versions.
        champion: The version in production; None if there is none.
        decisions: All decisions, oldest first.

    Returns:
        The summaries, in the order of `versions`.
    """
    states = dict.fromkeys(were_in_production(decisions), "archived")
    if (canary := canary_version(decisions)) is not None:
        states[canary] = "canary"
    if champion is not None:
        states[champion.version] = "production"
    return tuple(
        _summary(version, states.get(version.version, "challenger"), decisions) for version in versions
    )


def canary_version(decisions: Sequence[DecisionRecord]) -> int | None:
    """Find the version that is served as a canary.

    Args:
        decisions: All decisions, oldest first.

    Returns:
        The number of the version; None if no canary runs.
    """
    last = next((decision for decision in reversed(decisions) if decision.act != "refused"), None)
    return last.version if last is not None and last.act == "canary started" else None


def _summary(version: ModelVersion, state: str, decisions: Sequence[DecisionRecord]) -> VersionSummary:
    about = [decision for decision in decisions if decision.version == version.version]
    gates = next((decision.gates for decision in reversed(about) if decision.gates), ())
    return VersionSummary(
        version=version.version,
        state=state,
        data_source=version.data_source,
        error=version.test.get("mdape"),
        coverage=version.test.get("coverage"),
        gates=f"{sum(gate['passed'] for gate in gates)} of {len(gates)}" if gates else "",
        decision=f"{about[-1].act}: {'; '.join(about[-1].reasons)}" if about else "",
    )
