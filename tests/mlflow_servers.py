"""A real MLflow server as a process of its own, over SQLite in a folder."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from carvalue.platform.processes.ports import free_port
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.mlflow.versions import MlflowVersions

START_LIMIT_S = 180.0


@contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run a server; give its URI once it answers."""
    uri = f"http://127.0.0.1:{free_port()}"
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", uri.rpartition(":")[2]),
        *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"),
    )
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONWARNINGS": "ignore",
    }
    with (folder / "mlflow.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        try:
            _wait(uri, process, log=folder / "mlflow.log")
            yield uri
        finally:
            os.killpg(process.pid, 9)
            process.wait(timeout=30)


def versions_in(uri: str) -> MlflowVersions:
    """Give the versions in a server that goes on running."""
    with connect_mlflow(uri) as client:
        return MlflowVersions(client)


def _wait(uri: str, process: "subprocess.Popen[bytes]", *, log: Path) -> None:
    limit = time.monotonic() + START_LIMIT_S
    while time.monotonic() < limit and process.poll() is None:
        try:
            if httpx.get(f"{uri}/health", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError(f"MLflow did not start:\n{log.read_text()[-3000:]}")
