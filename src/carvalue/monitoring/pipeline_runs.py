"""Whether the pipelines' last runs went well, asked of Airflow over its REST API."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import SecretStr

from carvalue.errors import AppError

TAG = "carvalue"
TIMEOUT_S = 10.0
OVER = {"success": True, "failed": False}


class AirflowAway(AppError):
    """Airflow does not answer as it should."""

    status, hint = 503, "`make logs SERVICE=airflow-api-server` says why; AIRFLOW_URL names another."


class PipelineRuns:
    """Asks one Airflow; a new login each time, because it is asked twice a minute and tokens end."""

    def __init__(self, url: str, *, user: str, password: SecretStr) -> None:
        self._url, self._user, self._password = url, user, password

    def outcomes(self) -> Mapping[str, bool]:
        """Tell of each DAG that has ever come to an end whether it last ended well.

        Raises:
            AirflowAway: no answer, or not the one that its API promises.
        """
        try:
            with self._logged_in() as client:
                found = _get(client, "/api/v2/dags", tags=TAG)["dags"]
                runs = {dag["dag_id"]: self._last(client, dag["dag_id"]) for dag in found}
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise AirflowAway(f"Airflow at {self._url} does not answer ({type(error).__name__}).") from error
        return {dag: OVER[state] for dag, state in runs.items() if state in OVER}

    def _last(self, client: httpx.Client, dag: str) -> str:
        path = f"/api/v2/dags/{dag}/dagRuns"
        # while one is under way, the one before it is the last that came to an end
        found = _get(client, path, order_by="-run_after", limit="1", state=list(OVER))["dag_runs"]
        return str(found[0]["state"]) if found else ""

    @contextmanager
    def _logged_in(self) -> Iterator[httpx.Client]:
        login = {"username": self._user, "password": self._password.get_secret_value()}
        with httpx.Client(base_url=self._url, timeout=TIMEOUT_S) as client:
            answer = client.post("/auth/token", json=login).raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client


def _get(client: httpx.Client, path: str, **query: str | list[str]) -> dict[str, Any]:
    found: dict[str, Any] = client.get(path, params=query).raise_for_status().json()
    return found
