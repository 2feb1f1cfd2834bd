"""Servers of the load test: a real MLflow with two versions of a bundle, and the price service."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from carvalue.files.bundle import bundle_digest

START_S = 180


@contextmanager
def process(command: tuple[str, ...], *, given: Mapping[str, str], log: Path, url: str) -> Iterator[int]:
    """Run a server until it answers at a URL; give its process id, and stop it in the end."""
    with log.open("w") as file:
        running = subprocess.Popen(command, env=os.environ | given, stdout=file, stderr=file)
        try:
            until = time.monotonic() + START_S
            while not _answers(url):
                if running.poll() is not None or time.monotonic() > until:
                    sys.exit(f"{command[:4]} does not answer:\n{log.read_text()[-2000:]}")
                time.sleep(0.2)
            yield running.pid
        finally:
            running.terminate()
            running.wait()


@contextmanager
def model_registry(bundle: Path, folder: Path) -> Iterator[str]:
    """Run MLflow with the bundle as versions 1 and 2, the first of them in production; give its URI."""
    uri = f"http://127.0.0.1:{free_port()}"
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", uri.rpartition(":")[2]),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"),
    )
    given = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
    with process(command, given=given, log=folder / "mlflow.log", url=f"{uri}/health"):
        for _ in range(2):
            _register(bundle, uri=uri)
        promote(uri, version=1)
        yield uri


@contextmanager
def price_service(state: Path, *, uri: str, workers: int) -> Iterator[tuple[int, int]]:
    """Run the service until it quotes; give its port and its process id."""
    port = free_port()
    given = {
        "STATE_DIR": str(state),
        "SERVICE_PORT": str(port),
        "SERVICE_WORKERS": str(workers),
        "MLFLOW_TRACKING_URI": uri,
    }
    state.mkdir()
    command = (sys.executable, "-m", "carvalue.serving")
    with process(command, given=given, log=state / "log", url=f"http://127.0.0.1:{port}/readyz") as pid:
        yield port, pid


def promote(uri: str, *, version: int) -> None:
    """Put a version into production."""
    from mlflow import MlflowClient

    from carvalue.registry.model_version import MODEL_NAME, PRODUCTION

    MlflowClient(uri).set_registered_model_alias(MODEL_NAME, PRODUCTION, str(version))


def free_port() -> int:
    """Find a free port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


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


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False
