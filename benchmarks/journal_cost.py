"""Measure what the journal costs in requests per second: `python benchmarks/journal_cost.py BUNDLE`.

Two services with the same model, one of them with nothing in the journal's place, measured alternately, so
that other load on the machine affects both. The journal writes in the background during a measurement.
CPU is what a service's process took for a request; it depends less on what else the machine does.
"""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx

from carvalue.files.bundle import bundle_digest
from carvalue.registry.model_version import ModelVersion
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle
from carvalue.serving.openapi.predict import F150

ROUNDS, ROUND_S = 5, 1.0
CLIENTS = (1, 16, 64)


@dataclass(frozen=True, kw_only=True)
class Round:
    """One round of requests to one service: seconds of each answer, and CPU seconds of its process."""

    times: Sequence[float]
    cpu_s: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.times) / ROUND_S

    @property
    def p99_ms(self) -> float:
        """What 99 of 100 answers stayed below."""
        return 1e3 * sorted(self.times)[int(len(self.times) * 0.99)]

    @property
    def cpu_us(self) -> float:
        """CPU microseconds for a request."""
        return 1e6 * self.cpu_s / len(self.times)


def main(bundle: Path) -> None:
    """Print the table: medians over the rounds, ratios within each round."""
    print("clients  requests/s: without, with, ratio   p99 ms: the same   CPU us a request: the same")
    with ExitStack() as stack:
        services = [stack.enter_context(price_service(bundle, mode=mode)) for mode in ("without", "with")]
        for clients in CLIENTS:
            for __main__ in services:
                one_round(__main__, clients=clients)
            rounds = [[one_round(__main__, clients=clients) for __main__ in services] for _ in range(ROUNDS)]
            names = ("rate", "p99_ms", "cpu_us")
            print(f"{clients:7}  {'   '.join(figures(rounds, name) for name in names)}", flush=True)


def figures(rounds: Sequence[Sequence[Round]], name: str) -> str:
    """Give one figure without and with the journal, and the ratio."""
    pairs = [[float(getattr(side, name)) for side in pair] for pair in rounds]
    without, kept = (median(pair[side] for pair in pairs) for side in (0, 1))
    return f"{without:8.1f} {kept:8.1f} {median(pair[1] / pair[0] for pair in pairs):6.2f}"


def one_round(service: tuple[int, int], *, clients: int) -> Round:
    """Load one service, given by its port and process."""
    port, process = service
    began = cpu_seconds(process)
    times = asyncio.run(load(port, clients=clients, seconds=ROUND_S))
    return Round(times=times, cpu_s=cpu_seconds(process) - began)


def cpu_seconds(process: int) -> float:
    """Read what a process took so far, all its threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(port: int, *, clients: int, seconds: float) -> list[float]:
    """Send requests with several clients at once; return the seconds of each response."""
    until = time.perf_counter() + seconds
    return [
        spent for some in await asyncio.gather(*(ask(port, until) for _ in range(clients))) for spent in some
    ]


async def ask(port: int, until: float) -> list[float]:
    """Send requests one after the other on one connection."""
    body = json.dumps(F150)
    head = (
        "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}"
    )
    request, spent = f"{head}\r\n\r\n{body}".encode(), []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (began := time.perf_counter()) < until:
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            sys.exit(f"the service answered {answer!r}")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        spent.append(time.perf_counter() - began)
    writer.close()
    return spent


@contextmanager
def price_service(bundle: Path, *, mode: str) -> Iterator[tuple[int, int]]:
    """Run a service that finds the bundle in its cache; give its port and its process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        cache_bundle(bundle, Path(folder))
        given = {"STATE_DIR": folder, "SERVICE_PORT": str(port), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
        process = subprocess.Popen(
            [sys.executable, __file__, mode], env=os.environ | given, stdout=subprocess.DEVNULL
        )
        try:
            while not ready(port):
                time.sleep(0.1)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait()


def cache_bundle(bundle: Path, state: Path) -> None:
    """Copy the bundle into the service's bundle cache."""
    version = ModelVersion(
        name="benchmark", version=1, run_id="", source="", bundle_digest=bundle_digest(bundle)
    )
    cache = BundleCache(state / "service" / "bundles")
    folder = Path(shutil.copytree(bundle, cache.folder_of(version)))
    cache.set_last_good(CachedBundle(version=version, folder=folder))


def ready(port: int) -> bool:
    """Tell whether the service quotes."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def serve(mode: str) -> None:
    """Run the service, with or without its journal."""
    from carvalue.journal.writer import JournalWriter
    from carvalue.serving import __main__

    def nothing(*_: object) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    if mode == "without":
        JournalWriter.record = nothing  # type: ignore[method-assign]
    __main__.main()


if __name__ == "__main__":
    if sys.argv[1] in {"with", "without"}:
        serve(sys.argv[1])
    else:
        main(Path(sys.argv[1]))
