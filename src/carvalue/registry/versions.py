"""Versions in MLflow: a bundle becomes a version, a version goes into production by the rule."""

import json
import logging
from importlib.metadata import version as installed
from pathlib import Path

import mlflow
import polars as pl
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion as Registered

from carvalue.pricing.behaviour import Check, broken_promises, check_behaviour
from carvalue.pricing.bundle import BundleCorrupt, BundleIncompatible, bundle_digest
from carvalue.pricing.card import ModelCard
from carvalue.pricing.evaluation.evaluate import TABLES, Evaluation, bundle_scores
from carvalue.pricing.model import PriceModel
from carvalue.registry import stages
from carvalue.registry.audit import Audit
from carvalue.registry.connection import connected
from carvalue.registry.model_version import (
    BUNDLE_PATH,
    DATA_SOURCE_TAG,
    DIGEST_TAG,
    FINGERPRINT_TAG,
    MODEL_NAME,
    PRODUCTION,
    TEST_TAG,
    ModelVersion,
)
from carvalue.registry.promotion import Decision, Score, decide
from carvalue.registry.signature import example, signature
from carvalue.registry.tracking import TrainingRun

logger = logging.getLogger(__name__)

MODEL_CODE = Path(__file__).with_name("pyfunc_model.py")
REQUIREMENTS = ("carvalue", "mlflow", "xgboost-cpu")
BEHAVIOUR = "behaviour.json"
"""Among a training run's artifacts: what the checks of behaviour found before the decision."""


def register(*, uri: str, run: TrainingRun, bundle: Path, evaluation: Path) -> ModelVersion:
    """Log a bundle with its evaluation, and make it a version; the same bundle of the same run only once.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleCorrupt: there is no whole bundle in the folder.
    """
    digest, card = bundle_digest(bundle), _card(bundle)
    with connected(uri) as client:
        found = _registered(client, run_id=run.run_id, digest=digest)
        if found is None:
            _log_evaluation(client, run.run_id, evaluation)
            tags = {DIGEST_TAG: digest, TEST_TAG: _test_figures(evaluation), **_card_tags(card)}
            found = _create(run, bundle=bundle, tags=tags)
            stages.mirror(client)
        logger.info("version registered", extra={"version": found.version, "run": run.run_id})
        return _ours(found)


def promote(
    *, uri: str, version: ModelVersion, bundle: Path, test: Path, scratch: Path, audit: Audit
) -> Decision:
    """Compare a version with the one in production on the same test rows; put it in if the rule says so.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    # nobody else may switch between the comparison and what follows from it
    with connected(uri) as client, audit.deciding():
        champion = stages.aliased(client, PRODUCTION)
        decision = _decision(client, version=version, bundle=bundle, test=test, scratch=scratch)
        if decision.promote:
            stages.switch(client, version=str(version.version))
        _note(client, version, decision)
        audit.note(
            "promoted" if decision.promote else "refused",
            version=version.version,
            earlier=int(champion.version) if champion else None,
            by="pipeline",
            reasons=decision.reasons,
        )
    logger.info("decided on promotion", extra={"version": version.version, "promoted": decision.promote})
    return decision


def _decision(
    client: MlflowClient, *, version: ModelVersion, bundle: Path, test: Path, scratch: Path
) -> Decision:
    champion = stages.aliased(client, PRODUCTION)
    if champion is not None and int(champion.version) == version.version:
        return Decision(promote=True, reasons=("it is in production already",))
    metrics = client.get_run(version.run_id).data.metrics
    scored = bundle_scores(bundle=bundle, test=test)
    checks = check_behaviour(PriceModel.load(bundle), pl.read_parquet(test))
    client.log_dict(version.run_id, _as_json(checks), BEHAVIOUR)
    return decide(
        challenger=Score.of(scored, data_source=_card(bundle).data_source),
        baseline_mdape=metrics["baseline_mdape"],
        champion=_champion_score(champion, test=test, scratch=scratch),
        broken_promises=broken_promises(checks),
    )


def _as_json(checks: tuple[Check, ...]) -> dict[str, dict[str, object]]:
    return {
        check.name: {"tried": check.tried, "broken": check.broken, "worst": check.worst} for check in checks
    }


def _champion_score(champion: Registered | None, *, test: Path, scratch: Path) -> Score | None:
    """Score the version in production; one that cannot be used any more is no rival, as the log says."""
    if champion is None:
        return None
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        model = mlflow.artifacts.download_artifacts(
            f"models:/{MODEL_NAME}/{champion.version}", dst_path=str(scratch)
        )
        bundle = Path(model) / "artifacts" / BUNDLE_PATH
        return Score.of(
            bundle_scores(bundle=bundle, test=test), data_source=champion.tags.get(DATA_SOURCE_TAG, "")
        )
    except (BundleCorrupt, BundleIncompatible) as error:
        logger.warning(
            "version in production is unusable", extra={"version": champion.version, "error": str(error)}
        )
        return None


def _registered(client: MlflowClient, *, run_id: str, digest: str) -> Registered | None:
    for version in client.search_model_versions(f"name='{MODEL_NAME}' and run_id='{run_id}'"):
        if version.tags.get(DIGEST_TAG) == digest:
            return version
    return None


def _log_evaluation(client: MlflowClient, run_id: str, folder: Path) -> None:
    found = Evaluation.load(folder)
    kinds = {"test": found.metrics, "baseline": found.baseline, "production": found.production}
    kinds |= {"new_listings": found.new_listings}
    for prefix, scores in kinds.items():
        for name, value in scores.items():
            client.log_metric(run_id, f"{prefix}_{name}", value)
    client.log_artifacts(run_id, str(folder), "evaluation")
    for table in TABLES:
        target = f"evaluation/{Path(table).stem}.json"
        client.log_table(run_id, pl.read_csv(folder / table).to_pandas(), target)


def _create(run: TrainingRun, *, bundle: Path, tags: dict[str, str]) -> Registered:
    with mlflow.start_run(run_id=run.run_id):
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
        raise BundleCorrupt(f"{bundle / 'card.json'} is no model card.") from error


def _card_tags(card: ModelCard) -> dict[str, str]:
    return {
        DATA_SOURCE_TAG: card.data_source,
        FINGERPRINT_TAG: card.dataset_fingerprint,
        "data.as_of": card.data_as_of.isoformat(),
        "git.commit": card.git_commit,
    }


def _test_figures(evaluation: Path) -> str:
    found = Evaluation.load(evaluation)
    return json.dumps({"rows": found.rows, **found.metrics})


def _note(client: MlflowClient, version: ModelVersion, decision: Decision) -> None:
    word = "promoted" if decision.promote else "refused"
    reasons = f"{word}: {'; '.join(decision.reasons)}"
    client.set_model_version_tag(MODEL_NAME, str(version.version), "decision", reasons)
    client.update_model_version(MODEL_NAME, str(version.version), description=reasons)
    client.set_terminated(version.run_id, status="FINISHED")


def _ours(found: Registered) -> ModelVersion:
    return ModelVersion(
        name=found.name,
        version=int(found.version),
        run_id=found.run_id or "",
        source=found.source or "",
        bundle_digest=found.tags.get(DIGEST_TAG, ""),
        test=json.loads(found.tags.get(TEST_TAG, "{}")),
    )
