"""Build everything: start the platform, run both pipelines, wait for the price service, request a quote."""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import carvalue
from carvalue.files.locations import FilesMissing, PathUnreadable, list_files
from carvalue.listings import MARKET
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
from carvalue.platform.observability import download_missing_tools, own_grafana_url
from carvalue.platform.processes import log_folder
from carvalue.platform.readiness import wait_for_service
from carvalue.settings import DATA_SUFFIXES, DataSettings, InvalidSetting, Settings

EXAMPLE = MARKET.examples[0]
"""The vehicle that is priced at the end of a build."""


@dataclass(frozen=True, kw_only=True)
class BuildResult:
    """Result of a build.

    Attributes:
        reused: Whether an earlier build with the same settings was reused.
        model: The price service's answer to `GET /model`.
        quote: The price service's answer to `POST /predict` for `EXAMPLE`.
        dashboards: Address of Grafana; empty where it is neither installed nor downloaded.
    """

    reused: bool
    model: dict[str, Any]
    quote: dict[str, Any]
    dashboards: str


def build_platform(settings: Settings, *, progress: ProgressReporter, again: bool = False) -> BuildResult:
    """Start the platform, create datasets and model unless an earlier build did, and request a quote.

    Monitoring programs that are not installed are downloaded first (MONITORING_DOWNLOAD).

    Args:
        settings: Settings of the platform and of the pipelines.
        progress: Receives the progress.
        again: Run the pipelines even if an earlier build with the same settings succeeded.

    Returns:
        The model in use and its quote for the example car.

    Raises:
        InvalidSetting: The files of DATA_SOURCE or DATASET do not exist, or may not be read.
        AppError: A step failed (`PortTaken`, `ServiceFailed`, `RunFailed` and others).
    """
    _require_files(settings)
    download_missing_tools(settings, report=progress.report, update=progress.update)
    progress.update("starting the platform")
    lifecycle.start_platform(settings, report=progress.report)
    with AirflowClient(settings) as airflow:
        progress.update("waiting for Airflow to read the DAGs")
        wait_for_dags(airflow, (CREATES_DATASETS.name, INITIAL_MODEL.name))
        reused = run_pipelines(airflow, settings, progress=progress, again=again)
    progress.update("waiting for the price service")
    served = wait_for_service(settings)
    if served.trained_version != served.version:
        progress.report(
            f"version {served.trained_version} was not promoted: `carvalue models` shows the reason"
        )
    with service_client(settings) as service:
        return BuildResult(
            reused=reused,
            model=service.get("/model").raise_for_status().json(),
            quote=service.post("/predict", json=dict(EXAMPLE)).raise_for_status().json(),
            dashboards=own_grafana_url(settings),
        )


def _require_files(settings: DataSettings) -> None:
    """Look before the platform starts; the pipeline would find it out some minutes later."""
    if settings.data_file:
        try:
            list_files(settings.data_file, suffixes=DATA_SUFFIXES)
        except (FilesMissing, PathUnreadable) as error:
            raise InvalidSetting(f"DATA_SOURCE is {settings.data_source!r}: {error.message}") from error
    if settings.dataset and not Path(settings.dataset).is_file():
        raise InvalidSetting(f"DATASET is {settings.dataset!r}: expected the path of an existing file.")


def run_pipelines(
    airflow: AirflowClient, settings: Settings, *, progress: ProgressReporter, again: bool
) -> bool:
    """Run the dataset and training pipelines, or resume what an earlier build with the same settings left.

    Args:
        airflow: Client of the running Airflow.
        settings: Settings of the platform and of the pipelines.
        progress: Receives the progress.
        again: Run the pipelines even if they succeeded before.

    Returns:
        Whether both pipelines had succeeded before.

    Raises:
        RunFailed: A task failed.
    """
    logs = log_folder(settings.state_dir) / "tasks"
    datasets = None if again else _resumable_run(airflow, settings)
    reused = datasets is not None and datasets.state == "success"
    if datasets is None:
        datasets = airflow.trigger(
            CREATES_DATASETS.name, f"{_run_prefix(settings)}{datetime.now(UTC):%Y%m%dT%H%M%S}"
        )
    wait_for_run(airflow, datasets, logs=logs, progress=progress)
    progress.update(f"waiting for the datasets to start {INITIAL_MODEL.name}")
    model = wait_for_next(airflow, datasets)
    reused = reused and model.state == "success"
    wait_for_run(airflow, _retried(airflow, model), logs=logs, progress=progress)
    return reused


def build_key(settings: Settings) -> str:
    """Compute the key of a build: equal settings and unchanged local files of listings give equal keys.

    Args:
        settings: Settings of the pipelines.

    Returns:
        Ten hexadecimal digits.

    Examples:
        >>> build_key(Settings(sample_seed=1)) == build_key(Settings(sample_seed=1))
        True
        >>> build_key(Settings(sample_seed=1)) == build_key(Settings(sample_seed=2))
        False
    """
    parts: list[object] = [carvalue.__version__, settings.data_source, settings.training_budget]
    parts += [settings.kaggle_dataset, settings.sample_rows, settings.sample_seed]
    if settings.data_file:
        parts += [
            (file.name, file.version) for file in list_files(settings.data_file, suffixes=DATA_SUFFIXES)
        ]
    parts.append(MARKET.model_dump_json())
    if settings.dataset:
        parts.append(Path(settings.dataset).read_text(encoding="utf-8"))
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:10]


def _resumable_run(airflow: AirflowClient, settings: Settings) -> DagRun | None:
    latest = airflow.latest_run(CREATES_DATASETS.name)
    if latest is None or not latest.run_id.startswith(_run_prefix(settings)):
        return None  # the latest run has other settings
    return _retried(airflow, latest)


def _retried(airflow: AirflowClient, run: DagRun) -> DagRun:
    return airflow.retry(run) if run.state == "failed" else run


def _run_prefix(settings: Settings) -> str:
    return f"build-{build_key(settings)}-"
