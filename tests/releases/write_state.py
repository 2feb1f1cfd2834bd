"""Let a release train on a small sample, quote, take sales and raise an alert; keep the state that it leaves.

    git worktree add ../release c39dd51  # release 0.1
    python tests/releases/write_state.py ../release tests/releases/state-0.1.tar.xz

The release runs as processes with its own commands and HTTP API; none of its modules is imported here. The
last quotes are still in the outbox: the journal is locked until the price service has been killed.
"""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from waiting import until

ROWS = 6_000  # of which 2,000 and some are training cars, as drift detection needs
QUOTES, SALES, WAITING = 45, 40, 4
SOLD_FOR = 0.3  # of the quote: far off, so that the watcher raises an alert
MIN_KEY = 30  # characters; the other words that `carvalue keys new` prints are shorter
CARS = [
    {"manufacturer": maker, "model": model, "year": year, "odometer": miles, "state": "tx"}
    for maker, model in (("toyota", "camry le"), ("ford", "f-150"), ("honda", "civic"))
    for year, miles in ((2010, 140_000), (2015, 60_000), (2018, 30_000))
]
KEPT = (
    "service",
    "watcher",
    "mlflow",
    "storage/datasets",
    "storage/reference",
    "storage/promotions.ndjson",
)
LEFT_OUT = (
    ".lock",
    ".png",
    "metrics",
    "reports",
    "train.parquet",
    "val.parquet",
    "test.parquet",
    "reposts.parquet",
)


class Release:
    """The processes of one release."""

    def __init__(self, code: Path, state: Path) -> None:
        self.code, self.state = code, state
        self.ports = {name: _free_port() for name in ("SERVICE_PORT", "WATCHER_PORT", "MLFLOW_PORT")}
        self.environment = os.environ | {name: str(port) for name, port in self.ports.items()}
        self.environment |= {
            "PYTHONPATH": str(code / "src"),
            "STATE_DIR": str(state),
            "DATA_SOURCE": "sample",
            "SAMPLE_ROWS": str(ROWS),
            "TRAINING_BUDGET": "quick",
            "VERIFIED_SALES_CLIENTS": "page",
        }

    def run(self, *words: str, check: bool = True) -> str:
        """Run a module of the release to its end."""
        command = (sys.executable, "-m", *words)
        done = subprocess.run(command, env=self.environment, cwd=self.state, check=check, capture_output=True)
        return done.stdout.decode()

    @contextmanager
    def running(
        self, *words: str, port: str, path: str
    ) -> Iterator[tuple[subprocess.Popen[bytes], httpx.Client]]:
        """Run a module of the release as a server, until the block ends."""
        process = subprocess.Popen(
            (sys.executable, "-m", *words), env=self.environment, cwd=self.state, start_new_session=True
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{self.ports[port]}", timeout=60) as client:
                until(lambda: _answers(client, path), within_s=1_800)
                yield process, client
        finally:
            _stop(process)

    @property
    def watcher(self) -> str:
        """The module of the watcher."""
        has_package = (self.code / "src" / "carvalue" / "monitoring" / "watcher").is_dir()
        return "carvalue.monitoring.watcher" if has_package else "carvalue.monitoring"

    def mlflow(self) -> tuple[str, ...]:
        """The command of MLflow's server, with its data in the state folder."""
        home = self.state / "mlflow"
        home.mkdir(exist_ok=True)
        port = str(self.ports["MLFLOW_PORT"])
        store = (
            "--backend-store-uri",
            f"sqlite:///{home}/mlflow.db",
            "--artifacts-destination",
            str(home / "artifacts"),
        )
        return ("mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1", *store)


def train(release: Release) -> None:
    """Prepare datasets, train a model and promote it."""
    with release.running(*release.mlflow(), port="MLFLOW_PORT", path="/health"):
        for pipeline in ("creates_datasets_dag", "initial_model_dag"):
            release.run("carvalue", "run", pipeline)
        release.run("carvalue", "promote", "1", check=False)  # the gates may refuse a model of so few cars


def use(release: Release) -> dict[str, object]:
    """Quote and report sales; return what must be found in the state."""
    secret = next(
        word for word in release.run("carvalue", "keys", "new", "page").split() if len(word) > MIN_KEY
    )
    journal = release.state / "service" / "journal.db"
    with ExitStack() as stack:
        stack.enter_context(release.running(*release.mlflow(), port="MLFLOW_PORT", path="/health"))
        service, client = stack.enter_context(
            release.running("carvalue.serving", port="SERVICE_PORT", path="/readyz")
        )
        client.headers["X-API-Key"] = secret
        answers = [_quote(client, CARS[number % len(CARS)]) for number in range(QUOTES)]
        sales = {str(answer["quote_id"]): round(SOLD_FOR * answer["price"]) for answer in answers[:SALES]}
        for quote_id, price in sales.items():
            client.post("/feedback", json={"quote_id": quote_id, "sale_price": price}).raise_for_status()
        until(lambda: _count(journal, "quotes") == QUOTES, within_s=600)
        with release.running(release.watcher, port="WATCHER_PORT", path="/healthz"):
            alerts = release.state / "watcher" / "alerts.db"
            until(lambda: alerts.exists() and _count(alerts, "alerts") > 0, within_s=1_800)
        lock = sqlite3.connect(journal, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
        waiting = [_quote(client, CARS[number]) for number in range(WAITING)]
        service.kill()
        service.wait()
        lock.close()
    return {
        "key": secret,
        "prices": [[car, answer["price"]] for car, answer in zip(CARS, answers, strict=False)],
        "quotes": [answer["quote_id"] for answer in answers],
        "sales": sales,
        "waiting": [answer["quote_id"] for answer in waiting],
        "model_version": answers[0]["model_version"],
        "alerts": _rows(alerts, "SELECT key FROM alerts"),
    }


def keep(release: Release, expected: dict[str, object], file: Path) -> None:
    """Pack the parts of the state that a later release reads, without the rows of the datasets."""
    (release.state / "expected.json").write_text(json.dumps(expected, indent=1))
    with tarfile.open(file, "w:xz", preset=9) as tar:
        for name in (*KEPT, "expected.json"):
            if (release.state / name).exists():
                tar.add(release.state / name, arcname=name, filter=_anonymous)


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if Path(member.name).name.endswith(LEFT_OUT) else member


def _quote(client: httpx.Client, car: dict[str, object]) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/predict", json=car).raise_for_status().json()
    return answer


def _count(journal: Path, table: str) -> int:
    try:
        return len(_rows(journal, f"SELECT 1 FROM {table}"))  # noqa: S608
    except sqlite3.OperationalError:  # the table is not there yet
        return 0


def _rows(database: Path, query: str) -> list[object]:
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        return [row[0] for row in connection.execute(query)]


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:  # MLflow's server may wait for its workers for ever
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _answers(client: httpx.Client, path: str) -> bool:
    try:
        return client.get(path).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    written = Release(Path(sys.argv[1]).resolve(), Path(tempfile.mkdtemp(prefix="carvalue-release-")))
    train(written)
    keep(written, use(written), Path(sys.argv[2]))
    shutil.rmtree(written.state)
