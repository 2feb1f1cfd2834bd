"""Wait for DAG runs and report every task that ends."""

import time
from pathlib import Path
from typing import Protocol

from carvalue.errors import AppError
from carvalue.platform.airflow.client import AirflowClient, DagRun, TaskRun

POLL_S = 1.0
START_LIMIT_S = 180.0  # for Airflow to read the DAG files, or to start a run that an asset triggers
LOG_LINES = 15


class RunFailed(AppError):
    """A task of a run failed; the message holds its name, the end of its log and the path of the log."""

    status, hint = 500, "Correct the cause and run `make build` again: it resumes at this task."


class DagsUnreadable(AppError):
    """Airflow did not read the DAG files in time."""

    status, hint = 500, "Run `make logs SERVICE=airflow-dag-processor` for details."


class ProgressReporter(Protocol):
    """Receives the progress of a long operation."""

    def report(self, line: str) -> None:
        """Show a line that stays visible.

        Args:
            line: What has happened.
        """

    def update(self, activity: str) -> None:
        """Show the present activity in place of the previous one.

        Args:
            activity: What is going on.
        """


def wait_for_dags(airflow: AirflowClient, names: tuple[str, ...]) -> None:
    """Wait until Airflow has read the files of all given DAGs.

    Args:
        airflow: Client of the running Airflow.
        names: Names of the DAGs.

    Raises:
        DagsUnreadable: A DAG is missing after 180 seconds; the message holds Airflow's import errors.
    """
    missing = set(names)
    deadline = time.monotonic() + START_LIMIT_S
    while missing := {name for name in missing if not airflow.has_dag(name)}:
        if time.monotonic() > deadline:
            errors = airflow.import_errors()
            raise DagsUnreadable(
                f"Airflow has not read {', '.join(sorted(missing))} after {START_LIMIT_S:.0f} s. {errors}"
            )
        time.sleep(POLL_S)


def wait_for_next(airflow: AirflowClient, run: DagRun) -> DagRun:
    """Wait for the run that the assets of a finished run trigger.

    Args:
        airflow: Client of the running Airflow.
        run: The finished run.

    Returns:
        The triggered run.

    Raises:
        RunFailed: No run started within 180 seconds.
    """
    deadline = time.monotonic() + START_LIMIT_S
    while not (triggered := airflow.triggered_runs(run)):
        if time.monotonic() > deadline:
            raise RunFailed(f"The assets of {run.dag_id} ({run.run_id}) triggered no run.")
        time.sleep(POLL_S)
    return triggered[0]


def wait_for_run(airflow: AirflowClient, run: DagRun, *, logs: Path, progress: ProgressReporter) -> DagRun:
    """Wait for the end of a run and report its tasks; a run that has succeeded already is not reported.

    Args:
        airflow: Client of the running Airflow.
        run: The run.
        logs: Folder of Airflow's task logs, named in error messages.
        progress: Receives the progress.

    Returns:
        The run in its final state.

    Raises:
        RunFailed: A task failed.
    """
    if run.state == "success":
        return run
    reported: set[str] = set()
    while True:
        run = airflow.run(run.dag_id, run.run_id)  # before its tasks, so that none of them is missed
        tasks = airflow.tasks(run)
        _report_tasks(run, tasks, reported, progress)
        if run.is_over:
            break
        time.sleep(POLL_S)
    if run.state != "success":
        raise RunFailed(_failure_text(airflow, run, tasks, logs))
    return run


def _report_tasks(
    run: DagRun, tasks: tuple[TaskRun, ...], reported: set[str], progress: ProgressReporter
) -> None:
    for task in tasks:
        if task.state == "success" and task.name not in reported:
            reported.add(task.name)
            progress.report(f"{run.dag_id}: {task.name} ({task.seconds or 0:.1f} s)")
    active = next((task for task in tasks if task.state in {"running", "queued", "up_for_retry"}), None)
    if active:
        retry = f", try {active.tries}" if active.tries > 1 else ""
        progress.update(f"{run.dag_id}: {active.name}{retry}")


def _failure_text(airflow: AirflowClient, run: DagRun, tasks: tuple[TaskRun, ...], logs: Path) -> str:
    failed = next((task for task in tasks if task.state == "failed"), None)
    if failed is None:
        return f"{run.dag_id} ({run.run_id}) is {run.state} without a failed task."
    log = logs / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={failed.name}"
    lines = [
        line for line in airflow.log(run, failed) if "::group::" not in line and "::endgroup::" not in line
    ]
    head = f"{failed.name} of {run.dag_id} failed. Its last lines, of {log}/attempt={failed.tries}.log:"
    return "\n".join((head, *(f"  {line}" for line in lines[-LOG_LINES:]), ""))
