"""Read and start pipeline runs over the REST API of Airflow."""

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
SUCCEEDED = {"success": True, "failed": False}  # by final state


class AirflowUnavailable(AppError):
    """Airflow does not answer, or not as its API is documented."""

    status, hint = 503, "See `make logs SERVICE=airflow-api-server`, and check AIRFLOW_URL."


@dataclass(frozen=True, kw_only=True)
class PipelineRun:
    """One run of a DAG.

    Attributes:
        name: The id of the run.
        state: Airflow's state, such as `queued`, `running`, `success` or `failed`.
        began_at: When it started (UTC); None before it has.
        ended_at: When it ended (UTC); None before it has.
    """

    name: str
    state: str
    began_at: datetime | None
    ended_at: datetime | None

    @property
    def is_over(self) -> bool:
        """Whether the run has ended."""
        return self.state in SUCCEEDED


class AirflowRuns:
    """A client of one Airflow. It logs in for each call, because calls are rare and tokens expire.

    Args:
        url: The base URL of Airflow.
        user: The name of the user.
        password: The user's password.
    """

    def __init__(self, url: str, *, user: str, password: SecretStr) -> None:
        self._url, self._user, self._password = url, user, password

    def outcomes(self) -> Mapping[str, bool]:
        """Read how the last finished run of each DAG ended.

        Returns:
            By DAG id, whether the run succeeded; DAGs without a finished run are left out.

        Raises:
            AirflowUnavailable: Airflow does not answer as documented.
        """
        with self._logged_in() as client:
            dags = _get(client, "/api/v2/dags", tags=TAG)["dags"]
            runs = {dag["dag_id"]: self._last(client, dag["dag_id"]) for dag in dags}
        return {dag: SUCCEEDED[state] for dag, state in runs.items() if state in SUCCEEDED}

    def newest(self, dag: str) -> PipelineRun | None:
        """Read the newest run of a DAG.

        Args:
            dag: The id of the DAG.

        Returns:
            The run; None if there is none.

        Raises:
            AirflowUnavailable: Airflow does not answer as documented.
        """
        with self._logged_in() as client:
            runs = _get(client, f"/api/v2/dags/{dag}/dagRuns", order_by="-run_after", limit="1")["dag_runs"]
            return _run(runs[0]) if runs else None

    def start(self, dag: str, *, run: str, note: str) -> None:
        """Start a run. If a run with the same id exists already, nothing happens.

        Args:
            dag: The id of the DAG.
            run: The id of the run.
            note: A note for the people who see the run in Airflow.

        Raises:
            AirflowUnavailable: Airflow does not answer, or refuses.
        """
        body = {"dag_run_id": run, "logical_date": None, "note": note}
        with self._logged_in() as client:
            response = client.post(f"/api/v2/dags/{dag}/dagRuns", json=body)
            if response.status_code != httpx.codes.CONFLICT:
                response.raise_for_status()

    def _last(self, client: httpx.Client, dag: str) -> str:
        path = f"/api/v2/dags/{dag}/dagRuns"
        # while a run is in progress, the one before it is the last finished one
        runs = _get(client, path, order_by="-run_after", limit="1", state=list(SUCCEEDED))["dag_runs"]
        return str(runs[0]["state"]) if runs else ""

    @contextmanager
    def _logged_in(self) -> Iterator[httpx.Client]:
        login = {"username": self._user, "password": self._password.get_secret_value()}
        try:
            with httpx.Client(base_url=self._url, timeout=TIMEOUT_S) as client:
                response = client.post("/auth/token", json=login).raise_for_status()
                client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
                yield client
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise AirflowUnavailable(
                f"Airflow at {self._url} does not answer ({type(error).__name__})."
            ) from error


def _get(client: httpx.Client, path: str, **query: str | list[str]) -> dict[str, Any]:
    content: dict[str, Any] = client.get(path, params=query).raise_for_status().json()
    return content


def _run(item: dict[str, Any]) -> PipelineRun:
    return PipelineRun(
        name=item["dag_run_id"],
        state=item["state"],
        began_at=_moment(item["start_date"]),
        ended_at=_moment(item["end_date"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None
