"""From nothing to a priced car: the platform up, both DAGs run, the service ready."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from carvalue.pipelines import CREATES_DATASETS, INITIAL_MODEL
from carvalue.platform import lifecycle
from carvalue.platform.airflow import (
    AirflowClient,
    DagRun,
    ProgressReporter,
    wait_for_dags,
    wait_for_next,
    wait_for_run,
)
from carvalue.platform.health import service_client
from carvalue.platform.processes import log_folder
from carvalue.platform.readiness import wait_for_service
from carvalue.settings import NAMED_DATA_SOURCES, Settings

EXAMPLE = {
    "manufacturer": "toyota",
    "model": "camry le",
    "year": 2015,
    "odometer": 60_000,
    "condition": "good",
    "fuel": "gas",
    "state": "tx",
}


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """What is there after a build.

    Attributes:
        was_there: whether an earlier build had made it already.
        model: the service's own description of the model in use.
        quote: its answer for the example car.
    """

    was_there: bool
    model: dict[str, Any]
    quote: dict[str, Any]


def build_platform(settings: Settings, *, progress: ProgressReporter, again: bool = False) -> BuildResult:
    """Bring everything up, make the data and the model unless they are there, and price a car.

    Args:
        settings: what to build.
        progress: where to tell how far it is.
        again: build even what is there.

    Raises:
        AppError: PortTaken, ServiceFailed, RunFailed and their like; each says what to do.
    """
    progress.doing("starting the platform")
    lifecycle.start_platform(settings, say=progress.say)
    with AirflowClient(settings) as airflow:
        progress.doing("waiting for Airflow to read the DAGs")
        wait_for_dags(airflow, (CREATES_DATASETS.name, INITIAL_MODEL.name))
        was_there = run_pipelines(airflow, settings, progress=progress, again=again)
    progress.doing("waiting for the price service")
    serving = wait_for_service(settings)
    if serving.made_version != serving.version:
        progress.say(f"version {serving.made_version} is not in production: MLflow and `promote` say why")
    with service_client(settings) as service:
        return BuildResult(
            was_there=was_there,
            model=service.get("/model").raise_for_status().json(),
            quote=service.post("/predict", json=EXAMPLE).raise_for_status().json(),
        )


def run_pipelines(
    airflow: AirflowClient, settings: Settings, *, progress: ProgressReporter, again: bool
) -> bool:
    """Make datasets and model, or go on with what an earlier build left; tell whether all was there."""
    logs = log_folder(settings.state_dir) / "tasks"
    datasets = None if again else _run_to_go_on_with(airflow, settings)
    was_there = datasets is not None and datasets.state == "success"
    if datasets is None:
        datasets = airflow.trigger(
            CREATES_DATASETS.name, f"{_prefix(settings)}{datetime.now(UTC):%Y%m%dT%H%M%S}"
        )
    wait_for_run(airflow, datasets, logs=logs, progress=progress)
    progress.doing(f"waiting for the datasets to start {INITIAL_MODEL.name}")
    model = wait_for_next(airflow, datasets)
    was_there = was_there and model.state == "success"
    wait_for_run(airflow, _revived(airflow, model), logs=logs, progress=progress)
    return was_there


def build_key(settings: Settings) -> str:
    """Name what a build makes: the same settings and the same file give the same key."""
    parts: list[object] = [version("carvalue"), settings.data_source, settings.training_budget]
    parts += [settings.kaggle_dataset, settings.sample_rows, settings.sample_seed]
    if settings.data_source not in NAMED_DATA_SOURCES:
        file = Path(settings.data_source).stat()
        parts += [file.st_size, file.st_mtime_ns]
    if settings.dataset:
        parts.append(Path(settings.dataset).read_text(encoding="utf-8"))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:10]


def _run_to_go_on_with(airflow: AirflowClient, settings: Settings) -> DagRun | None:
    latest = airflow.latest_run(CREATES_DATASETS.name)
    if latest is None or not latest.run.startswith(_prefix(settings)):
        return None  # what is there, or under way, was made with other settings
    return _revived(airflow, latest)


def _revived(airflow: AirflowClient, run: DagRun) -> DagRun:
    return airflow.try_again(run) if run.state == "failed" else run


def _prefix(settings: Settings) -> str:
    return f"build-{build_key(settings)}-"
