"""A model in production, in a real MLflow, and the price service that follows it, as a separate process."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from carvalue.platform.processes.ports import free_port
from carvalue.pricing.evaluation.evaluate import evaluate_bundle
from carvalue.registry.mlflow.connection import connect_mlflow
from carvalue.registry.mlflow.tracking import RunDescription, start_run
from carvalue.registry.mlflow.versions import MlflowVersions
from markets import a_bundle
from waiting import until

FACTS = RunDescription(
    budget="quick",
    data_source="sample",
    source_description="a small market",
    dataset_fingerprint="f00d",
    git_commit="unknown",
    rows={"train": 2_000},
)


def put_into_production(uri: str, folder: Path, *, price_share: float) -> int:
    """Train, register and promote, as the pipeline does, without its rule: the test wants both versions."""
    bundle = a_bundle(folder, price_share=price_share)
    evaluation = folder / "evaluation"
    evaluate_bundle(
        bundle=bundle, train=folder / "train.parquet", test=folder / "test.parquet", into=evaluation
    )
    run = start_run(uri=uri, facts=FACTS, state=folder / "run.json")
    with connect_mlflow(uri) as client:
        store = MlflowVersions(client)
        version = store.register(run_id=run.run_id, bundle=bundle, evaluation=evaluation)
        store.set_champion(version.version)
    return version.version


@contextmanager
def price_service(state_dir: Path, *, uri: str) -> Iterator[httpx.Client]:
    """Run `python -m carvalue.serving`; it must exit by itself on SIGTERM."""
    port = free_port()
    environment = os.environ | {
        "STATE_DIR": str(state_dir),
        "MLFLOW_TRACKING_URI": uri,
        "SERVICE_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "carvalue.serving"], env=environment, cwd=state_dir)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            until(lambda: answers(client, "/healthz"), within_s=60)
            yield client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False
