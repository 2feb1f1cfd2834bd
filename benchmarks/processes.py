"""Start the servers that the benchmarks measure, and read what their processes use."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from carvalue.files import bundle_digest
from carvalue.registry import ModelVersion
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle

START_SECONDS = 300
UNREACHABLE_MLFLOW = "http://127.0.0.1:9"


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that accepts requests.

    Attributes:
        port: Its port on loopback.
        process: The process that was started; it may have children.
    """

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        """The address without a path."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def memory_mb(self) -> float:
        """Resident memory of the largest process, in megabytes."""
        return max(process.memory_info().rss for process in process_tree(self.process)) / 1e6

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds of all its processes so far."""
        return cpu_seconds(self.process)


def process_tree(process: psutil.Process) -> tuple[psutil.Process, ...]:
    """List a process and its descendants."""
    return (process, *process.children(recursive=True))


def cpu_seconds(process: psutil.Process) -> float:
    """Read the CPU seconds of a process and its descendants, ended children included."""
    return sum(sum(member.cpu_times()[:4]) for member in process_tree(process))


def free_port() -> int:
    """Find a free port on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def responds(url: str) -> bool:
    """Check that a GET request is answered with success."""
    try:
        return httpx.get(url, timeout=10).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def running(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, is_ready: Callable[[], bool]
) -> Iterator[psutil.Process]:
    """Run a program until the block ends, and stop it with all its children.

    Args:
        command: The program and its arguments.
        environment: Variables in addition to this process's.
        log: The file for its output.
        is_ready: Whether the program can be measured.

    Yields:
        Its process, once it is ready.
    """
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=file, stderr=file, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{' '.join(command[:5])} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.2)
        yield psutil.Process(process.pid)
    finally:
        with suppress(ProcessLookupError):  # it ended by itself
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


@contextmanager
def price_service(
    bundle: Path,
    state: Path,
    *,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "carvalue.serving"),
) -> Iterator[Server]:
    """Run the price service with a bundle in its cache and without a model registry.

    Args:
        bundle: The folder of the bundle.
        state: A folder for its state; created.
        environment: Settings in addition to the port and the state folder.
        program: Arguments of the Python interpreter.

    Yields:
        The service, once it quotes.
    """
    port = free_port()
    state.mkdir(parents=True)
    cache_bundle(bundle, state)
    settings = service_settings(state, port) | (environment or {})
    with running(
        (sys.executable, *program),
        environment=settings,
        log=state / "log",
        is_ready=lambda: responds(f"http://127.0.0.1:{port}/readyz"),
    ) as process:
        yield Server(port=port, process=process)


def service_settings(state: Path, port: int) -> dict[str, str]:
    """Return the settings of a price service that starts from its bundle cache."""
    return {"STATE_DIR": str(state), "SERVICE_PORT": str(port), "MLFLOW_TRACKING_URI": UNREACHABLE_MLFLOW}


def cache_bundle(bundle: Path, state: Path) -> None:
    """Copy a bundle into a service's bundle cache.

    Args:
        bundle: The folder of the bundle.
        state: The state folder of the service.
    """
    version = ModelVersion(
        name="benchmark", version=1, run_id="", source="", bundle_digest=bundle_digest(bundle)
    )
    cache = BundleCache(state / "service" / "bundles")
    folder = Path(shutil.copytree(bundle, cache.folder_of(version)))
    cache.set_last_good(CachedBundle(version=version, folder=folder))
