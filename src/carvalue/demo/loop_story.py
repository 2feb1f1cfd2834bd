"""The whole loop in one terminal: drift, alarm, retraining, gate, promotion, the alarm's end, rollback."""

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

from carvalue.demo.shifted_market import later_cars, write_later_listings
from carvalue.demo.traffic import held_out_cars, simulate
from carvalue.errors import AppError
from carvalue.listings.datasets import MIN_SALES, Dataset, DatasetStore
from carvalue.pipelines import RETRAIN_MODEL, audit_file
from carvalue.platform import build_platform, local_client, service_client, start_platform, stop_platform
from carvalue.platform.airflow import AirflowClient, ProgressReporter, wait_for_run
from carvalue.platform.processes import free_port, log_folder
from carvalue.registry import AuditLog
from carvalue.settings import Settings

ROWS = 6_000  # listings of each market: enough to learn from, little enough for a minute
SOURCE_SEED, TRAFFIC_SEED = 7, 8
RATE, STEADY_RATE = 300.0, 10.0  # listings a second
CLEAN, CHUNK, MOST_DRIFTED, AFTER = 1_000, 300, 6_000, 900
SOLD = 0.25  # of those who ask: within a thousand, enough that the sales join the listings
START_LIMIT_S = 120.0  # the watcher asks Airflow twice a minute
FOLLOW_LIMIT_S = 10.0  # promised: the service follows production within it
POLL_S = 0.5


class LoopDemoFailed(AppError):
    """The story went another way: says where."""

    status, hint = 500, "`make logs SERVICE=watcher` and Airflow's pages say more."


@dataclass(frozen=True, kw_only=True)
class LoopDemo:
    """A running platform, and the cars of a later market that people ask it for."""

    settings: Settings
    service: httpx.Client
    watcher: httpx.Client
    cars: Dataset

    def ask(self, requests: int, *, cars: Dataset, sales: float) -> None:
        """Ask for prices as people would."""
        simulate(
            self.service,
            cars,
            rate=RATE,
            requests=requests,
            drifts=(),
            sales=sales,
            on_tick=lambda _: None,
        )

    def told(self, path: str) -> dict[str, Any]:
        """Ask the watcher."""
        found: dict[str, Any] = self.watcher.get(path).raise_for_status().json()
        return found

    def firing(self) -> list[str]:
        """List the titles of the alerts that last."""
        return [alert["title"] for alert in self.told("/alerts")["firing"]]

    def version(self) -> int:
        """Ask the service which version quotes."""
        return int(self.service.get("/model").raise_for_status().json()["version"])


def demo_loop(settings: Settings, *, progress: ProgressReporter) -> None:
    """Build a platform of the story's own below STATE_DIR, on free ports, tell the story on it, stop it.

    Raises:
        LoopDemoFailed: something did not happen that should have.
        AppError: the platform could not be built.
    """
    own = _own_settings(settings)
    stop_platform(own)  # one that a killed story left
    shutil.rmtree(own.state_dir, ignore_errors=True)
    progress.say(f"a platform of the story's own comes up, its state in {own.state_dir}")
    try:
        build_platform(own, progress=progress)
        run_story(own, progress=progress)
    finally:
        stop_platform(own)


def run_story(settings: Settings, *, progress: ProgressReporter) -> None:
    """Tell the story on a running platform; it changes that platform's production, and changes it back.

    Raises:
        LoopDemoFailed: something did not happen that should have.
    """
    say = progress.say
    with _stage(settings) as stage:
        first = stage.version()
        _silence(stage, say)
        with _steady_traffic(stage) as lost:
            _tell_of_the_later_market(stage, first, progress)
        if lost:
            raise LoopDemoFailed(f"{len(lost)} requests failed meanwhile, the first: {lost[0]}.")
        say("not one request failed meanwhile")


def _tell_of_the_later_market(stage: LoopDemo, first: int, progress: ProgressReporter) -> None:
    newest = stage.settings.state_dir.resolve() / "demo-loop.csv"
    write_later_listings(newest, rows=ROWS, seed=SOURCE_SEED)
    progress.say(f"two years pass: cars are newer, driven further, a quarter dearer; DATA_SOURCE={newest}")
    later = {"data_source": str(newest), "training_budget": "quick"}
    start_platform(stage.settings.model_copy(update=later), say=lambda _: None)
    _alarm(stage, progress.say)
    _retrain(stage, progress)
    second = _followed(stage, lambda version: version != first)
    progress.say(f"the price service quotes with version {second}")
    _cured(stage, progress.say)
    _roll_back(stage, first, progress.say)


def _silence(stage: LoopDemo, say: Callable[[str], None]) -> None:
    say(f"{CLEAN:,} people ask for cars like those of the training")
    stage.ask(CLEAN, cars=DatasetStore(stage.settings.storage_root / "datasets").current(), sales=0)
    _wait("quotes to be judged", lambda: stage.told("/drift").get("rows_seen", 0) >= CLEAN)
    if alerts := stage.firing():
        raise LoopDemoFailed(f"Clean traffic raised an alert: {alerts[0]}.")
    say("nothing drifts: no alert")


