"""`carvalue build` ends with a price; services restart after a crash; `carvalue down` leaves no process."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from carvalue.platform import lifecycle
from carvalue.platform.airflow.client import AirflowClient
from carvalue.platform.health import local_client
from carvalue.platform.processes.orphans import find_orphans
from carvalue.settings import Settings
from platforms import COMMAND_LIMIT_S, carvalue, environment_of, platform_settings
from tutorials import blocks
from waiting import until

pytestmark = pytest.mark.platform

LIMIT_S = 600.0
CARS = {"camry": "toyota", "f-150": "ford", "911": "porsche"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    state_dir = tmp_path_factory.mktemp("platform") / "var"
    settings = platform_settings(
        state_dir,
        data_source="sample",
        sample_rows=6_000,
        verified_sales_clients="local",
        max_level_change=0.5,  # the market of the loop demo is a quarter more expensive
    )
    yield settings
    lifecycle.stop_platform(settings)


@pytest.fixture(scope="module")
def built(settings: Settings) -> str:
    done = carvalue(settings, "build")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_scrapes_what_runs(settings: Settings, built: str) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed: apt install prometheus")
    with local_client(settings.prometheus_port) as prometheus:
        jobs = ("price-service", "watcher", "page", "airflow")
        until(lambda: _up(prometheus).items() >= dict.fromkeys(jobs, "1").items(), within_s=60)
        assert _parts_up(prometheus) >= {"scheduler", "dag_processor", "triggerer", "metadatabase"}
    assert "grafana is not installed" in built or shutil.which("grafana")


def _up(prometheus: httpx.Client) -> dict[str, str]:
    found = prometheus.get("/api/v1/query", params={"query": "up"}).json()["data"]["result"]
    return {series["metric"]["job"]: series["value"][1] for series in found}


def _parts_up(prometheus: httpx.Client) -> set[str]:
    query = {"query": "carvalue_airflow_part_up == 1"}
    found = prometheus.get("/api/v1/query", params=query).json()["data"]["result"]
    return {series["metric"]["part"] for series in found}


def test_the_drift_demo_shows_an_alert_and_its_end(settings: Settings, built: str) -> None:
    with local_client(settings.watcher_port) as watcher:
        until(lambda: watcher.get("/drift").json()["rows_seen"])  # the quote of the build
        seen = watcher.get("/drift").json()["rows_seen"]
        done = carvalue(settings, "demo-drift", "--hold", "0")
        alerts, restored = watcher.get("/alerts").json(), watcher.get("/drift").json()["rows_seen"]
        (incident,) = watcher.get("/incidents").json()

    assert done.returncode == 0, done.stdout + done.stderr
    for line in ("no alert", "WARNING", "Evidently wrote", "quotes deleted", "RESOLVED"):
        assert line in done.stdout, done.stdout
    assert (alerts["firing"], restored) == ([], seen)
    assert incident["alert"]["kind"] == "broken_input"


def test_both_dags_succeeded(settings: Settings, built: str) -> None:
    with AirflowClient(settings) as airflow:
        runs = [airflow.latest_run(name) for name in ("creates_datasets_dag", "initial_model_dag")]

    assert [run and run.state for run in runs] == ["success", "success"]


def test_a_version_is_in_production(settings: Settings, built: str) -> None:
    url = "/api/2.0/mlflow/registered-models/alias"
    with local_client(settings.mlflow_port) as mlflow:
        answer = mlflow.get(url, params={"name": "vehicles-price-model", "alias": "production"})

    assert answer.raise_for_status().json()["model_version"]["version"] == "1"


def test_cars_have_different_prices_and_fewer_miles_cost_more(settings: Settings, built: str) -> None:
    with local_client(settings.service_port) as service:
        prices = {model: _price(service, model, odometer=60_000) for model in CARS}
        worn = _price(service, "camry", odometer=160_000)

    assert len(set(prices.values())) == len(CARS)
    assert prices["911"] > prices["camry"] > worn


def test_the_console_shows_the_addresses(settings: Settings, built: str) -> None:
    for port in (settings.airflow_port, settings.mlflow_port, settings.service_port, settings.page_port):
        assert f"http://127.0.0.1:{port}" in built
    assert "bundled sample" in built
    assert f"curl http://127.0.0.1:{settings.service_port}/predict" in built


def test_a_second_build_has_nothing_to_do(settings: Settings, built: str) -> None:
    done = carvalue(settings, "build")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "an earlier build" in done.stdout


@pytest.mark.slow
def test_the_loop_demo_retrains_and_rolls_back(settings: Settings, built: str) -> None:
    done = carvalue(settings, "demo-loop", "--here")

    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "no alert",
        "Programs without a key: ",
        "the watcher has started retrain_model_dag (by-alarm-",
        "version 2 passed the promotion gates",
        "the price service quotes with version 2",
        "the alerts have ended; the same traffic is clean",
        "quotes with version 1 again",
        "no quote request failed",
    ):
        assert line in done.stdout, done.stdout
    url, query = "/api/2.0/mlflow/model-versions/search", {"filter": "name='vehicles-price-model'"}
    with local_client(settings.mlflow_port) as mlflow:
        found = mlflow.get(url, params=query).raise_for_status().json()["model_versions"]
    assert {item["version"]: item["current_stage"] for item in found} == {"1": "Production", "2": "Archived"}


@pytest.mark.slow
def test_the_commands_of_the_tutorials_run_on_the_platform(settings: Settings, built: str) -> None:
    """The demos, `make build` and `make down` have tests of their own."""
    commands = [
        line
        for block in blocks("platform")
        for line in block.code.splitlines()
        if line.startswith(("carvalue ", "curl "))
    ]
    assert len(commands) == 7

    outputs = {command: _run_as_in_the_tutorial(settings, command) for command in commands}

    *watched, priced = (json.loads(text) for command, text in outputs.items() if command.startswith("curl"))
    assert priced["low"] <= priced["price"] <= priced["high"]
    assert [body.keys() & {"firing", "state"} for body in watched] == [{"firing"}, {"state"}]
    output = "\n".join(outputs.values())
    assert "sales reported" in output
    assert "version 3 was promoted" in output
    assert "version 1 is in production again" in output


def _run_as_in_the_tutorial(settings: Settings, command: str) -> str:
    """Run a command with the ports of this platform; traffic faster than by hand."""
    defaults = {str(field.default): name for name, field in Settings.model_fields.items()}
    ports = re.sub(
        r"(?<=127\.0\.0\.1:)\d+", lambda found: str(getattr(settings, defaults[found[0]])), command
    )
    done = subprocess.run(
        ["bash", "-euc", ports.replace("--rate 50", "--rate 300 --requests 2500")],
        env=environment_of(settings) | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_killed_service_is_restarted_and_the_status_is_correct(settings: Settings, built: str) -> None:
    [killed] = find_orphans(state_dir=settings.state_dir, service="price-service")
    os.kill(killed.pid, signal.SIGKILL)
    _wait(lambda: _is_started_again(settings, killed), "the service to be started again")

    _wait(lambda: "price-service" in _well(settings), "status to show it")

    with local_client(settings.service_port) as service:
        _wait(lambda: service.get("/readyz").status_code == httpx.codes.OK, "the model to be back")
        assert _price(service, "camry", odometer=60_000) > 0
    assert carvalue(settings, "status").returncode == 0


def test_down_leaves_nothing(settings: Settings, built: str) -> None:
    done = carvalue(settings, "down")

    assert done.returncode == 0, done.stdout + done.stderr
    assert not find_orphans(state_dir=settings.state_dir)
    assert not list(settings.state_dir.rglob("*.sock"))
    assert carvalue(settings, "status").returncode == 1


def _price(service: httpx.Client, model: str, *, odometer: int) -> int:
    car = {"manufacturer": CARS[model], "model": model, "year": 2015, "odometer": odometer}
    price: int = service.post("/predict", json=car).raise_for_status().json()["price"]
    return price


def _is_started_again(settings: Settings, killed: psutil.Process) -> bool:
    processes = find_orphans(state_dir=settings.state_dir, service="price-service")
    return bool(processes) and killed not in processes


def _well(settings: Settings) -> set[str]:
    lines = carvalue(settings, "status").stdout.splitlines()
    return {line.split()[0] for line in lines if line.split()[1:2] in (["healthy"], ["done"])}


def _wait(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.2)
