"""Register bundles in MLflow as model versions, together with their evaluation."""

import json
import logging
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import polars as pl
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion as Registered

from carvalue.files import BundleCorrupt, bundle_digest
from carvalue.pricing.bundle import ModelCard
from carvalue.pricing.evaluation import TABLES, Evaluation
from carvalue.registry.mlflow.mirror import CHALLENGER, STATUS_TAG
from carvalue.registry.mlflow.signature import example, signature
from carvalue.registry.model_version import (
    BUNDLE_PATH,
    DATA_SOURCE_TAG,
    DIGEST_TAG,
    EVALUATION_PATH,
    FINGERPRINT_TAG,
    MODEL_NAME,
    TEST_TAG,
)

logger = logging.getLogger(__name__)

MODEL_CODE = Path(__file__).with_name("pyfunc_model.py")
REQUIREMENTS = ("carvalue", "mlflow", "xgboost-cpu")


def register_bundle(client: MlflowClient, *, run_id: str, bundle: Path, evaluation: Path) -> Registered:
    """Log a bundle and its evaluation, and register it as a version; idempotent for one bundle of one run.

    Args:
        client: The MLflow client.
        run_id: The training run that produced the bundle.
        bundle: The bundle's folder.
        evaluation: The folder of its evaluation.

    Returns:
        MLflow's model version.

    Raises:
        BundleCorrupt: The folder has no complete bundle.
    """
    digest, card = bundle_digest(bundle), _card(bundle)
    registered = _registered(client, run_id=run_id, digest=digest)
    if registered is None:
        _log_evaluation(client, run_id, evaluation)
        tags = {DIGEST_TAG: digest, TEST_TAG: _test_metrics(evaluation), STATUS_TAG: CHALLENGER}
        registered = _create(run_id, bundle=bundle, tags=tags | _card_tags(card))
    logger.info("version registered", extra={"version": registered.version, "run": run_id})
    return registered


def _registered(client: MlflowClient, *, run_id: str, digest: str) -> Registered | None:
    for version in client.search_model_versions(f"name='{MODEL_NAME}' and run_id='{run_id}'"):
        if version.tags.get(DIGEST_TAG) == digest:
            return version
    return None


def _log_evaluation(client: MlflowClient, run_id: str, folder: Path) -> None:
    loaded = Evaluation.load(folder)
    groups = {"test": loaded.metrics, "baseline": loaded.baseline, "production": loaded.champion}
    groups |= {"new_listings": loaded.new_listings, "noise_floor": loaded.noise_floor}
    for prefix, metrics in groups.items():
        for name, value in metrics.items():
            client.log_metric(run_id, f"{prefix}_{name}", value)
    client.log_artifacts(run_id, str(folder), EVALUATION_PATH)
    for table in TABLES:
        target = f"{EVALUATION_PATH}/{Path(table).stem}.json"
        client.log_table(run_id, pl.read_csv(folder / table).to_pandas(), target)


def _create(run_id: str, *, bundle: Path, tags: dict[str, str]) -> Registered:
    with mlflow.start_run(run_id=run_id):
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(MODEL_CODE),
            artifacts={BUNDLE_PATH: str(bundle)},
            signature=signature(),
            input_example=example(),
            pip_requirements=[f"{name}=={installed(name)}" for name in REQUIREMENTS],
        )
    return mlflow.register_model(logged.model_uri, MODEL_NAME, tags=tags)


def _card(bundle: Path) -> ModelCard:
    try:
        return ModelCard.from_json(json.loads((bundle / "card.json").read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleCorrupt(f"{bundle / 'card.json'} is not a model card.") from error


def _card_tags(card: ModelCard) -> dict[str, str]:
    return {
        DATA_SOURCE_TAG: card.data_source,
        FINGERPRINT_TAG: card.dataset_fingerprint,
        "data.as_of": card.data_as_of.isoformat(),
        "git.commit": card.git_commit,
    }


def _test_metrics(evaluation: Path) -> str:
    loaded = Evaluation.load(evaluation)
    return json.dumps({"rows": loaded.rows, **loaded.metrics})
