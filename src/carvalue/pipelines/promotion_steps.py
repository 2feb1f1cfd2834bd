"""The last two steps of a training: judge the new version, and promote or refuse it."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from carvalue.errors import AppError
from carvalue.pipelines.steps import VERSION_FILE, chosen_dataset
from carvalue.settings import PipelineSettings
from carvalue.urls import without_credentials

if TYPE_CHECKING:
    from carvalue.registry import GateJudgement

logger = logging.getLogger(__name__)

JUDGEMENT_FILE = "judgement.json"
"""The gates' results, among a training's working files."""
ANSWER_FILE, ANSWER = "answer.json", "approval"
"""A person's answer to the approval question, among a training's working files."""


class ApprovalMissing(AppError):
    """A person must approve the version first, and none has."""

    status, hint = 409, "Approve it in Airflow in the DAG's run, or promote it with `carvalue promote N`."


@dataclass(frozen=True, kw_only=True)
class ApprovalQuestion:
    """The question to the person who approves a promotion."""

    subject: str
    """The question in one line."""
    body: str
    """The details, in Markdown."""


def judge(*, settings: PipelineSettings, work: Path) -> None:
    """Run all acceptance gates on the new version; it is refused if it fails one of them.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.
    """
    from carvalue.registry import ModelVersion, open_registry
    from carvalue.registry.gates import GateLimits, judge_version

    dataset = chosen_dataset(settings, work)
    with open_registry(settings) as registry:
        judgement = judge_version(
            ModelVersion.load(work / VERSION_FILE),
            registry=registry,
            train=dataset.path("train"),
            test=dataset.path("test"),
            scratch=work / "judged",
            limits=GateLimits(
                level_change=settings.max_level_change,
                worse=settings.max_worse_error,
                slice_error=settings.max_slice_error,
                coverage_deviation=settings.max_coverage_deviation,
                generated=settings.generated_data == "accept",
            ),
        )
    judgement.save(work / JUDGEMENT_FILE)
    for gate in judgement.decision.gates:
        logger.info("gate", extra={"gate": gate.name, "passed": gate.passed, "found": gate.message})


def approval_question(*, settings: PipelineSettings, work: Path) -> ApprovalQuestion | None:
    """Build the question to a person before the promotion.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.

    Returns:
        The question; None if a gate has refused the version.
    """
    from carvalue.registry import GateJudgement
    from carvalue.registry.gates import gates_table

    judgement = GateJudgement.load(work / JUDGEMENT_FILE)
    if not _must_be_approved(judgement, settings):
        return None
    mlflow = without_credentials(settings.mlflow_tracking_uri)
    current = "nothing" if judgement.against is None else f"version {judgement.against}"
    lines = [
        f"In production now: {current}. MLflow at {mlflow} has the model card.",
        "",
    ]
    return ApprovalQuestion(
        subject=f"Version {judgement.version} into production?",
        body="\n".join(lines + gates_table(judgement.decision.gates)),
    )


def save_answer(*, work: Path, person: str, approved: bool) -> None:
    """Save a person's answer for the step `promote`; it is valid for the judged version only.

    Args:
        work: The folder of the pipeline's working files.
        person: The name of the person.
        approved: Whether the person approves the promotion.
    """
    from carvalue.files import StoredFormat
    from carvalue.registry import GateJudgement

    version = GateJudgement.load(work / JUDGEMENT_FILE).version
    answer = {"version": version, "person": person, "approved": approved}
    StoredFormat(kind=ANSWER).write(work / ANSWER_FILE, answer)


def promote(*, settings: PipelineSettings, work: Path) -> None:
    """Put the version into production if it passed all gates, and record the decision in either case.

    Args:
        settings: The settings of the program.
        work: The folder of the pipeline's working files.

    Raises:
        ApprovalMissing: A person must approve, and none has.
        ChampionChanged: Production changed after a person approved the version.
    """
    from carvalue.registry import ChampionChanged, GateJudgement

    try:
        _promote(settings, work)
    except ChampionChanged as change:
        if _must_be_approved(GateJudgement.load(work / JUDGEMENT_FILE), settings):
            raise  # the person approved a comparison with another version
        logger.info("gates are applied again", extra={"because": str(change)})
        judge(settings=settings, work=work)
        _promote(settings, work)


def _promote(settings: PipelineSettings, work: Path) -> None:
    from carvalue.pricing.evaluation import MODEL_CARD
    from carvalue.registry import GateJudgement, ModelVersion, open_registry

    judgement = GateJudgement.load(work / JUDGEMENT_FILE)
    if _must_be_approved(judgement, settings):
        judgement = _approved(judgement, work)
    with open_registry(settings) as registry:
        registry.apply(
            judgement,
            version=ModelVersion.load(work / VERSION_FILE),
            card=work / "evaluation" / MODEL_CARD,
            by="pipeline",
        )
    decision = judgement.decision
    logger.info("promoted" if decision.promote else "not promoted", extra={"reasons": decision.reasons})


def _must_be_approved(judgement: "GateJudgement", settings: PipelineSettings) -> bool:
    decision = judgement.decision
    return decision.promote and (settings.promotion_approval == "required" or decision.needs_approval)


def _approved(judgement: "GateJudgement", work: Path) -> "GateJudgement":
    from carvalue.files import StoredFormat

    try:
        answer = StoredFormat(kind=ANSWER).read(work / ANSWER_FILE)
    except FileNotFoundError:
        answer = {}
    if answer.get("version") != judgement.version:
        raise ApprovalMissing(
            f"Version {judgement.version} needs a person's approval, and nobody has approved it."
        )
    decision = judgement.decision.with_approval(answer["person"], approved=answer["approved"])
    return replace(judgement, decision=decision)
