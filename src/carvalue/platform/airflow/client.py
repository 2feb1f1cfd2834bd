"""Airflow over its REST API: its command line costs seconds of processor time a call."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import httpx

from carvalue.errors import AppError
from carvalue.platform.health import local_client
from carvalue.settings import Settings

TIMEOUT_S = 30.0  # a busy machine answers slowly
SILENCE_LIMIT_S = 120.0  # then it is not slow but gone
PAUSE_S = 1.0


class AirflowUnresponsive(AppError):
    """Airflow gave no answer, or not the one that its API promises."""

    status, hint = 503, "`make status` shows how it is; `make logs SERVICE=airflow-api-server` why."


@dataclass(frozen=True, kw_only=True)
class DagRun:
    """One run of a DAG."""

    dag: str
    run: str
    state: str
    started_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether it has an outcome."""
        return self.state in {"success", "failed"}


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """One task of a run; `state` is None before Airflow has looked at it."""

    name: str
    state: str | None
    tries: int
    seconds: float | None


class AirflowClient:
    """What this program asks of Airflow."""

    def __init__(self, settings: Settings) -> None:
        self._http = local_client(settings.airflow_port, timeout_s=TIMEOUT_S)
        self._login = {
            "username": settings.airflow_user,
            "password": settings.airflow_password.get_secret_value(),
        }

    def __enter__(self) -> Self:
        """Log in."""
        token = self._ask("POST", "/auth/token", json=self._login)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {token}"
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self._http.close()

    def knows(self, dag: str) -> bool:
        """Tell whether Airflow has read a DAG's file."""
        found = self._ask("GET", "/api/v2/dags", params={"dag_id_pattern": dag})
        return any(item["dag_id"] == dag for item in found["dags"])

    def import_errors(self) -> tuple[str, ...]:
        """Tell what kept Airflow from reading DAG files."""
        found = self._ask("GET", "/api/v2/importErrors")["import_errors"]
        return tuple(f"{item['filename']}: {item['stack_trace']}" for item in found)

    def latest_run(self, dag: str) -> DagRun | None:
        """Find the run that was asked for last."""
        found = self._ask("GET", f"/api/v2/dags/{dag}/dagRuns", params={"order_by": "-run_after", "limit": 1})
        return next((_dag_run(item) for item in found["dag_runs"]), None)

    def run(self, dag: str, run: str) -> DagRun:
        """Look at one run."""
        return _dag_run(self._ask("GET", f"/api/v2/dags/{dag}/dagRuns/{run}"))

    def trigger(self, dag: str, run: str) -> DagRun:
        """Ask for a run."""
        body = {"dag_run_id": run, "logical_date": None}
        return _dag_run(self._ask("POST", f"/api/v2/dags/{dag}/dagRuns", json=body))

    def try_again(self, run: DagRun) -> DagRun:
        """Let a failed run go on at the task that failed."""
        body = {"dry_run": False, "dag_run_id": run.run, "only_failed": True, "reset_dag_runs": True}
        self._ask("POST", f"/api/v2/dags/{run.dag}/clearTaskInstances", json=body)
        return self.run(run.dag, run.run)

    def runs_started_by(self, run: DagRun) -> tuple[DagRun, ...]:
        """Find the runs that the data of a run started."""
        found = self._ask(
            "GET",
            "/api/v2/assets/events",
            params={"source_dag_id": run.dag, "source_run_id": run.run, "order_by": "-timestamp"},
        )
        return tuple(
            self.run(item["dag_id"], item["run_id"])
            for event in found["asset_events"]
            for item in event["created_dagruns"]
        )

    def tasks(self, run: DagRun) -> tuple[TaskRun, ...]:
        """List the tasks of a run."""
        found = self._ask("GET", f"/api/v2/dags/{run.dag}/dagRuns/{run.run}/taskInstances")
        return tuple(_task_run(item) for item in found["task_instances"])

    def log(self, run: DagRun, task: TaskRun) -> tuple[str, ...]:
        """Read the lines of a task's last try."""
        path = f"/api/v2/dags/{run.dag}/dagRuns/{run.run}/taskInstances/{task.name}/logs/{task.tries}"
        found = self._ask("GET", path, params={"full_content": "true"})
        return tuple(_log_line(item) for item in found["content"] if _says_something(item))

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        deadline = time.monotonic() + SILENCE_LIMIT_S
        while True:
            try:
                answer = self._http.request(method, path, **request)
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR:
                    return self._read(answer)
                trouble = f"{answer.status_code} {answer.text[:300]}"
            except httpx.TransportError as error:
                trouble = repr(error)
            if time.monotonic() > deadline:
                raise AirflowUnresponsive(f"{method} {path}: {trouble}.")
            time.sleep(PAUSE_S)

    def _read(self, answer: httpx.Response) -> Any:
        if answer.is_error:
            request = answer.request
            raise AirflowUnresponsive(
                f"{request.method} {request.url}: {answer.status_code} {answer.text[:300]}."
            )
        return answer.json()


def _dag_run(item: Mapping[str, Any]) -> DagRun:
    began = item["start_date"]
    return DagRun(
        dag=item["dag_id"],
        run=item["dag_run_id"],
        state=item["state"],
        started_at=datetime.fromisoformat(began).astimezone(UTC) if began else None,
    )


def _task_run(item: Mapping[str, Any]) -> TaskRun:
    return TaskRun(
        name=item["task_id"], state=item["state"], tries=item["try_number"], seconds=item["duration"]
    )


def _says_something(item: Mapping[str, Any]) -> bool:
    # the rest is Airflow talking of itself
    logger = str(item.get("logger") or "")
    return logger.startswith("carvalue") or item.get("level") in {"error", "critical"}


def _log_line(item: Mapping[str, Any]) -> str:
    details = [f"{detail['exc_type']}: {detail['exc_value']}" for detail in item.get("error_detail") or ()]
    return " ".join((str(item.get("level") or ""), item["event"], *details)).strip()
