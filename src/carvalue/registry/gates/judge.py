"""Judge a version: run all gates in order. A gate that raises an error counts as not passed."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path

from carvalue.errors import AppError
from carvalue.extensions import installed_extensions
from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.registry.gates import accuracy, plausibility, service
from carvalue.registry.gates.champion import load_champion
from carvalue.registry.gates.evidence import AccuracyUnknown, GateEvidence, GateLimits, gather_evidence
from carvalue.registry.judgement import GateJudgement, GateResult, PromotionDecision
from carvalue.registry.model_version import ModelVersion
from carvalue.registry.port import VersionCatalog

logger = logging.getLogger(__name__)

Gate = Callable[[GateEvidence], GateResult]
"""Judges one property of a challenger."""

GATES: tuple[Gate, ...] = (
    accuracy.enough_data,
    accuracy.real_data,
    accuracy.beats_the_baseline,
    accuracy.beats_production,
    accuracy.no_bad_slice,
    accuracy.coverage,
    accuracy.refit,
    plausibility.price_level,
    plausibility.plausible_moves,
    plausibility.listed_prices,
    service.invariants,
    service.size,
    service.speed,
    service.loading,
)
REASON_GATES = (accuracy.BASELINE, accuracy.PRODUCTION)
"""Names of the gates whose messages are given as reasons for a promotion."""


def run_gates(evidence: GateEvidence, *, gates: Sequence[Gate] | None = None) -> PromotionDecision:
    """Run the gates on a challenger, which must pass all of them.

    Args:
        evidence: What the gates look at.
        gates: The gates, in order; by default all, also those of other installed packages.

    Returns:
        The decision with the result of each gate.
    """
    chosen = (*GATES, *installed_gates()) if gates is None else gates
    return PromotionDecision.from_gates((_run(gate, evidence) for gate in chosen), telling=REASON_GATES)


def installed_gates() -> tuple[Gate, ...]:
    """List the gates that other installed packages add as entry points of the group `carvalue.gates`.

    Returns:
        The gates in order of their names; one that cannot be imported raises an error when it is run, and so
        is not passed.
    """
    return tuple(map(_installed_gate, installed_extensions("carvalue.gates")))


def _installed_gate(extension: EntryPoint) -> Gate:
    def gate(evidence: GateEvidence) -> GateResult:
        result: GateResult = extension.load()(evidence)
        return result

    gate.__name__ = extension.name
    return gate


def judge_version(
    version: ModelVersion,
    *,
    registry: VersionCatalog,
    train: Path,
    test: Path,
    scratch: Path,
    limits: GateLimits,
) -> GateJudgement:
    """Download a version as the price service does, and run all gates on it and on the evaluated model.

    The gates are skipped if the version, or its bundle, is already in production.

    Args:
        version: The version to judge.
        registry: The model registry.
        train: The Parquet file of the training split.
        test: The Parquet file of the test split.
        scratch: A folder for the bundles.
        limits: The limits of the gates.

    Returns:
        The judgement.

    Raises:
        RegistryUnavailable: The registry does not answer; nothing is decided.
    """
    against = registry.champion()
    if against is not None and against.version == version.version:
        decision = PromotionDecision(promote=True, reasons=("it is in production already",))
    elif against is not None and against.bundle_digest == version.bundle_digest:
        reason = f"the same bundle is in production as version {against.version}"
        decision = PromotionDecision(promote=False, reasons=(reason,))
    else:
        gather = partial(gather_evidence, train=train, test=test, limits=limits)
        decision = _judge(version, registry=registry, gather=gather, scratch=scratch)
    return GateJudgement(
        version=version.version, against=against.version if against else None, decision=decision
    )


def _judge(
    version: ModelVersion, *, registry: VersionCatalog, gather: Callable[..., GateEvidence], scratch: Path
) -> PromotionDecision:
    try:
        bundle = registry.download(version, into=scratch / "challenger")
        evaluated = registry.download_evaluated(version, into=scratch / "evaluated")
        champion = load_champion(registry, into=scratch / "production")
        return run_gates(gather(bundle=bundle, evaluated=evaluated, champion=champion))
    except (BundleCorrupt, BundleIncompatible) as error:
        return refuse_unusable(error)
    except AccuracyUnknown as error:
        return PromotionDecision.from_gates(
            [GateResult(name=accuracy.REFIT, figure=None, limit=None, passed=False, message=str(error))]
        )


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


def _run(gate: Gate, evidence: GateEvidence) -> GateResult:
    try:
        return gate(evidence)
    except Exception as error:
        logger.exception("gate failed with an error", extra={"gate": gate.__name__})
        message = f"could not be run: {type(error).__name__} {error}"
        return GateResult(
            name=gate.__name__.replace("_", " "), figure=None, limit=None, passed=False, message=message
        )
