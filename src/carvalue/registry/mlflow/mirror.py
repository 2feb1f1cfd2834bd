"""Show people in MLflow what was decided: stages, tags, descriptions and the decision's figures.

Nothing reads what is written here. Each call writes what is missing, so that it also repairs an interrupted
one.
"""

import logging
import warnings
from collections.abc import Collection, Sequence
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion as Registered
from mlflow.exceptions import MlflowException

from carvalue.registry.gates import decision_summary, gates_table
from carvalue.registry.judgement import PromotionDecision
from carvalue.registry.model_version import EVALUATION_PATH, MODEL_NAME, PREVIOUS, ModelVersion

logger = logging.getLogger(__name__)

STATUS_TAG = "status"
"""The tag with a version's status: production, archived or challenger."""
PRODUCTION, ARCHIVED, CHALLENGER = "production", "archived", "challenger"
STAGES = {PRODUCTION: "Production", ARCHIVED: "Archived", CHALLENGER: "None"}
DECISION_TAG, GATES_TAG = "decision", "gates"
DECISION_FILE = "decision.json"
"""The artifact of a training run that has the decision with all figures."""
HEADING = "## Promotion decision"
"""The heading of the decision in the model card."""


def mirror_status(
    client: MlflowClient, *, champion: int, targets: Sequence[int], archived: Collection[int]
) -> None:
    """Set the status tag and the stage of every version, and the alias of the rollback target.

    Args:
        client: The MLflow client.
        champion: The version in production.
        targets: The versions that a rollback may restore, the best one first; some may be deleted.
        archived: The versions that were in production before.
    """
    versions = client.search_model_versions(f"name='{MODEL_NAME}'")
    for version in versions:
        number = int(version.version)
        other = ARCHIVED if number in archived else CHALLENGER
        status = PRODUCTION if number == champion else other
        if version.tags.get(STATUS_TAG) != status:
            client.set_model_version_tag(MODEL_NAME, version.version, STATUS_TAG, status)
        _set_stage(client, version, STAGES[status])
    existing = {int(version.version) for version in versions}
    previous = next((number for number in targets if number in existing), None)
    if previous is None:
        client.delete_registered_model_alias(MODEL_NAME, PREVIOUS)
    else:
        client.set_registered_model_alias(MODEL_NAME, PREVIOUS, str(previous))


def _set_stage(client: MlflowClient, version: Registered, stage: str) -> None:
    """Set the stage while MLflow still has stages; it deprecates them in favour of aliases and tags."""
    transition = getattr(client, "transition_model_version_stage", None)
    if transition is None or getattr(version, "current_stage", stage) == stage:
        return
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message=".*transition_model_version_stage.*", category=FutureWarning
            )
            transition(MODEL_NAME, version.version, stage)
    except MlflowException as error:
        logger.warning("stage not set", extra={"version": version.version, "because": str(error)})


def describe_decision(
    client: MlflowClient, version: ModelVersion, *, decision: PromotionDecision, card: Path
) -> None:
    """Show a decision in the training run, in the version's description and in its model card.

    Args:
        client: The MLflow client.
        version: The version that was judged.
        decision: The decision.
        card: The model card, a Markdown file; the decision becomes its last section.
    """
    if decision.gates:  # otherwise no gate ran, and results that are already recorded stay
        client.log_dict(version.run_id, decision.as_json(), DECISION_FILE)
        _add_to_card(card, decision)
        client.log_artifact(version.run_id, str(card), EVALUATION_PATH)
        passed = sum(gate.passed for gate in decision.gates)
        client.set_model_version_tag(
            MODEL_NAME, str(version.version), GATES_TAG, f"{passed} of {len(decision.gates)}"
        )
    summary, number = decision_summary(decision), str(version.version)
    client.set_model_version_tag(MODEL_NAME, number, DECISION_TAG, summary)
    table = ["", *gates_table(decision.gates)] if decision.gates else []
    client.update_model_version(MODEL_NAME, number, description="\n".join([summary, *table]))
    client.set_terminated(version.run_id, status="FINISHED")


def _add_to_card(card: Path, decision: PromotionDecision) -> None:
    text, _, _ = card.read_text().partition(f"\n{HEADING}")
    section = ["", HEADING, "", decision_summary(decision), "", *gates_table(decision.gates), ""]
    card.write_text(text.rstrip("\n") + "\n" + "\n".join(section))