def _alarm(stage: LoopDemo, say: Callable[[str], None]) -> None:
    asked, kinds = 0, set[str]()
    while not kinds >= {"drift", "live_accuracy"} or asked * SOLD < 1.1 * MIN_SALES:
        if asked >= MOST_DRIFTED:
            raise LoopDemoFailed(f"No alarm after {MOST_DRIFTED:,} people: {sorted(kinds) or 'none'}.")
        stage.ask(CHUNK, cars=stage.cars, sales=SOLD)
        asked += CHUNK
        kinds = {alert["kind"] for alert in stage.told("/alerts")["firing"]}
    say(f"{asked:,} people ask for such cars, one in four of which is sold; alarm:")
    for title in stage.firing():
        say(f"  {title}")


def _retrain(stage: LoopDemo, progress: ProgressReporter) -> None:
    _wait("the watcher to ask for a retraining", lambda: stage.told("/retraining")["run"] is not None)
    with AirflowClient(stage.settings) as airflow:
        run = airflow.latest_run(RETRAIN_MODEL.name)
        if run is None:
            raise LoopDemoFailed("The watcher tells of a retraining that Airflow does not have.")
        progress.say(f"the watcher has started {run.dag} ({run.run})")
        wait_for_run(airflow, run, logs=log_folder(stage.settings.state_dir) / "tasks", progress=progress)
    decision = AuditLog(audit_file(stage.settings)).entries()[-1]
    if decision.act != "promoted":
        raise LoopDemoFailed(f"Version {decision.version} was {decision.act}: {'; '.join(decision.reasons)}.")
    progress.say(f"the gates let version {decision.version} in: {'; '.join(decision.reasons)}")


def _cured(stage: LoopDemo, say: Callable[[str], None]) -> None:
    _wait("the alarm to end", lambda: not stage.firing())
    stage.ask(AFTER, cars=stage.cars, sales=SOLD)
    _wait("the new version to be judged", lambda: stage.told("/drift")["rows_seen"] >= AFTER)
    found = stage.told("/drift")
    if alerts := stage.firing():
        raise LoopDemoFailed(f"The retraining did not cure the alarm: {alerts[0]}.")
    error = found["live"]["error"]["value"]
    say(f"the alarm has ended; the same traffic is {found['state']}, half of the sales within {error:.1%}")


def _roll_back(stage: LoopDemo, first: int, say: Callable[[str], None]) -> None:
    from carvalue.registry.promotion import roll_back  # noqa: PLC0415  # brings MLflow along

    settings = stage.settings
    back = roll_back(settings.mlflow_tracking_uri, audit=AuditLog(audit_file(settings)), by="demo-loop")
    if back.version != first:
        raise LoopDemoFailed(f"Rolled back to version {back.version}, not to {first}.")
    _followed(stage, lambda version: version == first)
    say(f"rolled back: the price service quotes with version {first} again")


def _followed(stage: LoopDemo, wanted: Callable[[int], bool]) -> int:
    _wait("the service to follow production", lambda: wanted(stage.version()), limit_s=FOLLOW_LIMIT_S)
    return stage.version()


@contextmanager
def _stage(settings: Settings) -> Iterator[LoopDemo]:
    with (
        TemporaryDirectory(prefix="carvalue-loop-") as folder,
        service_client(settings) as service,
        local_client(settings.watcher_port) as watcher,
    ):
        cars = later_cars(Path(folder), rows=ROWS, seed=TRAFFIC_SEED)
        yield LoopDemo(settings=settings, service=service, watcher=watcher, cars=cars)


@contextmanager
def _steady_traffic(stage: LoopDemo) -> Iterator[list[str]]:
    """Ask for a car ten times a second all the while; give the list of what failed."""
    lost: list[str] = []
    stop = Event()
    thread = Thread(target=_keep_asking, args=(stage, stop, lost))
    thread.start()
    try:
        yield lost
    finally:
        stop.set()
        thread.join()


def _keep_asking(stage: LoopDemo, stop: Event, lost: list[str]) -> None:
    for car, _ in held_out_cars(stage.cars):
        if stop.wait(1 / STEADY_RATE):
            return
        known = {name: value for name, value in car.items() if value is not None}
        try:
            answer = stage.service.post("/predict", json=known)
        except httpx.HTTPError as error:
            lost.append(repr(error))
        else:
            if not answer.is_success:
                lost.append(f"{answer.status_code} {answer.text[:200]}")


def _own_settings(settings: Settings) -> Settings:
    ports = {name: free_port() for name in Settings.model_fields if name.endswith("_port")}
    chosen = {"state_dir": settings.state_dir / "demo-loop", "bind_host": "127.0.0.1"}
    market = {"data_source": "sample", "sample_rows": ROWS, "training_budget": "quick"}
    return Settings.model_validate(ports | chosen | market)


def _wait(what: str, condition: Callable[[], bool], *, limit_s: float = START_LIMIT_S) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise LoopDemoFailed(f"Waited {limit_s:.0f} s for {what}.")
        time.sleep(POLL_S)
