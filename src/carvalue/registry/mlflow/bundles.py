"""Download bundles of versions: over HTTP as the price service does, or from a local MLflow database."""

from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion as Registered

from carvalue.files import atomic_folder
from carvalue.registry.http_reader import HttpRegistryReader, check_bundle
from carvalue.registry.model_version import BUNDLE_PATH, EVALUATED_MODEL, EVALUATION_PATH, ModelVersion


def fetch_bundle(*, uri: str, version: ModelVersion, into: Path) -> Path:
    """Download a version's bundle and verify it; the folder appears only when it is complete.

    Args:
        uri: The URI of the MLflow server or database.
        version: The version.
        into: The folder to write; an existing one is replaced.

    Returns:
        The folder `into`.

    Raises:
        RegistryUnavailable: MLflow does not answer.
        BundleCorrupt: The downloaded bundle differs from the registered one.
        BundleIncompatible: The bundle has another format than this program reads.
    """
    if uri.startswith(("http://", "https://")):
        with HttpRegistryReader(uri) as registry:
            return registry.download(version, into=into)
    with atomic_folder(into) as folder, TemporaryDirectory(dir=folder.parent) as temporary:
        model = mlflow.artifacts.download_artifacts(
            f"models:/{version.name}/{version.version}", dst_path=temporary, tracking_uri=uri
        )
        bundle = Path(model) / "artifacts" / BUNDLE_PATH
        check_bundle(version, bundle)
        bundle.replace(folder)
    return into


def fetch_evaluated(client: MlflowClient, *, version: ModelVersion, into: Path) -> Path | None:
    """Download the bundle that a version's evaluation measured.

    Args:
        client: The MLflow client.
        version: The version.
        into: The folder to write; an existing one is replaced.

    Returns:
        The folder `into`; None if the version was registered without it.
    """
    paths = [item.path for item in client.list_artifacts(version.run_id, EVALUATION_PATH)]
    path = f"{EVALUATION_PATH}/{EVALUATED_MODEL}"
    if path not in paths:
        return None
    with atomic_folder(into) as folder, TemporaryDirectory(dir=folder.parent) as temporary:
        Path(client.download_artifacts(version.run_id, path, temporary)).replace(folder)
    return into


def to_model_version(registered: Registered) -> ModelVersion:
    """Convert MLflow's model version.

    Args:
        registered: The version as MLflow returns it.

    Returns:
        The version as this program uses it.
    """
    return ModelVersion.from_tags(
        registered.tags,
        name=registered.name,
        number=int(registered.version),
        run_id=registered.run_id or "",
        source=registered.source or "",
    )
