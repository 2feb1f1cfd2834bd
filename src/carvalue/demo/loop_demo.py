"""Demonstrate the loop in one terminal: drift, alert, retraining, gates, promotion, recovery, rollback."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Any

import httpx

from carvalue.demo.drift_demo import LOCAL_CLIENT
from carvalue.demo.shifted_market import later_cars, write_later_listings
from carvalue.demo.traffic import held_out_cars, simulate
from carvalue.errors import AppError
from carvalue.files import open_folder
from carvalue.listings.datasets import DATASETS, MIN_SALES, Dataset, DatasetStore
from carvalue.pipelines import RETRAIN_MODEL
from carvalue.platform import build_platform, local_client, service_client, start_platform, stop_platform
from carvalue.platform.airflow import AirflowClient, ProgressReporter, wait_for_run
from carvalue.platform.processes import free_port, log_folder
from carvalue.registry import open_registry, read_decisions
from carvalue.settings import LoginSettings, Settings

ROWS = 6_000  # listings per market: enough for a model, few enough to train it in a minute
SOURCE_SEED, TRAFFIC_SEED = 7, 8
RATE, STEADY_RATE = 300.0, 10.0  # listings per second
CLEAN_REQUESTS, BATCH_REQUESTS, MAX_DRIFTED_REQUESTS, FINAL_REQUESTS = 1_000, 300, 6_000, 900
SOLD_SHARE = 0.25  # gives enough sales within a thousand requests for them to join the training data
START_LIMIT_S = 600.0  # the watcher contacts Airflow twice a minute
FOLLOW_LIMIT_S = 120.0  # the service loads a promoted version within this time
POLL_S = 0.5
CHANGES = frozenset({"drift", "input_change", "broken_input", "broken_client"})  # kinds of alert about quotes
UNVERIFIED = (
    "one client reports all sales of the demonstration, and they count only if it is verified: set "
    f"VERIFIED_SALES_CLIENTS to {LOCAL_CLIENT}, or to the client of SERVICE_API_KEY, then run `make up` and "
    "the demonstration again"
)


class LoopDemoFailed(AppError):
    """An expected event did not happen; the message names it."""

    status, hint = 500, "Run `make logs SERVICE=watcher` or open Airflow's web interface for details."


@dataclass(frozen=True, kw_only=True)
class LoopDemo:
    """A running platform and the cars of a later market.

    Attributes:
        settings: Settings of the platform.
        service: HTTP client of the price service.
        watcher: HTTP client of the watcher.
        cars: Test rows of the later market, for which quotes are requested.
    """

    settings: Settings
    service: httpx.Client
    watcher: httpx.Client
    cars: Dataset

    def send(self, requests: int, *, cars: Dataset, sales: float) -> None:
        """Request quotes.

        Args:
            requests: Number of listings.
            cars: Dataset with the listings.
            sales: Share of listings that are reported as sold, from 0 to 1.
        """
        simulate(
            self.service,
            cars,
            rate=RATE,
            requests=requests,
            drifts=(),
            sales=sales,
            on_tick=lambda _: None,
        )

    def watcher_state(self, path: str) -> dict[str, Any]:
        """Read from the watcher.

        Args:
            path: Path of the request, such as `/drift`.

        Returns:
            Body of the answer.
        """
        body: dict[str, Any] = self.watcher.get(path).raise_for_status().json()
        return body

    def firing(self) -> list[str]:
        """List the firing alerts.

        Returns:
            Titles of the alerts.
        """
        return [alert["title"] for alert in self.watcher_state("/alerts")["firing"]]

    def version(self) -> int:
        """Read the model version in use.

        Returns:
            Number of the version that the price service quotes with.
        """
        return int(self.service.get("/model").raise_for_status().json()["version"])


def demo_loop(settings: Settings, *, progress: ProgressReporter) -> None:
    """Build a separate platform below STATE_DIR on free ports, run the demonstration on it and stop it.

    Args:
        settings: Settings that the separate platform starts from.
        progress: Receives the progress.

    Raises:
        LoopDemoFailed: An expected event did not happen.
        AppError: The platform could not be built.
    """
    own = _own_settings(settings)
    stop_platform(own)  # left by a demonstration that was killed
    shutil.rmtree(own.state_dir, ignore_errors=True)
    progress.report(f"starting a separate platform with its state in {own.state_dir}")
    try:
        build_platform(own, progress=progress)
        run_loop_demo(own, progress=progress)
    finally:
        stop_platform(own)


def run_loop_demo(settings: Settings, *, progress: ProgressReporter) -> None:
    """Run the demonstration on a running platform; it changes the version in production and restores it.

    Args:
        settings: Settings of the running platform.
        progress: Receives the progress.

    Raises:
        LoopDemoFailed: An expected event did not happen, or a quote request failed meanwhile.
    """
    report = progress.report
    if not settings.verified_clients:
        report(UNVERIFIED)
    with _loop_demo(settings) as demo:
        first = demo.version()
        _send_clean_traffic(demo, report)
        with _steady_traffic(demo) as failures:
            _run_later_market(demo, first, progress)
        if failures:
            raise LoopDemoFailed(
                f"{len(failures)} quote requests failed meanwhile, the first: {failures[0]}."
            )
        report("no quote request failed meanwhile")


def _run_later_market(demo: LoopDemo, first: int, progress: ProgressReporter) -> None:
    newest = demo.settings.state_dir.resolve() / "demo-loop.csv"
    write_later_listings(newest, rows=ROWS, seed=SOURCE_SEED)
    progress.report(f"two years later: newer cars, more miles, prices up by a quarter; DATA_SOURCE={newest}")
    later = {"data_source": str(newest), "training_budget": "quick"}
    start_platform(demo.settings.model_copy(update=later), report=lambda _: None)
    _cause_alert(demo, progress.report)
    _wait_for_retraining(demo, progress)
    second = _wait_for_version(demo, lambda version: version != first)
    progress.report(f"the price service quotes with version {second}")
    _check_recovery(demo, progress.report)
    _roll_back(demo, first, progress.report)


def _send_clean_traffic(demo: LoopDemo, report: Callable[[str], None]) -> None:
    report(f"requesting {CLEAN_REQUESTS:,} quotes for cars like those of the training data")
    cars = DatasetStore(open_folder(demo.settings, DATASETS).read()).current()
    demo.send(CLEAN_REQUESTS, cars=cars, sales=0)
    _wait("the drift check", lambda: demo.watcher_state("/drift").get("rows_seen", 0) >= CLEAN_REQUESTS)
    if alerts := demo.firing():
        raise LoopDemoFailed(f"Clean traffic raised an alert: {alerts[0]}.")
    report("no drift: no alert")


def _cause_alert(demo: LoopDemo, report: Callable[[str], None]) -> None:
    sent, kinds = 0, set[str]()
    while not ("live_accuracy" in kinds and kinds & CHANGES) or sent * SOLD_SHARE < 1.1 * MIN_SALES:
        if sent >= MAX_DRIFTED_REQUESTS:
            raise LoopDemoFailed(
                f"Expected alerts about drift and accuracy after {MAX_DRIFTED_REQUESTS:,} drifted requests, "
                f"got {sorted(kinds) or 'none'}."
            )
        demo.send(BATCH_REQUESTS, cars=demo.cars, sales=SOLD_SHARE)
        sent += BATCH_REQUESTS
        kinds = {alert["kind"] for alert in demo.watcher_state("/alerts")["firing"]}
    report(f"{sent:,} quotes for such cars, one in four of which is sold; firing alerts:")
    for title in demo.firing():
        report(f"  {title}")


def _wait_for_retraining(demo: LoopDemo, progress: ProgressReporter) -> None:
    _wait("the watcher to start a retraining", lambda: demo.watcher_state("/retraining")["run"] is not None)
    with AirflowClient(demo.settings) as airflow:
        run = airflow.latest_run(RETRAIN_MODEL.name)
        if run is None:
            raise LoopDemoFailed("The watcher reports a retraining that Airflow does not know.")
        progress.report(f"the watcher has started {run.dag_id} ({run.run_id})")
        wait_for_run(airflow, run, logs=log_folder(demo.settings.state_dir) / "tasks", progress=progress)
    decision = read_decisions(demo.settings)[-1]
    if decision.act != "promoted":
        raise LoopDemoFailed(f"Version {decision.version} was {decision.act}: {'; '.join(decision.reasons)}.")
    progress.report(f"version {decision.version} passed the promotion gates: {'; '.join(decision.reasons)}")


def _check_recovery(demo: LoopDemo, report: Callable[[str], None]) -> None:
    _wait("the end of the alerts", lambda: not demo.firing())
    demo.send(FINAL_REQUESTS, cars=demo.cars, sales=SOLD_SHARE)
    _wait(
        "the drift check of the new version",
        lambda: demo.watcher_state("/drift")["rows_seen"] >= FINAL_REQUESTS,
    )
    drift = demo.watcher_state("/drift")
    if alerts := demo.firing():
        raise LoopDemoFailed(f"An alert fires after the retraining: {alerts[0]}.")
    error = drift["live"]["error"]["value"]
    report(
        f"the alerts have ended; the same traffic is {drift['state']}, half of the sales within {error:.1%}"
    )


def _roll_back(demo: LoopDemo, first: int, report: Callable[[str], None]) -> None:
    with open_registry(demo.settings) as registry:
        restored = registry.rollback(by="demo-loop")
    if restored.version != first:
        raise LoopDemoFailed(f"Rolled back to version {restored.version}, expected {first}.")
    _wait_for_version(demo, lambda version: version == first)
    report(f"rolled back: the price service quotes with version {first} again")


def _wait_for_version(demo: LoopDemo, is_expected: Callable[[int], bool]) -> int:
    _wait(
        "the price service to load the version in production",
        lambda: is_expected(demo.version()),
        limit_s=FOLLOW_LIMIT_S,
    )
    return demo.version()


@contextmanager
def _loop_demo(settings: Settings) -> Iterator[LoopDemo]:
    with (
        TemporaryDirectory(prefix="carvalue-loop-") as folder,
        service_client(settings) as service,
        local_client(settings.watcher_port) as watcher,
    ):
        cars = later_cars(Path(folder), rows=ROWS, seed=TRAFFIC_SEED)
        yield LoopDemo(settings=settings, service=service, watcher=watcher, cars=cars)


@contextmanager
def _steady_traffic(demo: LoopDemo) -> Iterator[list[str]]:
    """Request ten quotes per second while the block runs; yield the list of failures."""
    failures: list[str] = []
    stop = Event()
    thread = Thread(target=_send_until, args=(demo, stop, failures))
    thread.start()
    try:
        yield failures
    finally:
        stop.set()
        thread.join()


def _send_until(demo: LoopDemo, stop: Event, failures: list[str]) -> None:
    for car, _ in held_out_cars(demo.cars):
        if stop.wait(1 / STEADY_RATE):
            return
        listing = {name: value for name, value in car.items() if value is not None}
        try:
            answer = demo.service.post("/predict", json=listing)
        except httpx.HTTPError as error:
            failures.append(repr(error))
        else:
            if not answer.is_success:
                failures.append(f"{answer.status_code} {answer.text[:200]}")


def _own_settings(settings: Settings) -> Settings:
    ports = {name: free_port() for name in Settings.model_fields if name.endswith("_port")}
    login = settings.model_dump(include=set(LoginSettings.model_fields))
    defaults = dict.fromkeys(
        ("journal_url", "mlflow_tracking_uri", "service_url", "watcher_url", "airflow_url")
    )
    chosen = {
        "state_dir": settings.state_dir / "demo-loop",
        "bind_host": "127.0.0.1",
        "monitoring_download": False,  # no part of the demonstration
    }
    market = {
        "data_source": "sample",
        "sample_rows": ROWS,
        "training_budget": "quick",
        "max_level_change": 0.5,
        "verified_sales_clients": LOCAL_CLIENT,  # the demonstration reports every sale from here
    }
    return Settings(**login | defaults | ports | chosen | market)


def _wait(event: str, condition: Callable[[], bool], *, limit_s: float = START_LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise LoopDemoFailed(f"Waited {limit_s:.0f} s for {event}.")
        time.sleep(POLL_S)
