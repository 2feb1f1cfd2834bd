"""Every panel of a dashboard has data: its queries run on a real Prometheus over real traffic."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import polars as pl
import pytest
from boards import ANNOTATIONS, BOARDS, VARIABLES, Board, Panel, Variable
from generate import files
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carvalue.monitoring.drift.reference import publish_reference
from carvalue.monitoring.watcher.__main__ import (
    build_retraining,
    build_shadow,
    build_watcher,
    shadow_forever,
    watch_forever,
)
from carvalue.monitoring.watcher.airflow_runs import AirflowRuns
from carvalue.monitoring.watcher.api import create_api
from carvalue.pipelines.airflow_metrics import exposition
from carvalue.platform.processes.ports import free_port
from carvalue.serving.app import create_app
from carvalue.settings import Settings
from carvalue.telemetry.alert_rules import AIRFLOW_JOB, SERVICE_JOB, WATCHER_JOB, rule_file
from fakes import FakeRegistry
from markets import MARKET_FIELDS, a_bundle, a_market
from production import answers, running
from servers import serving
from waiting import until

from .conftest import program

CHOSEN = {"$window": "5m", "$instance": ".*", "$channel": ".*", "$__interval": "3s"}
"""The variables of the dashboards, as Grafana fills them in."""
INPUTS = ("manufacturer", "model", "year", "odometer", "state", "region", *MARKET_FIELDS)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Scrape a real service and a real watcher while drifted traffic comes; give Prometheus' address."""
    binary, folder = program("prometheus"), tmp_path_factory.mktemp("platform")
    settings = Settings(state_dir=folder / "var", verified_sales_clients="local")
    registry = FakeRegistry()
    bundle = a_bundle(folder / "bundle")
    registry.promote(bundle, version=1)
    registry.challenge(a_bundle(folder / "challenger", price_share=0.9), version=2)
    a_market(rows=6_000, seed=5).write_parquet(folder / "train.parquet")
    publish_reference(folder / "train.parquet", fingerprint="f00d", root=settings.storage_root / "reference")
    watcher, stop = build_watcher(settings, registry=registry), Event()
    shadow = build_shadow(settings, registry=registry, metrics=watcher.metrics)
    never_asked = AirflowRuns(settings.airflow_url, user="nobody", password=SecretStr(""))
    watched = create_api(watcher, build_retraining(settings, never_asked))
    airflow = Starlette(routes=[Route("/metrics", _airflow_metrics)])
    with (
        serving(create_app(settings, registry=registry)) as service,
        serving(watched) as watching,
        serving(airflow) as health,
    ):
        until(lambda: service.get("/readyz").is_success)
        threads = [
            Thread(target=watch_forever, args=(watcher, stop)),
            Thread(target=shadow_forever, args=(shadow, stop)),
            Thread(target=_keep_sending, args=(service, stop)),
        ]
        try:
            jobs = {SERVICE_JOB: service, WATCHER_JOB: watching, AIRFLOW_JOB: health}
            with _prometheus(binary, folder, jobs) as address:
                until(lambda: _values(address, "min(carvalue_model_version)") == [1.0])
                registry.promote(bundle, version=3)
                until(lambda: _values(address, "min(carvalue_model_version)") == [3.0])
                for thread in threads:
                    thread.start()
                watcher.metrics.show_retraining(None)
                until(lambda: _values(address, "carvalue_retraining_started_timestamp_seconds") == [0.0])
                watcher.metrics.show_retraining(datetime.now(UTC))
                watcher.metrics.show_pipelines({"initial_model_dag": True, "retrain_model_dag": False})
                until(lambda: watching.get("/drift").json()["state"] == "confirmed")
                yield address
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    watcher.close()
    shadow.close()


def _airflow_metrics(_: Request) -> Response:
    return Response(exposition({"scheduler": {"status": "healthy"}}), media_type="text/plain; version=0.0.4")


