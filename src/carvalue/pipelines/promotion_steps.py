"""The last two steps to production: what the gates find, and what is done about it."""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from carvalue.errors import AppError
from carvalue.pipelines.steps import VERSION_FILE, audit_file, chosen_dataset
from carvalue.settings import Settings

if TYPE_CHECKING:
    from carvalue.registry.promotion import GateJudgement

logger = logging.getLogger(__name__)

JUDGEMENT_FILE = "judgement.json"  # in a training's working files: what the gates found
ANSWER_FILE = "answer.json"  # likewise: what a person said to it


class ApprovalMissing(AppError):
    """A person must say yes first, and none has been asked."""

    status, hint = 409, "Airflow asks in the DAG's run; without it, `carvalue promote N` is a person's word."


@dataclass(frozen=True, kw_only=True)
class ApprovalQuestion:
    """What a person is asked; `body` is Markdown."""

    subject: str
    body: str


def judge(*, settings: Settings, work: Path) -> None:
    """Bring the version to every gate that production has; one gate that it does not pass refuses it."""
    from carvalue.registry import ModelVersion
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


def question(*, settings: Settings, work: Path) -> ApprovalQuestion | None:
    """Return the question put to a person before promotion; None if a gate has refused the version."""
    from carvalue.registry.gates import gates_table
    from carvalue.registry.promotion import GateJudgement

    judgement = GateJudgement.load(work / JUDGEMENT_FILE)
    if not judgement.decision.promote:
        return None
    now = "nothing" if judgement.against is None else f"version {judgement.against}"
    lines = [f"In production now: {now}. MLflow at {settings.mlflow_tracking_uri} has the model card.", ""]
    return ApprovalQuestion(
        subject=f"Version {judgement.version} into production?",
        body="\n".join(lines + gates_table(judgement.decision.gates)),
    )


def answer(*, work: Path, person: str, approved: bool) -> None:
    """Keep what a person answered, for `apply_judgement`; it counts for the version that was asked about."""
    from carvalue.registry.promotion import GateJudgement

    version = GateJudgement.load(work / JUDGEMENT_FILE).version
    said = {"version": version, "person": person, "approved": approved}
    (work / ANSWER_FILE).write_text(json.dumps(said))


def promote(*, settings: Settings, work: Path) -> None:
    """Put the version into production if it passed every gate; write the decision down in either case."""
    from carvalue.registry.promotion import ChampionChanged

    try:
        _promote(settings, work)
    except ChampionChanged as moved:
        if settings.promotion_approval == "required":
            raise  # a person said yes to something else
        logger.info("judging anew", extra={"because": str(moved)})
        judge(settings=settings, work=work)
        _promote(settings, work)


def _promote(settings: Settings, work: Path) -> None:
    from carvalue.pricing.evaluation import MODEL_CARD
    from carvalue.registry import AuditLog, ModelVersion
    from carvalue.registry.promotion import GateJudgement, apply_judgement

    judgement = GateJudgement.load(work / JUDGEMENT_FILE)
    if settings.promotion_approval == "required" and judgement.decision.promote:
        judgement = _approved(judgement, work)
    decision = apply_judgement(
        uri=settings.mlflow_tracking_uri,
        version=ModelVersion.load(work / VERSION_FILE),
        judgement=judgement,
        card=work / "evaluation" / MODEL_CARD,
        audit=AuditLog(audit_file(settings)),
        by="pipeline",
    )
    logger.info("promoted" if decision.promote else "not promoted", extra={"reasons": decision.reasons})


def _approved(judgement: "GateJudgement", work: Path) -> "GateJudgement":
    try:
        said = json.loads((work / ANSWER_FILE).read_text())
    except FileNotFoundError:
        said = {}
    if said.get("version") != judgement.version:
        raise ApprovalMissing(f"PROMOTION_APPROVAL=required: nobody approved version {judgement.version}.")
    decision = judgement.decision.asked(said["person"], approved=said["approved"])
    return replace(judgement, decision=decision)
