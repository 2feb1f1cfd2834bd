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
from carvalue.pricing.bundle.folder import BundleCorrupt, BundleIncompatible
from carvalue.registry.audit import Audit
from carvalue.registry.gates.evidence import gather
from carvalue.registry.gates.gate import Decision
from carvalue.registry.gates.judge import judge, unusable
from carvalue.registry.mlflow import stages
from carvalue.registry.mlflow.bundles import fetch_bundle
from carvalue.registry.mlflow.connection import connected
from carvalue.registry.model_version import DIGEST_TAG, PREVIOUS, PRODUCTION, ModelVersion
from carvalue.registry.promotion import notes as record
from carvalue.registry.promotion.champion import fetch_rival

logger = logging.getLogger(__name__)


class ProductionMoved(AppError):
    """Another version went into production after this one was judged against the one before."""

    status, hint = 409, "Judge it anew: `carvalue run initial_model_dag --from judge`."


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the gates found.

    Attributes:
        version: of which version.
        against: the version that was in production then; None: none was.
        decision: what follows.
    """

    version: int
    against: int | None
    decision: Decision

    def save(self, path: Path) -> None:
        """Write JSON for the next step."""
        plain = {"version": self.version, "against": self.against, "decision": self.decision.as_json()}
        path.write_text(json.dumps(plain, indent=1))

    @classmethod
    def load(cls, path: Path) -> "Judgement":
        """Read what `save` wrote."""
        plain = json.loads(path.read_text())
        return cls(**plain | {"decision": Decision.from_json(plain["decision"])})


def judge_version(*, uri: str, version: ModelVersion, train: Path, test: Path, scratch: Path) -> Judgement:
    """Fetch a version as the price service would, and bring it to every gate.

    Raises:
        RegistryUnavailable: MLflow does not answer: nothing is decided.
    """
    with connected(uri) as client:
        production = stages.aliased(client, PRODUCTION)
        if production is not None and int(production.version) == version.version:
            decision = Decision(promote=True, reasons=("it is in production already",))
        elif production is not None and production.tags.get(DIGEST_TAG) == version.bundle_digest:
            same = f"the same bundle is in production as version {production.version}"
            decision = Decision(promote=False, reasons=(same,))
        else:
            decision = _judged(uri, version, train=train, test=test, scratch=scratch)
    return Judgement(version=version.version, against=_number(production), decision=decision)


def promote(
    *, uri: str, version: ModelVersion, judgement: Judgement, card: Path, audit: Audit, by: str
) -> Decision:
    """Do what was decided, once: switch or leave production, and write down why.

    Broken off at any point, it is completed by doing it again. `card` is the version's model card, which
    gets the decision as its last section.

    Raises:
        ProductionMoved: the version was judged against another one than is in production now.
        RegistryUnavailable: MLflow does not answer.
    """
    decision, number = judgement.decision, version.version
    with connected(uri) as client, audit.deciding():
        production = stages.aliased(client, PRODUCTION)
        is_there = _number(production) == number
        if decision.promote:
            if not is_there and _number(production) != judgement.against:
                raise ProductionMoved(_moved(judgement, now=_number(production)))
            stages.switch(client, version=str(number))
        if not (is_there and audit.in_production() == number):
            record.write_down(client, version=version, decision=decision, card=card)
            audit.note(
                "promoted" if decision.promote else "refused",
                version=number,
                earlier=_number(stages.aliased(client, PREVIOUS) if is_there else production),
                by=by,
                reasons=decision.reasons,
                gates=decision.gates,
            )
    logger.info("decided on promotion", extra={"version": number, "promoted": decision.promote})
    return decision


def _judged(uri: str, version: ModelVersion, *, train: Path, test: Path, scratch: Path) -> Decision:
    try:
        bundle = fetch_bundle(uri=uri, version=version, into=scratch / "candidate")
        rival = fetch_rival(uri=uri, bundle=bundle, into=scratch / "production")
        return judge(gather(bundle=bundle, train=train, test=test, rival=rival))
    except (BundleCorrupt, BundleIncompatible) as error:
        return unusable(error)


def _number(found: Registered | None) -> int | None:
    return int(found.version) if found else None


def _moved(judgement: Judgement, *, now: int | None) -> str:
    was, now_it_is = (
        "nothing" if number is None else f"version {number}" for number in (judgement.against, now)
    )
    return f"Version {judgement.version} was judged while {was} was in production, now {now_it_is} is."
