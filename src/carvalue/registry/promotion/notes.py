"""Record a decision in MLflow: in the training run, in the version's description and in its model card."""

from pathlib import Path

from mlflow import MlflowClient

from carvalue.registry.decision import PromotionDecision
from carvalue.registry.gates import decision_summary, gates_table
from carvalue.registry.model_version import MODEL_NAME, ModelVersion

DECISION_TAG, GATES_TAG = "decision", "gates"
DECISION_FILE = "decision.json"
"""The artifact of a training run that has the decision with all figures."""
HEADING = "## Into production?"
"""The heading of the decision in the model card."""


def record_decision(
    client: MlflowClient, *, version: ModelVersion, decision: PromotionDecision, card: Path
) -> None:
    """Record a decision in MLflow and in the model card; idempotent.

    Args:
        client: The MLflow client.
        version: The version that was judged.
        decision: The decision.
        card: The model card, a Markdown file; the decision becomes its last section.
    """
    if not decision.gates:  # no gate ran, so results that are already recorded stay
        _describe(client, version, decision)
        return
    client.log_dict(version.run_id, decision.as_json(), DECISION_FILE)
    _add_to_card(card, decision)
    client.log_artifact(version.run_id, str(card), "evaluation")
    passed = sum(gate.passed for gate in decision.gates)
    client.set_model_version_tag(
        MODEL_NAME, str(version.version), GATES_TAG, f"{passed} of {len(decision.gates)}"
    )
    _describe(client, version, decision)


def _describe(client: MlflowClient, version: ModelVersion, decision: PromotionDecision) -> None:
    summary, number = decision_summary(decision), str(version.version)
    client.set_model_version_tag(MODEL_NAME, number, DECISION_TAG, summary)
    table = ["", *gates_table(decision.gates)] if decision.gates else []
    client.update_model_version(MODEL_NAME, number, description="\n".join([summary, *table]))
    client.set_terminated(version.run_id, status="FINISHED")


def _add_to_card(card: Path, decision: PromotionDecision) -> None:
    text, _, _ = card.read_text().partition(f"\n{HEADING}")
    section = ["", HEADING, "", decision_summary(decision), "", *gates_table(decision.gates), ""]
    card.write_text(text.rstrip("\n") + "\n" + "\n".join(section))