@contextmanager
def _prometheus(binary: str, folder: Path, jobs: dict[str, httpx.Client]) -> Iterator[str]:
    scraped = [
        {"job_name": job, "static_configs": [{"targets": [client.base_url.netloc.decode()]}]}
        for job, client in jobs.items()
    ]
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration = {"global": every, "rule_files": ["rules.yml"], "scrape_configs": scraped}
    groups = [{**group, "interval": "1s"} for group in rule_file()["groups"]]
    (folder / "rules.yml").write_text(json.dumps({"groups": groups}))
    (folder / "prometheus.yml").write_text(json.dumps(configuration))
    address = f"127.0.0.1:{free_port()}"
    command = [
        *(binary, f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address={address}",
    ]
    with running(command, log=folder / "prometheus.log"):
        until(lambda: answers(f"http://{address}/-/ready"))
        yield f"http://{address}"


def _keep_sending(service: httpx.Client, stop: Event) -> None:
    """Quote usual cars, then cars that are six years older, some of an unknown make; report sales."""
    usual = [
        {name: value for name, value in car.items() if value is not None}
        for car in a_market(rows=800, seed=8).select(INPUTS).to_dicts()
    ]
    service.post("/predict", json=usual).raise_for_status()
    cars = a_market(rows=900, seed=7).select(INPUTS).with_columns((pl.col("year") - 6).clip(1985))
    listings = [
        {name: value for name, value in car.items() if value is not None} | _unknown(number)
        for number, car in enumerate(cars.to_dicts())
    ]
    quotes = service.post("/predict", json=listings[:850]).raise_for_status().json()
    for quote in quotes[:45]:
        told = {"quote_id": quote["quote_id"], "sale_price": quote["price"] + 100}
        until(lambda told=told: service.post("/feedback", json=told).is_success)  # type: ignore[misc]
    for listing in cycle(listings):  # a rate is a rate while something comes
        if stop.wait(0.1):
            return
        service.post("/predict", json=listing).raise_for_status()
        service.get("/no-such-page")


def _unknown(number: int) -> dict[str, str]:
    return {"manufacturer": "zastava"} if number % 10 == 0 else {}


def _panels() -> list[Any]:
    return [
        pytest.param(panel, id=f"{board.uid}: {panel.title}") for board in BOARDS for panel in board.panels
    ]


@pytest.mark.parametrize("panel", _panels())
def test_every_query_of_a_panel_returns_numbers(panel: Panel, prometheus: str) -> None:
    for query in panel.queries:
        until(lambda query=query: bool(_values(prometheus, query)))  # type: ignore[misc]


def test_panels_show_the_simulated_events(prometheus: str) -> None:
    until(lambda: _values(prometheus, "carvalue_drift_state") == [2.0])
    until(lambda: _values(prometheus, "carvalue_watched_quotes_total >= 850") != [])
    until(lambda: _values(prometheus, 'carvalue_feature_drift_state{feature="year"}') == [2.0])
    changes = 'carvalue_alerts_firing{kind=~"drift|input_change|broken_input"}'
    until(lambda: _values(prometheus, f"sum({changes})") == [1.0])
    until(lambda: _values(prometheus, "carvalue_reported_sales") == [45.0])
    until(lambda: _values(prometheus, "sum(carvalue_quotes_total) >= 850") != [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Versions", {"version 3"}),
        ("Retrainings", {"retraining started"}),
        ("Alerts", {"CarvaluePipelineFailed"}),
        ("Alerts", {"drift", "input_change", "broken_input"}),  # the cause depends on the newest quotes
    ],
)
def test_annotations_mark_the_simulated_events(name: str, expected: set[str], prometheus: str) -> None:
    (annotation,) = [annotation for annotation in ANNOTATIONS if annotation.name == name]

    def titles() -> set[str]:
        return {_filled(annotation.title, labels) for labels in _events(prometheus, annotation.query)}

    until(lambda: bool(expected & titles()))


@pytest.mark.parametrize("variable", [item for item in VARIABLES.values() if item.query])
def test_variables_have_values(variable: Variable, prometheus: str) -> None:
    series, label = variable.query.removeprefix("label_values(").removesuffix(")").split(", ")

    assert any(label in labels for labels in _labels(prometheus, series))


def test_legends_use_labels_of_the_series(prometheus: str) -> None:
    for board in BOARDS:
        for panel in board.panels:
            for query, legend in panel.queries.items():
                wanted = {word.split("}}")[0].strip() for word in legend.split("{{")[1:]}
                for labels in _labels(prometheus, query):
                    assert wanted <= labels, (panel.title, query)


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_every_panel_is_in_the_dashboard_files(board: Board) -> None:
    drawn = json.loads(next(text for path, text in files().items() if path.stem == board.uid))

    panels = [panel for panel in drawn["panels"] if panel["type"] != "row"]
    shown = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in panels}
    assert shown == {panel.title: list(panel.queries) for panel in board.panels}
    assert len({panel["id"] for panel in drawn["panels"]}) == len(drawn["panels"])


def test_the_committed_files_are_the_generated_ones() -> None:
    for path, content in files().items():
        assert path.read_text() == content, f"run `python deploy/monitoring/generate.py`: {path.name} differs"


def _filled(legend: str, labels: dict[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)


def _events(address: str, query: str) -> list[dict[str, str]]:
    """Give the labels of the events of the last ten minutes, as Grafana asks for them."""
    now = time.time()
    span = {"start": str(now - 600), "end": str(now), "step": "1s"}
    return [series["metric"] for series in _result(address, query, route="query_range", **span)]


def _result(address: str, query: str, *, route: str = "query", **more: str) -> list[dict[str, Any]]:
    for name, value in CHOSEN.items():
        query = query.replace(name, value)
    answer = httpx.get(f"{address}/api/v1/{route}", params={"query": query, **more}, timeout=10)
    assert answer.is_success, (query, answer.text)
    found: list[dict[str, Any]] = answer.json()["data"]["result"]
    return found


def _values(address: str, query: str) -> list[float]:
    """Give the numbers of a query, without those that are not there (NaN)."""
    values = [float(series["value"][1]) for series in _result(address, query)]
    return [value for value in values if value == value]


def _labels(address: str, query: str) -> list[set[str]]:
    return [set(series["metric"]) for series in _result(address, query)]
