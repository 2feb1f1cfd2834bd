"""The services that are compared: each started with one worker, the same bundle and a port of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from benchmarks.journal_cost import shelve
from benchmarks.serving.listings import Listing

from carvalue.listings.schema import FIELD_BY_NAME

START_S = 120
FIRST: Listing = {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000}
COLUMNS = tuple(FIELD_BY_NAME)

Start = Callable[[Path, int, Path], tuple[Sequence[str], Mapping[str, str]]]
"""Bundle, port and an empty folder in; command and environment out."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to serve the model: how to start it and how to send requests."""

    name: str
    start: Start
    path: str
    body: Callable[[Listing], str]
    """A listing as the body of a request."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A contender that answers."""

    contender: Contender
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """URL of its route."""
        return f"http://127.0.0.1:{self.port}{self.contender.path}"

    @property
    def memory_mb(self) -> float:
        """Resident memory of its largest process, which is its worker."""
        return max(one.memory_info().rss for one in self._processes()) / 1e6

    @property
    def cpu_s(self) -> float:
        """CPU seconds of its processes so far."""
        return sum(sum(one.cpu_times()[:2]) for one in self._processes())

    def _processes(self) -> tuple[psutil.Process, ...]:
        first = psutil.Process(self.process.pid)
        return (first, *first.children(recursive=True))


@contextmanager
def running(contender: Contender, bundle: Path, folder: Path) -> Iterator[Running]:
    """Start a contender, wait until it answers, stop it with all it started."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder.mkdir()
    command, given = contender.start(bundle.resolve(), port, folder)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | given, stdout=log, stderr=log, start_new_session=True
        )
    try:
        service = Running(contender=contender, port=port, process=process)
        _wait(service, folder / "log")
        yield service
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _wait(service: Running, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and service.process.poll() is None:
        try:
            answer = httpx.post(
                service.url,
                content=service.contender.body(FIRST),
                headers={"content-type": "application/json"},
                timeout=10,
            )
        except httpx.TransportError:
            time.sleep(0.3)
            continue
        if answer.is_success:
            return
        time.sleep(0.3)
    sys.exit(f"{service.contender.name} does not answer:\n{log.read_text()[-2000:]}")


def _flask(bundle: Path, port: int, _: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    application = "benchmarks.serving.flask_service:app"
    command = (sys.executable, "-m", "gunicorn", "-w", "1", "-b", f"127.0.0.1:{port}", application)
    return command, {"BENCHMARK_BUNDLE": str(bundle)}


def _bento(bundle: Path, port: int, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    environment = ("uv", "run", "--frozen", "--no-sync", "--with", "bentoml>=1.4")
    service = ("bentoml", "serve", "benchmarks.serving.bento_service:Prices", "--port", str(port))
    given = {"BENCHMARK_BUNDLE": str(bundle), "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "1"}
    return (*environment, *service, "--host", "127.0.0.1"), given


def _mlflow(bundle: Path, port: int, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    import mlflow

    from carvalue.registry.mlflow import pyfunc_model

    model = folder / "model"
    mlflow.pyfunc.save_model(
        model, python_model=pyfunc_model.__file__, artifacts={"bundle": str(bundle)}, pip_requirements=[]
    )
    command = (sys.executable, "-m", "mlflow", "models", "serve", "--env-manager", "local", "--workers", "1")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return (*command, "-m", str(model), "-h", "127.0.0.1", "-p", str(port)), {"PATH": path}


def with_workers(count: int) -> Start:
    """Start our service with several workers."""

    def start(bundle: Path, port: int, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        given = _given(bundle, port, folder) | {"SERVICE_WORKERS": str(count)}
        return (sys.executable, "-m", "carvalue.serving"), given

    return start


def _constant(bundle: Path, port: int, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    return (sys.executable, "-m", "benchmarks.serving.constant_service"), _given(bundle, port, folder)


def _given(bundle: Path, port: int, folder: Path) -> dict[str, str]:
    shelve(bundle, folder)
    return {"STATE_DIR": str(folder), "SERVICE_PORT": str(port), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}


def _frame(listing: Listing) -> str:
    row = [listing.get(name) for name in COLUMNS]
    return json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [row]}})


def _wrapped(listing: Listing) -> str:
    return json.dumps({"listing": listing})


CONTENDERS = (
    Contender(name="Flask + gunicorn, DataFrame + DMatrix", start=_flask, path="/predict", body=json.dumps),
    Contender(name="mlflow models serve", start=_mlflow, path="/invocations", body=_frame),
    Contender(name="BentoML", start=_bento, path="/predict", body=_wrapped),
    Contender(name="carvalue, journal on", start=with_workers(1), path="/predict", body=json.dumps),
    Contender(name="the same server, a constant", start=_constant, path="/predict", body=json.dumps),
)
