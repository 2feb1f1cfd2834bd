"""Start a retraining manually in Airflow and wait for its outcome."""

from datetime import UTC, datetime

from carvalue.pipelines import RETRAIN_MODEL
from carvalue.platform.airflow.client import AirflowClient, DagRun
from carvalue.platform.airflow.wait import ProgressReporter, wait_for_dags, wait_for_run
from carvalue.platform.processes import log_folder
from carvalue.registry import read_decisions
from carvalue.settings import Settings


def run_retraining(settings: Settings, *, progress: ProgressReporter) -> str:
    """Start a retraining, or wait for the one that runs, and describe its outcome.

    Args:
        settings: Settings of the platform.
        progress: Receives the progress.

    Returns:
        One line: the new version's number, whether it was promoted, and why; or that the data did not change.

    Raises:
        AirflowUnresponsive: Airflow does not answer.
        DagsUnreadable: Airflow could not read the DAG.
        RunFailed: A task failed; production is unchanged.
    """
    with AirflowClient(settings) as airflow:
        progress.update("waiting for Airflow to read the DAG")
        wait_for_dags(airflow, (RETRAIN_MODEL.name,))
        run = _current_run(airflow)
        wait_for_run(airflow, run, logs=log_folder(settings.state_dir) / "tasks", progress=progress)
        skipped = any(task.state == "skipped" for task in airflow.tasks(run))
    if skipped:
        return "nothing to do: the version in production was trained on the same listings and sales"
    decision = next(item for item in reversed(read_decisions(settings)) if item.by == "pipeline")
    return f"version {decision.version} was {decision.act}: {'; '.join(decision.reasons)}"


def _current_run(airflow: AirflowClient) -> DagRun:
    latest = airflow.latest_run(RETRAIN_MODEL.name)
    if latest and not latest.is_over:
        return latest
    return airflow.trigger(RETRAIN_MODEL.name, f"by-hand-{datetime.now(UTC):%Y%m%dT%H%M%S}")
