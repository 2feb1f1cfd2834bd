"""Connections to MLflow: a health check first, and short timeouts instead of MLflow's retries of minutes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from carvalue.registry.model_version import RegistryUnavailable

PROBE_TIMEOUT_S = 5.0
# By default MLflow's client retries for several minutes; with these values it fails within half a minute.
# Progress bars and links are turned off, because they clutter the logs of tasks.
ENVIRONMENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@contextmanager
def connect_mlflow(uri: str) -> Iterator[MlflowClient]:
    """Connect to MLflow, and make the connection MLflow's global default.

    Args:
        uri: The URI of the MLflow server or database.

    Yields:
        A client.

    Raises:
        RegistryUnavailable: MLflow does not answer, or stops answering within the block.
    """
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # MLflow reads these from the environment only
    _probe(uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except MlflowException as error:
        if _is_connection_error(error):
            raise RegistryUnavailable(f"MLflow at MLFLOW_TRACKING_URI={uri} stopped answering.") from error
        raise


def _probe(uri: str) -> None:
    if not uri.startswith(("http://", "https://")):
        return  # a database, whose errors SQLAlchemy reports
    try:
        httpx.get(f"{uri}/health", timeout=PROBE_TIMEOUT_S).raise_for_status()
    except httpx.HTTPError as error:
        raise RegistryUnavailable(f"MLflow at MLFLOW_TRACKING_URI={uri} does not answer: {error}.") from error


def _is_connection_error(error: MlflowException) -> bool:
    return isinstance(error.__cause__, OSError) or "Max retries exceeded" in str(error)
