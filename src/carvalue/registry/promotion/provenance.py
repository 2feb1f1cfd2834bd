"""The training data of the version in production."""

from carvalue.registry.mlflow import connect_mlflow, version_by_alias
from carvalue.registry.model_version import FINGERPRINT_TAG, PRODUCTION


def fingerprint_in_production(uri: str) -> str | None:
    """Find the fingerprint of the dataset that the version in production was trained on.

    Args:
        uri: The URI of the MLflow server or database.

    Returns:
        The fingerprint; None if no version is in production.

    Raises:
        RegistryUnavailable: MLflow does not answer.
    """
    with connect_mlflow(uri) as client:
        production = version_by_alias(client, PRODUCTION)
        return production.tags.get(FINGERPRINT_TAG) if production else None
