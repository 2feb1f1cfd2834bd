"""What the watcher asks of Airflow over its REST API: how runs ended, and to start one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr

from carvalue.errors import AppError

TAG = "carvalue"
RETRAINING = "retrain_model_dag"
TIMEOUT_S = 10.0
OVER = {"success": True, "failed": False}


class AirflowUnavailable(AppError):
    """Airflow does not answer as it should."""

    status, hint = 503, "`make logs SERVICE=airflow-api-server` says why; AIRFLOW_URL names another."


@dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """One run of a DAG; the times are None before they have come."""

    name: str
    state: str
    began_at: datetime | None
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether it has an outcome."""
        return self.state in OVER


class AirflowRuns:
    """Asks one Airflow; a new login each time, because it is asked twice a minute and tokens end."""

    def __init__(self, url: str, *, user: str, password: SecretStr) -> None:
        self._url, self._user, self._password = url, user, password

    def outcomes(self) -> Mapping[str, bool]:
        """Tell of each DAG that has ever come to an end whether it last ended well.

        Raises:
            AirflowUnavailable: no answer, or not the one that its API promises.
        """
        with self._logged_in() as client:
            found = _get(client, "/api/v2/dags", tags=TAG)["dags"]
            runs = {dag["dag_id"]: self._last(client, dag["dag_id"]) for dag in found}
        return {dag: OVER[state] for dag, state in runs.items() if state in OVER}

    def newest(self, dag: str) -> PipelineRun | None:
        """Find the run that was asked for last; None where there was none.

        Raises:
            AirflowUnavailable: no answer, or not the one that its API promises.
        """
        with self._logged_in() as client:
            found = _get(client, f"/api/v2/dags/{dag}/dagRuns", order_by="-run_after", limit="1")["dag_runs"]
            return _run(found[0]) if found else None

    def start(self, dag: str, *, run: str, note: str) -> None:
        """Ask for a run under a name; one of that name that is there already is left as it is.

        Raises:
            AirflowUnavailable: no answer, or a refusal.
        """
        body = {"dag_run_id": run, "logical_date": None, "note": note}
        with self._logged_in() as client:
            answer = client.post(f"/api/v2/dags/{dag}/dagRuns", json=body)
            if answer.status_code != httpx.codes.CONFLICT:
                answer.raise_for_status()

    def _last(self, client: httpx.Client, dag: str) -> str:
        path = f"/api/v2/dags/{dag}/dagRuns"
        # while one is under way, the one before it is the last that came to an end
        found = _get(client, path, order_by="-run_after", limit="1", state=list(OVER))["dag_runs"]
        return str(found[0]["state"]) if found else ""

    @contextmanager
    def _logged_in(self) -> Iterator[httpx.Client]:
        login = {"username": self._user, "password": self._password.get_secret_value()}
        try:
            with httpx.Client(base_url=self._url, timeout=TIMEOUT_S) as client:
                answer = client.post("/auth/token", json=login).raise_for_status()
                client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
                yield client
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise AirflowUnavailable(
                f"Airflow at {self._url} does not answer ({type(error).__name__})."
            ) from error


def _get(client: httpx.Client, path: str, **query: str | list[str]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(path, params=query).raise_for_status().json()
    return found


def _run(item: dict[str, Any]) -> PipelineRun:
    return PipelineRun(
        name=item["dag_run_id"],
        state=item["state"],
        began_at=_moment(item["start_date"]),
        ended_at=_moment(item["end_date"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
