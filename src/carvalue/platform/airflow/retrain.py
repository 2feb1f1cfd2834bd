"""A retraining by hand: started in Airflow, followed to its end, its outcome in one line."""

from datetime import UTC, datetime

from carvalue.pipelines.definitions import RETRAIN_MODEL
from carvalue.pipelines.steps import audit_file
from carvalue.platform.airflow.client import AirflowApi, DagRun
from carvalue.platform.airflow.wait import Progress, follow, wait_for_dags
from carvalue.platform.processes.logs import log_folder
from carvalue.registry.audit import Audit
from carvalue.settings import Settings


def retrain(settings: Settings, *, progress: Progress) -> str:
    """Start a retraining, or join the one that is under way; tell what became of production.

    Raises:
        AirflowSilent, DagsUnreadable: there is no Airflow to do it.
        RunFailed: a task failed; production is as it was.
    """
    with AirflowApi(settings) as airflow:
        progress.doing("waiting for Airflow to read the DAG")
        wait_for_dags(airflow, (RETRAIN_MODEL.name,))
        run = _run_to_follow(airflow)
        follow(airflow, run, logs=log_folder(settings.state_dir) / "tasks", progress=progress)
        skipped = any(task.state == "skipped" for task in airflow.tasks(run))
    if skipped:
        return "nothing new: the version in production has learned from the same listings and sales"
    decision = next(item for item in reversed(Audit(audit_file(settings)).entries()) if item.by == "pipeline")
    return f"version {decision.version} was {decision.act}: {'; '.join(decision.reasons)}"


def _run_to_follow(airflow: AirflowApi) -> DagRun:
    latest = airflow.latest_run(RETRAIN_MODEL.name)
    if latest and not latest.is_over:
        return latest
    return airflow.trigger(RETRAIN_MODEL.name, f"by-hand-{datetime.now(UTC):%Y%m%dT%H%M%S}")
