"""Promote a registered version: run the gates, then apply the decision and record it.

Judging and applying are separate, so that a person can review the gates' results in between. A version is
promoted only if the version that it was compared with is still in production.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion as Registered

from carvalue.errors import AppError
from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.registry.audit import AuditLog
from carvalue.registry.decision import PromotionDecision
from carvalue.registry.gates import GateEvidence, gather_evidence, refuse_unusable, run_gates
from carvalue.registry.mlflow import connect_mlflow, fetch_bundle, set_production, version_by_alias
from carvalue.registry.model_version import DIGEST_TAG, PREVIOUS, PRODUCTION, ModelVersion
from carvalue.registry.promotion import notes
from carvalue.registry.promotion.champion import fetch_other_champion

logger = logging.getLogger(__name__)


class ChampionChanged(AppError):
    """Production changed after the version was judged."""

    status, hint = 409, "Judge the version again: `carvalue run initial_model_dag --from judge`."


@dataclass(frozen=True, kw_only=True)
class GateJudgement:
    """The result of judging a version.

    Attributes:
        version: The number of the judged version.
        against: The number of the version in production at that time; None if there was none.
        decision: The decision that follows from the gates.
    """

    version: int
    against: int | None
    decision: PromotionDecision

    def save(self, path: Path) -> None:
        """Write the judgement as JSON.

        Args:
            path: The file to write.
        """
        plain = {"version": self.version, "against": self.against, "decision": self.decision.as_json()}
        path.write_text(json.dumps(plain, indent=1))

    @classmethod
    def load(cls, path: Path) -> "GateJudgement":
        """Read a judgement that `save` wrote.

        Args:
            path: The JSON file.

        Returns:
            The judgement.
        """
        plain = json.loads(path.read_text())
        return cls(**plain | {"decision": PromotionDecision.from_json(plain["decision"])})


def judge_version(
    *, uri: str, version: ModelVersion, train: Path, test: Path, scratch: Path, max_level_change: float
) -> GateJudgement:
    """Download a version as the price service does, and run all gates on it.

    The gates are skipped if the version, or its bundle, is already in production.

    Args:
        uri: The URI of the MLflow server or database.
        version: The version to judge.
        train: The Parquet file of the training split.
        test: The Parquet file of the test split.
        scratch: A folder for the bundles.
        max_level_change: How far the price level may move without approval, as a share.

    Returns:
        The judgement.

    Raises:
        RegistryUnavailable: MLflow does not answer; nothing is decided.
    """
    with connect_mlflow(uri) as client:
        production = version_by_alias(client, PRODUCTION)
        if production is not None and int(production.version) == version.version:
            decision = PromotionDecision(promote=True, reasons=("it is in production already",))
        elif production is not None and production.tags.get(DIGEST_TAG) == version.bundle_digest:
            reason = f"the same bundle is in production as version {production.version}"
            decision = PromotionDecision(promote=False, reasons=(reason,))
        else:
            gather = partial(gather_evidence, train=train, test=test, max_level_change=max_level_change)
            decision = _decide(uri, version, gather=gather, scratch=scratch)
    return GateJudgement(version=version.version, against=_number(production), decision=decision)


def apply_judgement(
    *, uri: str, version: ModelVersion, judgement: GateJudgement, card: Path, audit: AuditLog, by: str
) -> PromotionDecision:
    """Promote or refuse a version as decided, and record the decision.

    Idempotent: after an interruption at any point, a second call completes the first.

    Args:
        uri: The URI of the MLflow server or database.
        version: The judged version.
        judgement: The judgement to apply.
        card: The version's model card, a Markdown file; the decision becomes its last section.
        audit: The audit log to append to.
        by: Who decided, for the audit log.

    Returns:
        The decision.

    Raises:
        ChampionChanged: The version in production is not the one that the version was compared with.
        RegistryUnavailable: MLflow does not answer.
    """
    decision, number = judgement.decision, version.version
    with connect_mlflow(uri) as client, audit.exclusive():
        production = version_by_alias(client, PRODUCTION)
        is_promoted = _number(production) == number
        if decision.promote:
            if not is_promoted and _number(production) != judgement.against:
                raise ChampionChanged(_change_message(judgement, now=_number(production)))
            set_production(client, version=str(number))
        if not (is_promoted and audit.in_production() == number):
            notes.record_decision(client, version=version, decision=decision, card=card)
            audit.append(
                "promoted" if decision.promote else "refused",
                version=number,
                earlier=_number(version_by_alias(client, PREVIOUS) if is_promoted else production),
                by=by,
                reasons=decision.reasons,
                gates=decision.gates,
            )
    logger.info("promotion decided", extra={"version": number, "promoted": decision.promote})
    return decision


def _decide(
    uri: str, version: ModelVersion, *, gather: Callable[..., GateEvidence], scratch: Path
) -> PromotionDecision:
    try:
        bundle = fetch_bundle(uri=uri, version=version, into=scratch / "challenger")
        champion = fetch_other_champion(uri=uri, bundle=bundle, into=scratch / "production")
        return run_gates(gather(bundle=bundle, champion=champion))
    except (BundleCorrupt, BundleIncompatible) as error:
        return refuse_unusable(error)


def _number(registered: Registered | None) -> int | None:
    return int(registered.version) if registered else None


def _change_message(judgement: GateJudgement, *, now: int | None) -> str:
    before, after = (
        "no version" if number is None else f"version {number}" for number in (judgement.against, now)
    )
    return f"Version {judgement.version} was judged while {before} was in production, but now {after} is."
