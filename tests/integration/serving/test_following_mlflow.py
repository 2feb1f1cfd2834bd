"""The service as a process of its own beside a real MLflow: follows promotions, outlives the registry."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from carvalue.pricing.evaluation.evaluate import evaluate
from carvalue.registry.connection import connected
from carvalue.registry.stages import switch
from carvalue.registry.tracking import RunFacts, start_run
from carvalue.registry.versions import register
from carvalue.serving.contract import F150
from markets import a_bundle
from mlflow_servers import mlflow_server
from platforms import free_port
from waiting import until

pytestmark = [
    pytest.mark.platform,
    # MLflow's own code and those it imports warn of each other
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning"),
]

VISIBLE_WITHIN_S = 10
FACTS = RunFacts(
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
    evaluate(bundle=bundle, train=folder / "train.parquet", test=folder / "test.parquet", into=evaluation)
    run = start_run(uri=uri, facts=FACTS, state=folder / "run.json")
    version = register(uri=uri, run=run, bundle=bundle, evaluation=evaluation)
    with connected(uri) as client:
        switch(client, version=str(version.version))
    return version.version


@contextmanager
def price_service(state_dir: Path, *, uri: str) -> Iterator[httpx.Client]:
    """Run `python -m carvalue.serving`; it must end by itself when told to."""
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


def quoted(client: httpx.Client) -> dict[str, object]:
    quote: dict[str, object] = client.post("/predict", json=F150).json()
    return quote


def test_promotions_are_followed_and_an_outage_is_outlived(tmp_path: Path) -> None:
    mlflow, state = tmp_path / "mlflow", tmp_path / "state"
    for folder in (mlflow, state):
        folder.mkdir()
    with mlflow_server(mlflow) as uri, price_service(state, uri=uri) as client:
        assert client.get("/readyz").status_code == 503
        put_into_production(uri, tmp_path / "first", price_share=1.0)
        until(lambda: answers(client, "/readyz"), within_s=VISIBLE_WITHIN_S)
        first = quoted(client)

        put_into_production(uri, tmp_path / "second", price_share=0.7)
        promoted_at = time.monotonic()
        until(lambda: quoted(client)["model_version"] == "2", within_s=VISIBLE_WITHIN_S)

        assert time.monotonic() - promoted_at < VISIBLE_WITHIN_S
        second = quoted(client)
        assert second["price"] < first["price"] * 0.8

    with price_service(state, uri=uri) as client:  # MLflow is gone
        assert client.get("/readyz").is_success
        assert quoted(client)["price"] == second["price"]
        until(lambda: client.get("/readyz").json()["degraded"] == {"registry": "down"})
