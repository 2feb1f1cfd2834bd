"""The last two steps to production: what the gates find, and what is done about it."""

import logging
from pathlib import Path

from carvalue.pipelines.steps import VERSION_FILE, audit_file, chosen_dataset
from carvalue.settings import Settings

logger = logging.getLogger(__name__)

JUDGEMENT_FILE = "judgement.json"  # in a training's working files: what the gates found


def judge(*, settings: Settings, work: Path) -> None:
    """Bring the version to every gate that production has; one gate that it does not pass refuses it."""
    from carvalue.registry.model_version import ModelVersion
    from carvalue.registry.promotion import judge_version

    dataset = chosen_dataset(settings, work)
    judgement = judge_version(
        uri=settings.mlflow_tracking_uri,
        version=ModelVersion.load(work / VERSION_FILE),
        train=dataset.path("train"),
        test=dataset.path("test"),
        scratch=work / "judged",
    )
    judgement.save(work / JUDGEMENT_FILE)
    for gate in judgement.decision.gates:
        logger.info("gate", extra={"gate": gate.name, "passed": gate.passed, "found": gate.words})


def promote(*, settings: Settings, work: Path) -> None:
    """Put the version into production if it passed every gate; write the decision down in either case."""
    from carvalue.registry.promotion import ProductionMoved

    try:
        _promote(settings, work)
    except ProductionMoved as moved:
        logger.info("judging anew", extra={"because": str(moved)})
        judge(settings=settings, work=work)
        _promote(settings, work)


def _promote(settings: Settings, work: Path) -> None:
    from carvalue.pricing.evaluation.evaluate import MODEL_CARD
    from carvalue.registry import promotion
    from carvalue.registry.audit import Audit
    from carvalue.registry.model_version import ModelVersion

    decision = promotion.promote(
        uri=settings.mlflow_tracking_uri,
        version=ModelVersion.load(work / VERSION_FILE),
        judgement=promotion.Judgement.load(work / JUDGEMENT_FILE),
        card=work / "evaluation" / MODEL_CARD,
        audit=Audit(audit_file(settings)),
        by="pipeline",
    )
    logger.info("promoted" if decision.promote else "not promoted", extra={"reasons": decision.reasons})
