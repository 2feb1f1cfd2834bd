"""A version's bundle, fetched as the price service does; from the database where MLflow is one."""

import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow.entities.model_registry import ModelVersion as Registered

from carvalue.registry.http_reader import ProductionReader, check_bundle
from carvalue.registry.model_version import BUNDLE_PATH, DIGEST_TAG, TEST_TAG, ModelVersion


def fetch_bundle(*, uri: str, version: ModelVersion, into: Path) -> Path:
    """Fetch a version's bundle into a folder that appears whole and checked, or not at all.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleCorrupt: what came is not what was registered.
        BundleIncompatible: it is of another format than this program reads.
    """
    if uri.startswith(("http://", "https://")):
        with ProductionReader(uri) as registry:
            return registry.download(version, into=into)
    into.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{into.name}.", dir=into.parent) as aside:
        model = mlflow.artifacts.download_artifacts(
            f"models:/{version.name}/{version.version}", dst_path=aside, tracking_uri=uri
        )
        bundle = Path(model) / "artifacts" / BUNDLE_PATH
        check_bundle(version, bundle)
        shutil.rmtree(into, ignore_errors=True)
        bundle.rename(into)
    return into


def to_model_version(found: Registered) -> ModelVersion:
    """Say in our words which version MLflow means."""
    return ModelVersion(
        name=found.name,
        version=int(found.version),
        run_id=found.run_id or "",
        source=found.source or "",
        bundle_digest=found.tags.get(DIGEST_TAG, ""),
        test=json.loads(found.tags.get(TEST_TAG, "{}")),
    )
