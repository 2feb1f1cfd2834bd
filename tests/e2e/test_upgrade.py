"""Release 0.1 is upgraded under load, rolled back and upgraded again: no request fails, nothing is lost.

`make test-upgrade` runs it (some minutes). The state is one that release 0.1 wrote (`tests/releases`); the
program comes from the history of the repository.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

import httpx
import pytest

from carvalue.journal import Journal
from carvalue.platform.processes import free_port
from mlflow_servers import mlflow_server
from waiting import until

pytestmark = [
    pytest.mark.slow,
    # MLflow's own code and those it imports warn of each other
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning"),
]

ROOT = Path(__file__).parents[2]
COMMIT = "c39dd51"
STATE = ROOT / "tests" / "releases" / "state-0.1.tar.xz"
LATER = datetime(2100, 1, 1, tzinfo=UTC)
BEFORE_EACH_STEP = 20  # answers


class Load:
    """Clients of a load balancer over replicas: it sends to those in rotation, and nothing is sent again.

    Attributes:
        quoted: The id of each quote that was answered.
        failures: What went wrong with a request.
    """

    def __init__(self, car: dict[str, Any], key: str) -> None:
        self.quoted, self.failures = list[str](), list[str]()
        self._car, self._headers = car, {"X-API-Key": key}
        self._rotation: list[int] = []
        self._lock, self._stopped = Lock(), Event()
        self._thread = Thread(target=self._send_forever, daemon=True)

    @contextmanager
    def out_of_rotation(self, port: int) -> Iterator[None]:
        """Send nothing to a replica within the block; requests that it has are answered before."""
        with self._lock:
            self._rotation = [other for other in self._rotation if other != port]
        yield
        with self._lock:
            self._rotation.append(port)

    def start(self, ports: list[int]) -> None:
        """Begin to send."""
        self._rotation = list(ports)
        self._thread.start()

    def stop(self) -> None:
        """End after the present request."""
        self._stopped.set()
        self._thread.join()

    def wait_for_more(self) -> None:
        """Wait until some more requests were answered."""
        enough = len(self.quoted) + BEFORE_EACH_STEP
        until(lambda: len(self.quoted) >= enough or bool(self.failures))

    def _send_forever(self) -> None:
        number = 0
        while not self._stopped.wait(0.1):
            number += 1
            with self._lock:
                self._send(self._rotation[number % len(self._rotation)])

    def _send(self, port: int) -> None:
        try:
            answer = httpx.post(
                f"http://127.0.0.1:{port}/predict", json=self._car, headers=self._headers, timeout=60
            )
            self.quoted.append(answer.raise_for_status().json()["quote_id"])
        except httpx.HTTPError as error:
            self.failures.append(f"{type(error).__name__}: {error}")


class Platform:
    """Two replicas of the price service and a watcher, each of one release or the other, with one state."""

    def __init__(self, state: Path, *, mlflow: str, programs: dict[str, Path]) -> None:
        self.ports = [free_port(), free_port()]
        self.watcher_port = free_port()
        self._programs, self._state = programs, state
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._environment = os.environ | {
            "STATE_DIR": str(state),
            "MLFLOW_TRACKING_URI": mlflow,
            "WATCHER_PORT": str(self.watcher_port),
            "VERIFIED_SALES_CLIENTS": "page",
        }

    def replace(self, port: int, release: str) -> None:
        """Stop what runs on a port, start another release there, and wait until it is ready."""
        self.stop(port)
        is_watcher = port == self.watcher_port
        watcher = "carvalue.monitoring" if release == "0.1" else "carvalue.monitoring.watcher"
        self._running[port] = subprocess.Popen(
            [sys.executable, "-m", watcher if is_watcher else "carvalue.serving"],
            env=self.environment(release) | ({} if is_watcher else {"SERVICE_PORT": str(port)}),
            cwd=self._state,
        )
        path = "/healthz" if is_watcher else "/readyz"
        until(lambda: self._is_ready(port, path), within_s=900)

    def _is_ready(self, port: int, path: str) -> bool:
        assert self._running[port].poll() is None, "the process has ended"
        return _answers(f"http://127.0.0.1:{port}{path}")

    def environment(self, release: str) -> dict[str, str]:
        """The environment of a release's processes."""
        return self._environment | {"PYTHONPATH": str(self._programs[release])}

    def stop(self, port: int) -> None:
        """Stop a process as a supervisor does."""
        if process := self._running.pop(port, None):
            process.terminate()
            process.wait(timeout=120)

    def close(self) -> None:
        """Stop everything."""
        for port in list(self._running):
            self.stop(port)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=30).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def programs(tmp_path: Path) -> dict[str, Path]:
    archived = subprocess.run(["git", "archive", COMMIT, "src"], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip(f"the history has no commit {COMMIT}")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as tar:
        tar.extractall(tmp_path / "release", filter="data")
    return {"0.1": tmp_path / "release" / "src", "this": ROOT / "src"}


def test_no_request_fails_and_nothing_is_lost(programs: dict[str, Path], tmp_path: Path) -> None:
    state = tmp_path / "state"
    with tarfile.open(STATE) as tar:
        tar.extractall(state, filter="data")
    expected = json.loads((state / "expected.json").read_text())
    decided = _decisions(state / "storage" / "promotions.ndjson")
    load = Load(expected["prices"][0][0], expected["key"])
    with ExitStack() as stack:
        uri = stack.enter_context(mlflow_server(state / "mlflow"))
        platform = Platform(state, mlflow=uri, programs=programs)
        stack.callback(platform.close)
        for port in (*platform.ports, platform.watcher_port):
            platform.replace(port, "0.1")
        load.start(platform.ports)
        stack.callback(load.stop)
        load.wait_for_more()

        doctor = _doctor(platform)
        for release in ("this", "0.1", "this"):
            for port in platform.ports:
                with load.out_of_rotation(port):
                    platform.replace(port, release)
                load.wait_for_more()
            platform.replace(platform.watcher_port, release)
            load.wait_for_more()
        load.stop()

        assert load.failures == []
        assert "needs the migrations" in doctor or "need the migrations" in doctor
        quotes = {*expected["quotes"], *expected["waiting"], *load.quoted}
        with closing(Journal(f"sqlite:///{state}/service/journal.db")) as journal:
            until(lambda: len(_stored(journal)) >= len(quotes))
            assert Counter(_stored(journal)) == Counter(quotes)
            sales = journal.sales(model_version=expected["model_version"], limit=99)
        assert sorted(sale.sale_price for sale in sales) == sorted(expected["sales"].values())
        watcher = f"http://127.0.0.1:{platform.watcher_port}"
        alerts = httpx.get(f"{watcher}/alerts").json()
        assert {*expected["alerts"]} <= {item["key"] for item in (*alerts["firing"], *alerts["past"])}
        decisions = httpx.get(f"{watcher}/decisions").json()
        assert _acts(decisions[::-1]) == decided
        assert httpx.get(f"{watcher}/healthz").json()["trouble"] == ""


def _decisions(file: Path) -> list[tuple[str, int, datetime]]:
    return _acts(map(json.loads, file.read_text().splitlines()))


def _acts(decisions: Iterable[dict[str, Any]]) -> list[tuple[str, int, datetime]]:
    return [(item["act"], item["version"], datetime.fromisoformat(item["at"])) for item in decisions]


def _doctor(platform: Platform) -> str:
    command = [sys.executable, "-m", "carvalue", "doctor"]
    done = subprocess.run(
        command, env=platform.environment("this"), capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def _stored(journal: Journal) -> list[str]:
    return [entry.quote_id for entry in journal.after("", until=LATER, limit=10_000)]
