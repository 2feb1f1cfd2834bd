"""The servers of the load test: MLflow with two versions of a bundle, and the price service."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import Server, free_port, responds, running

from carvalue.files import bundle_digest


@contextmanager
def model_registry(bundle: Path, folder: Path) -> Iterator[str]:
    """Run MLflow with the bundle as versions 1 and 2, the first of them in production.

    Args:
        bundle: The folder of the bundle.
        folder: A folder for its database and artifacts.

    Yields:
        The tracking URI.
    """
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"),
    )
    environment = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
    log = folder / "mlflow.log"
    with running(command, environment=environment, log=log, is_ready=lambda: responds(f"{uri}/health")):
        for _ in range(2):
            _register(bundle, uri=uri)
        promote(uri, version=1)
        yield uri


@contextmanager
def price_service(state: Path, *, uri: str, workers: int) -> Iterator[Server]:
    """Run the price service with the model of a registry.

    Args:
        state: A folder for its state; created.
        uri: The tracking URI.
        workers: Number of processes.

    Yields:
        The service, once it quotes.
    """
    port = free_port()
    environment = {
        "STATE_DIR": str(state),
        "SERVICE_PORT": str(port),
        "SERVICE_WORKERS": str(workers),
        "MLFLOW_TRACKING_URI": uri,
    }
    state.mkdir()
    with running(
        (sys.executable, "-m", "carvalue.serving"),
        environment=environment,
        log=state / "log",
        is_ready=lambda: responds(f"http://127.0.0.1:{port}/readyz"),
    ) as process:
        yield Server(port=port, process=process)


def promote(uri: str, *, version: int) -> None:
    """Set the production alias to a version."""
    from mlflow import MlflowClient

    from carvalue.registry.model_version import MODEL_NAME, PRODUCTION

    MlflowClient(uri).set_registered_model_alias(MODEL_NAME, PRODUCTION, str(version))


def _register(bundle: Path, *, uri: str) -> None:
    from mlflow import MlflowClient

    from carvalue.registry.model_version import BUNDLE_PATH, DIGEST_TAG, MODEL_NAME

    client = MlflowClient(uri)
    if not client.search_registered_models():
        client.create_registered_model(MODEL_NAME)
        client.create_experiment("load")
    run = client.create_run(client.get_experiment_by_name("load").experiment_id)
    client.log_artifacts(run.info.run_id, str(bundle), f"artifacts/{BUNDLE_PATH}")
    client.create_model_version(
        MODEL_NAME,
        source=run.info.artifact_uri,
        run_id=run.info.run_id,
        tags={DIGEST_TAG: bundle_digest(bundle)},
    )
