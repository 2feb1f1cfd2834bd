"""Follow runs of DAGs to their end, telling of every task that is over."""

import time
from pathlib import Path
from typing import Protocol

from carvalue.errors import AppError
from carvalue.platform.airflow.client import AirflowClient, DagRun, TaskRun

POLL_S = 1.0
START_LIMIT_S = 180.0  # for Airflow to read the DAG files, or to start a run that data asked for
LOG_LINES = 15


class RunFailed(AppError):
    """A task of a run failed: says which, its last lines, and where the whole log is."""

    status, hint = 500, "Correct the cause and run `make build` again: it goes on at this task."


class DagsUnreadable(AppError):
    """Airflow could not read the DAG files in time."""

    status, hint = 500, "`make logs SERVICE=airflow-dag-processor` says more."


class ProgressReporter(Protocol):
    """Where a flow tells how far it is."""

    def say(self, line: str) -> None:
        """Tell what has happened."""

    def doing(self, what: str) -> None:
        """Tell what is going on right now."""


def wait_for_dags(airflow: AirflowClient, names: tuple[str, ...]) -> None:
    """Wait until Airflow has read the files of all DAGs.

    Raises:
        DagsUnreadable: says what kept it from reading them.
    """
    unknown = set(names)
    deadline = time.monotonic() + START_LIMIT_S
    while unknown := {name for name in unknown if not airflow.knows(name)}:
        if time.monotonic() > deadline:
            errors = airflow.import_errors()
            raise DagsUnreadable(f"No {', '.join(sorted(unknown))} after {START_LIMIT_S:.0f} s. {errors}")
        time.sleep(POLL_S)


def wait_for_next(airflow: AirflowClient, run: DagRun) -> DagRun:
    """Wait for the run that the data of a finished run starts.

    Raises:
        RunFailed: none was started.
    """
    deadline = time.monotonic() + START_LIMIT_S
    while not (started := airflow.runs_started_by(run)):
        if time.monotonic() > deadline:
            raise RunFailed(f"The data of {run.dag} ({run.run}) started no run.")
        time.sleep(POLL_S)
    return started[0]


def wait_for_run(airflow: AirflowClient, run: DagRun, *, logs: Path, progress: ProgressReporter) -> DagRun:
    """Wait for the end of a run; of one that is over already there is nothing to tell.

    Raises:
        RunFailed: a task failed.
    """
    if run.state == "success":
        return run
    told: set[str] = set()
    while True:
        run = airflow.run(run.dag, run.run)  # before its tasks: what ended by now is among them
        tasks = airflow.tasks(run)
        _tell(run, tasks, told, progress)
        if run.is_over:
            break
        time.sleep(POLL_S)
    if run.state != "success":
        raise RunFailed(_story(airflow, run, tasks, logs))
    return run


def _tell(run: DagRun, tasks: tuple[TaskRun, ...], told: set[str], progress: ProgressReporter) -> None:
    for task in tasks:
        if task.state == "success" and task.name not in told:
            told.add(task.name)
            progress.say(f"{run.dag}: {task.name} ({task.seconds or 0:.1f} s)")
    going = next((task for task in tasks if task.state in {"running", "queued", "up_for_retry"}), None)
    if going:
        again = f", try {going.tries}" if going.tries > 1 else ""
        progress.doing(f"{run.dag}: {going.name}{again}")


def _story(airflow: AirflowClient, run: DagRun, tasks: tuple[TaskRun, ...], logs: Path) -> str:
    failed = next((task for task in tasks if task.state == "failed"), None)
    if failed is None:
        return f"{run.dag} ({run.run}) {run.state} without a failed task."
    log = logs / f"dag_id={run.dag}" / f"run_id={run.run}" / f"task_id={failed.name}"
    lines = [
        line for line in airflow.log(run, failed) if "::group::" not in line and "::endgroup::" not in line
    ]
    head = f"{failed.name} of {run.dag} failed. Its last lines, of {log}/attempt={failed.tries}.log:"
    return "\n".join((head, *(f"  {line}" for line in lines[-LOG_LINES:]), ""))
