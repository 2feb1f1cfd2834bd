"""The services that are compared: one worker each, the same bundle, a port of its own."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from benchmarks.processes import Server, cache_bundle, free_port, running, service_settings
from benchmarks.serving.listings import Listing

from carvalue.listings.schema import FIELD_BY_NAME

F150: Listing = {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000}
COLUMNS = tuple(FIELD_BY_NAME)
ROOT = Path(__file__).parents[2]
HEADERS = {"content-type": "application/json"}

StartCommand = Callable[[Path, int, Path], tuple[Sequence[str], Mapping[str, str]]]
"""From the bundle, a port and an empty folder to a command and its environment."""


@dataclass(frozen=True, kw_only=True)
class ServiceUnderTest:
    """One way to serve the model.

    Attributes:
        name: Its name in the results.
        start: Returns the command that starts it.
        path: The path of its route for one listing.
        body: Converts a listing to the body of a request.
    """

    name: str
    start: StartCommand
    path: str
    body: Callable[[Listing], str]


@contextmanager
def running_service(service: ServiceUnderTest, bundle: Path, folder: Path) -> Iterator[Server]:
    """Run a service until the block ends.

    Args:
        service: The service.
        bundle: The folder of the bundle.
        folder: A folder for its state; created.

    Yields:
        The server, once it has priced a listing.
    """
    port = free_port()
    folder.mkdir()
    command, environment = service.start(bundle.resolve(), port, folder)

    def has_priced() -> bool:
        try:
            url, body = f"http://127.0.0.1:{port}{service.path}", service.body(F150)
            return httpx.post(url, content=body, headers=HEADERS, timeout=10).is_success
        except httpx.TransportError:
            return False

    log = folder / "log"
    with running(command, environment=environment, log=log, is_ready=has_priced) as process:
        yield Server(port=port, process=process)


def _flask(bundle: Path, port: int, _: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    application = "benchmarks.serving.flask_service:app"
    command = (sys.executable, "-m", "gunicorn", "-w", "1", "-b", f"127.0.0.1:{port}", application)
    return command, {"BENCHMARK_BUNDLE": str(bundle)}


def _bentoml(bundle: Path, port: int, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    uv = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")  # where the Makefile installs it
    environment = (uv, "run", "--frozen", "--no-sync", "--with", "bentoml>=1.4")
    service = ("bentoml", "serve", "benchmarks.serving.bento_service:Prices", "--port", str(port))
    variables = {"BENCHMARK_BUNDLE": str(bundle), "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "1"}
    return (*environment, *service, "--host", "127.0.0.1"), variables


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


def with_workers(count: int) -> StartCommand:
    """Return the start command of the price service with a number of workers."""

    def start(bundle: Path, port: int, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        settings = _price_service_settings(bundle, port, folder) | {"SERVICE_WORKERS": str(count)}
        return (sys.executable, "-m", "carvalue.serving"), settings

    return start


def _constant(bundle: Path, port: int, folder: Path) -> tuple[Sequence[str], Mapping[str, str]]:
    command = (sys.executable, "-m", "benchmarks.serving.constant_service")
    return command, _price_service_settings(bundle, port, folder)


def _price_service_settings(bundle: Path, port: int, folder: Path) -> dict[str, str]:
    cache_bundle(bundle, folder)
    return service_settings(folder, port)


def _data_frame_body(listing: Listing) -> str:
    row = [listing.get(name) for name in COLUMNS]
    return json.dumps({"dataframe_split": {"columns": COLUMNS, "data": [row]}})


def _named_argument_body(listing: Listing) -> str:
    return json.dumps({"listing": listing})


CARVALUE = ServiceUnderTest(
    name="carvalue, with journal", start=with_workers(1), path="/predict", body=json.dumps
)
SERVICES = (
    ServiceUnderTest(name="Flask + gunicorn", start=_flask, path="/predict", body=json.dumps),
    ServiceUnderTest(name="mlflow models serve", start=_mlflow, path="/invocations", body=_data_frame_body),
    ServiceUnderTest(name="BentoML", start=_bentoml, path="/predict", body=_named_argument_body),
    CARVALUE,
    ServiceUnderTest(
        name="carvalue server, constant response", start=_constant, path="/predict", body=json.dumps
    ),
)
"""The first is the baseline."""
