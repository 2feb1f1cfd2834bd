"""From a registered version to production: judged by every gate, then switched, and written down.

The two are apart so that a person may look at what the gates found in between. What was judged is put into
production only if the version that it was judged against is still there.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion as Registered

from carvalue.errors import AppError
from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.registry.audit import AuditLog
from carvalue.registry.decision import PromotionDecision
from carvalue.registry.gates import gather_evidence, refuse_unusable, run_gates
from carvalue.registry.mlflow import connect_mlflow, fetch_bundle, set_production, version_by_alias
from carvalue.registry.model_version import DIGEST_TAG, PREVIOUS, PRODUCTION, ModelVersion
from carvalue.registry.promotion import notes
from carvalue.registry.promotion.champion import fetch_other_champion

logger = logging.getLogger(__name__)


class ChampionChanged(AppError):
    """Another version went into production after this one was judged against the one before."""

    status, hint = 409, "Judge it anew: `carvalue run initial_model_dag --from judge`."


@dataclass(frozen=True, kw_only=True)
class GateJudgement:
    """What the gates found.

    Attributes:
        version: of which version.
        against: the version that was in production then; None: none was.
        decision: what follows.
    """

    version: int
    against: int | None
    decision: PromotionDecision

    def save(self, path: Path) -> None:
        """Write JSON for the next step."""
        plain = {"version": self.version, "against": self.against, "decision": self.decision.as_json()}
        path.write_text(json.dumps(plain, indent=1))

    @classmethod
    def load(cls, path: Path) -> "GateJudgement":
        """Read what `save` wrote."""
        plain = json.loads(path.read_text())
        return cls(**plain | {"decision": PromotionDecision.from_json(plain["decision"])})


def judge_version(
    *, uri: str, version: ModelVersion, train: Path, test: Path, scratch: Path
) -> GateJudgement:
    """Fetch a version as the price service would, and bring it to every gate.

    Raises:
        RegistryUnavailable: MLflow does not answer: nothing is decided.
    """
    with connect_mlflow(uri) as client:
        production = version_by_alias(client, PRODUCTION)
        if production is not None and int(production.version) == version.version:
            decision = PromotionDecision(promote=True, reasons=("it is in production already",))
        elif production is not None and production.tags.get(DIGEST_TAG) == version.bundle_digest:
            same = f"the same bundle is in production as version {production.version}"
            decision = PromotionDecision(promote=False, reasons=(same,))
        else:
            decision = _judged(uri, version, train=train, test=test, scratch=scratch)
    return GateJudgement(version=version.version, against=_number(production), decision=decision)


def apply_judgement(
    *, uri: str, version: ModelVersion, judgement: GateJudgement, card: Path, audit: AuditLog, by: str
) -> PromotionDecision:
    """Do what was decided, once: switch or leave production, and write down why.

    Broken off at any point, it is completed by doing it again. `card` is the version's model card, which
    gets the decision as its last section.

    Raises:
        ChampionChanged: the version was judged against another one than is in production now.
        RegistryUnavailable: MLflow does not answer.
    """
    decision, number = judgement.decision, version.version
    with connect_mlflow(uri) as client, audit.deciding():
        production = version_by_alias(client, PRODUCTION)
        is_there = _number(production) == number
        if decision.promote:
            if not is_there and _number(production) != judgement.against:
                raise ChampionChanged(_moved(judgement, now=_number(production)))
            set_production(client, version=str(number))
        if not (is_there and audit.in_production() == number):
            notes.note_decision(client, version=version, decision=decision, card=card)
            audit.note(
                "promoted" if decision.promote else "refused",
                version=number,
                earlier=_number(version_by_alias(client, PREVIOUS) if is_there else production),
                by=by,
                reasons=decision.reasons,
                gates=decision.gates,
            )
    logger.info("decided on promotion", extra={"version": number, "promoted": decision.promote})
    return decision


def _judged(uri: str, version: ModelVersion, *, train: Path, test: Path, scratch: Path) -> PromotionDecision:
    try:
        bundle = fetch_bundle(uri=uri, version=version, into=scratch / "candidate")
        champion = fetch_other_champion(uri=uri, bundle=bundle, into=scratch / "production")
        return run_gates(gather_evidence(bundle=bundle, train=train, test=test, champion=champion))
    except (BundleCorrupt, BundleIncompatible) as error:
        return refuse_unusable(error)


def _number(found: Registered | None) -> int | None:
    return int(found.version) if found else None


def _moved(judgement: GateJudgement, *, now: int | None) -> str:
    was, now_it_is = (
        "nothing" if number is None else f"version {number}" for number in (judgement.against, now)
    )
    return f"Version {judgement.version} was judged while {was} was in production, now {now_it_is} is."
