"""How the pipelines' last runs ended, in the form in which Airflow's API answers."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from carvalue.monitoring.pipeline_runs import AirflowAway, PipelineRuns
from platforms import free_port

PASSWORD = SecretStr("airflow")


class Airflow(BaseHTTPRequestHandler):
    """Three DAGs: one went well, one failed and runs again, one never ran."""

    runs: ClassVar[dict[str, list[str]]] = {
        "creates_datasets_dag": ["success"],
        "initial_model_dag": ["running", "failed", "success"],
        "retrain_model_dag": [],
    }

    def do_POST(self) -> None:
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
        else:
            wanted = [run for run in self.runs[parts.path.split("/")[4]] if run in query["state"]]
            self._answer({"dag_runs": [{"state": run} for run in wanted[: int(query["limit"][0])]]})

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


def test_it_tells_how_the_last_run_ended(airflow: str) -> None:
    runs = PipelineRuns(airflow, user="airflow", password=PASSWORD)

    assert runs.outcomes() == {"creates_datasets_dag": True, "initial_model_dag": False}


def test_a_wrong_password_is_said_without_it(airflow: str) -> None:
    with pytest.raises(AirflowAway) as away:
        PipelineRuns(airflow, user="airflow", password=SecretStr("wrong")).outcomes()

    assert "wrong" not in str(away.value)


def test_an_airflow_that_is_away_is_said() -> None:
    with pytest.raises(AirflowAway, match="ConnectError"):
        PipelineRuns(f"http://127.0.0.1:{free_port()}", user="airflow", password=PASSWORD).outcomes()
