"""The service as a process beside a real MLflow follows promotions and survives an outage of the registry."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from carvalue.api.examples import LISTING as EXAMPLE
from mlflow_servers import mlflow_server
from released import answers, price_service, put_into_production
from signing_keys import a_key_pair
from waiting import until

pytestmark = [
    pytest.mark.platform,
    # MLflow's own code and those it imports warn of each other
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning"),
]

VISIBLE_WITHIN_S = 10


def quoted(client: httpx.Client) -> dict[str, object]:
    quote: dict[str, object] = client.post("/predict", json=EXAMPLE).json()
    return quote


@pytest.mark.slow
def test_promotions_are_followed_and_an_outage_is_survived(tmp_path: Path) -> None:
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


@pytest.mark.slow
def test_an_empty_machine_serves_the_published_version_without_mlflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private, public = a_key_pair(tmp_path / "keys")
    mlflow, *states = (tmp_path / name for name in ("mlflow", "trainer", "server", "other"))
    for folder in (mlflow, *states):
        folder.mkdir()
    monkeypatch.setenv("BUNDLE_URL", f"file://{tmp_path}/published")
    with mlflow_server(mlflow) as uri:
        put_into_production(uri, tmp_path / "first", price_share=1.0)
        values = {"STATE_DIR": str(states[0]), "MLFLOW_TRACKING_URI": uri, "BUNDLE_SIGNING_KEY": str(private)}
        published = carvalue("publish", **values)
    monkeypatch.setenv("BUNDLE_PUBLIC_KEY", str(public))

    with price_service(states[1], uri=uri) as client:  # MLflow is gone, and the disk is empty
        until(lambda: answers(client, "/readyz"), within_s=VISIBLE_WITHIN_S)
        quote = quoted(client)
    (tmp_path / "car.csv").write_text("manufacturer,model,year\nford,f-150,2015\n")
    values = {"STATE_DIR": str(states[2]), "MLFLOW_TRACKING_URI": uri}
    scored = carvalue("score", str(tmp_path / "car.csv"), str(tmp_path / "prices.csv"), **values)
    card = next((tmp_path / "published").glob("1-*/card.json"))
    card.write_bytes(card.read_bytes() + b" ")
    refused = carvalue("score", str(tmp_path / "car.csv"), str(tmp_path / "prices.csv"), **values)

    assert published.stdout == f"version 1 is published at file://{tmp_path}/published, signed\n"
    assert quote["model_version"] == "1"
    assert scored.returncode == 0, scored.stderr
    assert refused.returncode == 1
    assert "card.json is not the file that was signed" in refused.stderr


def carvalue(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "carvalue", *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=os.environ | environment, check=False
    )
