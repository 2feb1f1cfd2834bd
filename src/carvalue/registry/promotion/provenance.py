"""What the version in production has learned from."""

from carvalue.registry.mlflow import connect_mlflow, version_by_alias
from carvalue.registry.model_version import FINGERPRINT_TAG, PRODUCTION


def fingerprint_in_production(uri: str) -> str | None:
    """Name the dataset that the version in production was trained on; None where nothing is there.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        found = version_by_alias(client, PRODUCTION)
        return found.tags.get(FINGERPRINT_TAG) if found else None
