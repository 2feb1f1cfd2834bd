"""A retraining by hand: started in Airflow, followed to its end, its outcome in one line."""

from datetime import UTC, datetime

from carvalue.pipelines import RETRAIN_MODEL, audit_file
from carvalue.platform.airflow.client import AirflowClient, DagRun
from carvalue.platform.airflow.wait import ProgressReporter, wait_for_dags, wait_for_run
from carvalue.platform.processes import log_folder
from carvalue.registry import AuditLog
from carvalue.settings import Settings


def run_retraining(settings: Settings, *, progress: ProgressReporter) -> str:
    """Start a retraining, or join the one that is under way; tell what became of production.

    Raises:
        AirflowSilent, DagsUnreadable: there is no Airflow to do it.
        RunFailed: a task failed; production is as it was.
    """
    with AirflowClient(settings) as airflow:
        progress.doing("waiting for Airflow to read the DAG")
        wait_for_dags(airflow, (RETRAIN_MODEL.name,))
        run = _run_to_follow(airflow)
        wait_for_run(airflow, run, logs=log_folder(settings.state_dir) / "tasks", progress=progress)
        skipped = any(task.state == "skipped" for task in airflow.tasks(run))
    if skipped:
        return "nothing new: the version in production has learned from the same listings and sales"
    decision = next(
        item for item in reversed(AuditLog(audit_file(settings)).entries()) if item.by == "pipeline"
    )
    return f"version {decision.version} was {decision.act}: {'; '.join(decision.reasons)}"


def _run_to_follow(airflow: AirflowClient) -> DagRun:
    latest = airflow.latest_run(RETRAIN_MODEL.name)
    if latest and not latest.is_over:
        return latest
    return airflow.trigger(RETRAIN_MODEL.name, f"by-hand-{datetime.now(UTC):%Y%m%dT%H%M%S}")
