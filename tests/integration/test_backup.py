"""Backup, wipe, restore: the same car has the same price again, and the journal all its quotes."""

import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.journal.store import Journal
from carvalue.monitoring.alerting.store import Alert, AlertStore
from carvalue.serving.app import create_app
from carvalue.settings import Settings
from mlflow_servers import mlflow_server
from production import environment
from released import put_into_production
from servers import serving
from waiting import until

pytestmark = [
    pytest.mark.platform,
    # MLflow's own code and those it imports warn of each other
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning"),
]

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = datetime(2130, 1, 1, tzinfo=UTC)
ALERT = Alert(key="drift", kind="drift", severity="warning", title="Years", text="They moved.", since=NOW)


def test_a_restored_machine_gives_the_same_price(tmp_path: Path) -> None:
    state, file = tmp_path / "var", tmp_path / "file"
    (state / "mlflow").mkdir(parents=True)
    alerts = AlertStore(state / "watcher" / "alerts.db", [])
    alerts.update([ALERT], now=NOW)
    with mlflow_server(state / "mlflow") as uri:
        put_into_production(uri, tmp_path / "training", price_share=1.0)
        with serving(a_service(state, uri)) as client:
            until(lambda: client.get("/readyz").is_success, within_s=60)
            before = client.post("/predict", json=EXAMPLE).raise_for_status().json()
            carvalue("backup", str(file), state=state)
    alerts.close()
    shutil.rmtree(state)

    carvalue("restore", str(file), state=state)
    with mlflow_server(state / "mlflow") as uri, serving(a_service(state, uri)) as client:
        until(lambda: client.get("/readyz").is_success, within_s=60)
        after = client.post("/predict", json=EXAMPLE).raise_for_status().json()
        told = {"quote_id": before["quote_id"], "sale_price": 20_000}
        until(lambda: client.post("/feedback", json=told).is_success)

    assert without_id(after) == without_id(before)
    journal = Journal(f"sqlite:///{state}/service/journal.db")
    assert journal.after("", until=LATER, limit=9)[0].quote_id == before["quote_id"]
    alerts = AlertStore(state / "watcher" / "alerts.db", [])
    assert [alert.key for alert in alerts.firing()] == ["drift"]
    alerts.close()


def a_service(state: Path, uri: str) -> FastAPI:
    return create_app(Settings(state_dir=state, mlflow_tracking_uri=uri))


def carvalue(*words: str, state: Path) -> None:
    command = [sys.executable, "-m", "carvalue", *words]
    subprocess.run(command, env=environment(state.parent, STATE_DIR=str(state)), check=True, timeout=60)


def without_id(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "quote_id"}
