"""The last runs of the pipelines are read from responses in the format of Airflow's API."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from carvalue.monitoring.watcher.airflow_runs import AirflowRuns, AirflowUnavailable, PipelineRun
from carvalue.platform.processes.ports import free_port

PASSWORD = SecretStr("airflow")


class Airflow(BaseHTTPRequestHandler):
    """Three DAGs: one went well, one failed and runs again, one never ran."""

    runs: ClassVar[dict[str, list[str]]] = {
        "creates_datasets_dag": ["success"],
        "initial_model_dag": ["running", "failed", "success"],
        "retrain_model_dag": [],
    }

    started: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        if self.path.startswith("/api/"):
            self._start(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            return
        login = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = login == {"username": "airflow", "password": "airflow"}
        self._answer({"access_token": "let me in"} if known else {}, 201 if known else 401)

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        if self.headers["authorization"] != "Bearer let me in":
            self._answer({}, 401)
        elif parts.path == "/api/v2/dags":
            assert query == {"tags": ["carvalue"]}
            self._answer({"dags": [{"dag_id": dag} for dag in self.runs]})
        elif "state" not in query:
            times = {"start_date": None, "end_date": "2026-11-01T13:00:00+01:00"}
            runs = [{"dag_run_id": f"run {at}", "state": run} | times for at, run in self._runs(parts.path)]
            self._answer({"dag_runs": runs[: int(query["limit"][0])]})
        else:
            wanted = [run for run in self.runs[parts.path.split("/")[4]] if run in query["state"]]
            self._answer({"dag_runs": [{"state": run} for run in wanted[: int(query["limit"][0])]]})

    def _runs(self, path: str) -> Iterator[tuple[int, str]]:
        yield from enumerate(self.runs[path.split("/")[4]])

    def _start(self, body: Any) -> None:
        assert self.headers["authorization"] == "Bearer let me in"
        known = body["dag_run_id"] in [item["dag_run_id"] for item in self.started]
        self.started.append(body)
        self._answer({}, 409 if known else 200)

    def _answer(self, body: Any, status: int = 200) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def airflow() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Airflow)
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_outcome_of_the_last_run_is_read(airflow: str) -> None:
    runs = AirflowRuns(airflow, user="airflow", password=PASSWORD)

    assert runs.outcomes() == {"creates_datasets_dag": True, "initial_model_dag": False}


def test_the_newest_run_is_read(airflow: str) -> None:
    runs = AirflowRuns(airflow, user="airflow", password=PASSWORD)

    newest = runs.newest("initial_model_dag")

    assert newest == PipelineRun(
        name="run 0", state="running", began_at=None, ended_at=datetime(2026, 11, 1, 12, tzinfo=UTC)
    )
    assert not newest.is_over
    assert runs.newest("retrain_model_dag") is None


def test_a_run_requested_twice_by_id_is_started_once(airflow: str) -> None:
    Airflow.started = []
    runs = AirflowRuns(airflow, user="airflow", password=PASSWORD)

    for _ in range(2):
        runs.start("retrain_model_dag", run="by-alarm-1", note="drift")

    assert Airflow.started[0] == {"dag_run_id": "by-alarm-1", "logical_date": None, "note": "drift"}


def test_a_wrong_password_is_reported_and_not_shown(airflow: str) -> None:
    with pytest.raises(AirflowUnavailable) as away:
        AirflowRuns(airflow, user="airflow", password=SecretStr("wrong")).outcomes()

    assert "wrong" not in str(away.value)


def test_an_unavailable_airflow_is_reported() -> None:
    with pytest.raises(AirflowUnavailable, match="ConnectError"):
        AirflowRuns(f"http://127.0.0.1:{free_port()}", user="airflow", password=PASSWORD).outcomes()
