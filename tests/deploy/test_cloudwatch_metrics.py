"""On AWS, chosen metrics of the price service and the watcher reach CloudWatch through the log."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest
from prometheus_client import generate_latest

from carvalue.telemetry import WatcherInstruments
from carvalue.telemetry.metrics import SERVICE_METRICS, WATCHER_METRICS, MetricSpec, ServiceMetrics
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

    assert metrics.increases(now, earlier=None) == {"carvalue_journal_lag_seconds": 7}
    assert metrics.increases(now, earlier={"carvalue_quotes_total": 2})["carvalue_quotes_total"] == 3
    assert (
        metrics.increases(now, earlier={"carvalue_quotes_total": 9})["carvalue_quotes_total"] == 5
    )  # restarted


def test_a_counter_that_appears_has_increased_from_zero() -> None:
    appeared = {"carvalue_warned_quotes_total": 1.0}  # a counter with labels has no sample before

    assert metrics.increases(appeared, earlier={}) == appeared
    assert metrics.increases(appeared, earlier=None) == {}  # the other program may have counted for days


@pytest.mark.parametrize(
    "name", ["carvalue_live_error", "carvalue_live_coverage", "carvalue_estimated_error"]
)
def test_nothing_is_written_of_a_share_that_the_watcher_does_not_know_yet(name: str) -> None:
    text = generate_latest(WatcherInstruments().registry).decode()

    assert metrics.totals(text, (name, f"{name}_low", f"{name}_high")) == {}


def test_the_watcher_starts_with_ranges_that_are_not_corrected() -> None:
    registry = WatcherInstruments().registry

    assert registry.get_sample_value("carvalue_range_scale") == 1
    assert registry.get_sample_value("carvalue_range_level") == 0


class Program(BaseHTTPRequestHandler):
    """Answers with its metrics."""

    body: ClassVar[bytes] = b"carvalue_journal_lag_seconds 7.0\n"
    length: ClassVar[int] = len(body)

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(self.length))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None: ...


class Stopping(Program):
    """Accepts a connection and closes it."""

    def do_GET(self) -> None: ...


class Dying(Program):
    """Ends in the middle of its answer."""

    length = 100


class Babbling(Program):
    """Answers with something else than metrics."""

    body = b"carvalue_journal_lag_seconds{ 7"
    length = len(body)


@contextmanager
def _serving(handler: type[Program]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/metrics"
    server.shutdown()
    server.server_close()


def _first_line(url: str) -> dict[str, Any]:
    """Start the role, read its first line and stop it; it must run until then and end at once."""
    command = [sys.executable, str(START), "metrics", url, "carvalue/service", "carvalue_journal_lag_seconds"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 0  # a signal's default ends no process with id 1
    return json.loads(line)  # type: ignore[no-any-return]


def test_the_role_writes_a_line_in_the_embedded_metric_format_until_it_is_stopped() -> None:
    with _serving(Program) as url:
        line = _first_line(url)

    (directive,) = line["_aws"]["CloudWatchMetrics"]
    expected = {"Dimensions": [[]], "Metrics": [{"Name": "carvalue_journal_lag_seconds"}]}
    assert directive == {"Namespace": "carvalue/service", **expected}
    assert line["carvalue_journal_lag_seconds"] == 7
    assert line["_aws"]["Timestamp"] > 1_700_000_000_000  # milliseconds


def test_a_program_that_does_not_listen_ends_nothing() -> None:
    assert _first_line("http://127.0.0.1:9/metrics")["message"] == "metrics unavailable"


@pytest.mark.parametrize("handler", [Stopping, Dying, Babbling])
def test_a_program_that_does_not_answer_well_ends_nothing(handler: type[Program]) -> None:
    with _serving(handler) as url:
        assert _first_line(url)["message"] == "metrics unavailable"


@pytest.mark.parametrize(("role", "declared"), [("service", SERVICE_METRICS), ("watcher", WATCHER_METRICS)])
def test_aws_asks_each_program_for_metrics_that_it_has(role: str, declared: tuple[MetricSpec, ...]) -> None:
    listed = re.search(rf'^    {role} = \["(carvalue_.+)"\]$', INFRASTRUCTURE, re.MULTILINE)
    asked = set(listed[1].split('", "')) if listed else set()

    assert asked
    assert asked <= {metric.name for metric in declared}
