"""On AWS, chosen metrics of the price service and the watcher reach CloudWatch through the log."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from carvalue.telemetry.metrics import SERVICE_METRICS, WATCHER_METRICS, ServiceMetrics
from production import START, load_program

ROOT = Path(__file__).parents[2]
metrics = load_program(ROOT / "deploy" / "containers" / "metrics.py")
INFRASTRUCTURE = (ROOT / "deploy" / "aws" / "services.tf").read_text()


def test_samples_are_added_up_over_labels() -> None:
    service = ServiceMetrics()
    service.quotes.labels("4").inc(2)
    service.quotes.labels("5").inc(3)
    service.journal_lag.set(7)
    text = service.text().decode()

    found = metrics.totals(text, ("carvalue_quotes_total", "carvalue_journal_lag_seconds", "carvalue_absent"))

    assert found == {"carvalue_quotes_total": 5, "carvalue_journal_lag_seconds": 7}


def test_a_value_that_is_no_number_is_left_out() -> None:
    assert metrics.totals("carvalue_live_error NaN\n", ("carvalue_live_error",)) == {}


def test_counters_become_increases_and_gauges_stay() -> None:
    now = {"carvalue_quotes_total": 5.0, "carvalue_journal_lag_seconds": 7.0}

    assert metrics.increases(now, earlier={}) == {"carvalue_journal_lag_seconds": 7}
    assert metrics.increases(now, earlier={"carvalue_quotes_total": 2})["carvalue_quotes_total"] == 3
    assert (
        metrics.increases(now, earlier={"carvalue_quotes_total": 9})["carvalue_quotes_total"] == 5
    )  # restarted


@pytest.fixture
def program() -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"carvalue_journal_lag_seconds 7.0\n")

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()


def _first_line(url: str) -> dict[str, Any]:
    command = [sys.executable, str(START), "metrics", url, "carvalue/service", "carvalue_journal_lag_seconds"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.terminate()
    return json.loads(line)  # type: ignore[no-any-return]


def test_the_role_writes_a_line_in_the_embedded_metric_format(program: str) -> None:
    line = _first_line(program)

    (directive,) = line["_aws"]["CloudWatchMetrics"]
    expected = {"Dimensions": [[]], "Metrics": [{"Name": "carvalue_journal_lag_seconds"}]}
    assert directive == {"Namespace": "carvalue/service", **expected}
    assert line["carvalue_journal_lag_seconds"] == 7
    assert line["_aws"]["Timestamp"] > 1_700_000_000_000  # milliseconds


def test_a_program_that_does_not_answer_ends_nothing() -> None:
    assert _first_line("http://127.0.0.1:9/metrics")["message"] == "metrics unavailable"


def test_aws_asks_for_metrics_that_exist() -> None:
    declared = {metric.name for metric in (*SERVICE_METRICS, *WATCHER_METRICS)}
    asked = set(re.findall(r'"(carvalue_\w+)"', INFRASTRUCTURE))

    assert asked
    assert asked <= declared
