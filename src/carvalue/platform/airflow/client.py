"""Client of Airflow's REST API (https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html).

Airflow's command line takes seconds of processor time per call.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from carvalue.errors import AppError
from carvalue.platform.health import local_client
from carvalue.settings import AirflowSettings

TIMEOUT_S = 30.0  # of one request: a busy machine answers slowly
RETRY_LIMIT_S = 120.0  # of all tries of one call
RETRY_PAUSE_S = 1.0


class AirflowUnresponsive(AppError):
    """Airflow does not answer, or answers with an error."""

    status, hint = (
        503,
        "Run `make status` for its state and `make logs SERVICE=airflow-api-server` for details.",
    )


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """One run of a DAG.

    Attributes:
        dag_id: Name of the DAG.
        run_id: Name of the run, unique within the DAG.
        state: `queued`, `running`, `success` or `failed`.
        started_at: Start of the run in UTC; None while it is queued.

    Examples:
        >>> DagRun(dag_id="retrain_model_dag", run_id="by-hand-1", state="running", started_at=None).is_over
        False
    """

    dag_id: str
    run_id: str
    state: str
    started_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether the run has succeeded or failed."""
        return self.state in {"success", "failed"}


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """One task of a run.

    Attributes:
        name: Id of the task.
        state: Airflow's task state, such as `queued`, `running`, `success`, `skipped`, `up_for_retry` or
            `failed`; None before the scheduler has seen the task.
        tries: Number of the latest try, from 1; 0 before the first.
        seconds: Duration of the latest try; None before it ends.
    """

    name: str
    state: str | None
    tries: int
    seconds: float | None


class AirflowClient:
    """Calls Airflow's REST API with the user of the settings; a context manager that logs in.

    Each call is repeated for two minutes while Airflow does not answer or answers with a server error.
    Then it raises `AirflowUnresponsive`.

    Args:
        settings: Port, user and password of Airflow.
    """

    def __init__(self, settings: AirflowSettings) -> None:
        self._http = local_client(settings.airflow_port, timeout_s=TIMEOUT_S)
        self._login = {
            "username": settings.airflow_user,
            "password": settings.airflow_password.get_secret_value(),
        }

    def __enter__(self) -> Self:
        """Log in."""
        token = self._call("POST", "/auth/token", json=self._login)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def has_dag(self, dag_id: str) -> bool:
        """Check whether Airflow has read the file of a DAG.

        Args:
            dag_id: Name of the DAG.

        Returns:
            Whether Airflow lists the DAG.
        """
        answer = self._call("GET", "/api/v2/dags", params={"dag_id_pattern": dag_id})
        return any(item["dag_id"] == dag_id for item in answer["dags"])

    def import_errors(self) -> tuple[str, ...]:
        """List the DAG files that Airflow could not import.

        Returns:
            One text per file: its path and the stack trace.
        """
        answer = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return tuple(f"{item['filename']}: {item['stack_trace']}" for item in answer)

    def latest_run(self, dag_id: str) -> DagRun | None:
        """Return the run of a DAG that was triggered last.

        Args:
            dag_id: Name of the DAG.

        Returns:
            The run; None if there is none.
        """
        newest = {"order_by": "-run_after", "limit": 1}
        answer = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=newest)
        return next((_dag_run(item) for item in answer["dag_runs"]), None)

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Return the present state of a run.

        Args:
            dag_id: Name of the DAG.
            run_id: Name of the run.

        Returns:
            The run.
        """
        return _dag_run(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"))

    def trigger(self, dag_id: str, run_id: str) -> DagRun:
        """Start a run of a DAG.

        Args:
            dag_id: Name of the DAG.
            run_id: Name of the new run, unique within the DAG.

        Returns:
            The new run.
        """
        body = {"dag_run_id": run_id, "logical_date": None}
        return _dag_run(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body))

    def retry(self, run: DagRun) -> DagRun:
        """Resume a failed run at the tasks that failed.

        Args:
            run: The failed run.

        Returns:
            The run in its new state.
        """
        body = {"dry_run": False, "dag_run_id": run.run_id, "only_failed": True, "reset_dag_runs": True}
        self._call("POST", f"/api/v2/dags/{run.dag_id}/clearTaskInstances", json=body)
        return self.run(run.dag_id, run.run_id)

    def triggered_runs(self, run: DagRun) -> tuple[DagRun, ...]:
        """List the runs that the assets of a run triggered.

        Args:
            run: The run that updated the assets.

        Returns:
            Runs of other DAGs; those of the newest asset event first.
        """
        answer = self._call(
            "GET",
            "/api/v2/assets/events",
            params={"source_dag_id": run.dag_id, "source_run_id": run.run_id, "order_by": "-timestamp"},
        )
        return tuple(
            self.run(item["dag_id"], item["run_id"])
            for event in answer["asset_events"]
            for item in event["created_dagruns"]
        )

    def tasks(self, run: DagRun) -> tuple[TaskRun, ...]:
        """List the tasks of a run.

        Args:
            run: The run.

        Returns:
            One entry per task.
        """
        answer = self._call("GET", f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances")
        return tuple(_task_run(item) for item in answer["task_instances"])

    def log(self, run: DagRun, task: TaskRun) -> tuple[str, ...]:
        """Read the log of the latest try of a task.

        Args:
            run: The run.
            task: The task.

        Returns:
            Lines of this project's loggers and all errors, each after its level.
        """
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task.name}/logs/{task.tries}"
        answer = self._call("GET", path, params={"full_content": "true"})
        return tuple(_log_line(item) for item in answer["content"] if _is_relevant(item))

    def _call(self, method: str, path: str, **request: Any) -> Any:
        deadline = time.monotonic() + RETRY_LIMIT_S
        while True:
            try:
                answer = self._http.request(method, path, **request)
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return self._body(answer)
                failure = f"{answer.status_code} {answer.text[:300]}"
            except httpx.TransportError as error:
                failure = repr(error)
            if time.monotonic() > deadline:
                raise AirflowUnresponsive(f"{method} {path}: {failure}.")
            time.sleep(RETRY_PAUSE_S)

    def _body(self, answer: httpx.Response) -> Any:
        if answer.is_error:
            request = answer.request
            raise AirflowUnresponsive(
                f"{request.method} {request.url}: {answer.status_code} {answer.text[:300]}."
            )
        return answer.json()


def _dag_run(item: Mapping[str, Any]) -> DagRun:
    start = item["start_date"]
    return DagRun(
        dag_id=item["dag_id"],
        run_id=item["dag_run_id"],
        state=item["state"],
        started_at=datetime.fromisoformat(start).astimezone(UTC) if start else None,
    )


def _task_run(item: Mapping[str, Any]) -> TaskRun:
    return TaskRun(
        name=item["task_id"], state=item["state"], tries=item["try_number"], seconds=item["duration"]
    )


def _is_relevant(item: Mapping[str, Any]) -> bool:
    # the other lines are about Airflow itself
    logger = str(item.get("logger") or "")
    return logger.startswith("carvalue") or item.get("level") in {"error", "critical"}


def _log_line(item: Mapping[str, Any]) -> str:
    details = [f"{detail['exc_type']}: {detail['exc_value']}" for detail in item.get("error_detail") or ()]
    return " ".join((str(item.get("level") or ""), item["event"], *details)).strip()
