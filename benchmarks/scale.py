"""Measure several price services with one PostgreSQL: `python -m benchmarks.scale BUNDLE JOURNAL`.

Needs wrk. JOURNAL is the URL of an empty database on this machine. CPU is what processes took, which depends
less on what else the machine does than rates do; with it one can reckon what other machines need.
"""

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import environ
from pathlib import Path

import httpx
import psutil
from benchmarks.journal_cost import shelve
from benchmarks.serving.listings import listings_of
from benchmarks.serving.load import Round, ask
from sqlalchemy import Engine, create_engine, text

from carvalue.journal.store import Journal

SERVICES, CLIENTS, SECONDS = (1, 2, 4), 32, 8
HEAD = (
    "| services | quotes/s | p50 ms | p99 ms | CPU us a quote: service | PostgreSQL "
    "| ms until the last is in the journal |"
)


@dataclass(frozen=True, kw_only=True)
class Service:
    """One process of the price service."""

    port: int
    process: psutil.Process


def main() -> None:
    """Print the table, and what a quote takes on PostgreSQL's disk."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("bundle", type=Path)
    given.add_argument("journal")
    chosen = given.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # otherwise the services keep running
    journal = Journal(chosen.journal)
    journal.migrate()
    journal.close()
    database = create_engine(chosen.journal)
    print(f"{HEAD}\n|{'---|' * 7}")
    with tempfile.TemporaryDirectory() as name:
        for copies in SERVICES:
            print(_row(chosen.bundle, chosen.journal, database, copies=copies, folder=Path(name)), flush=True)
    print(f"{_kept(database):,} quotes, {_bytes(database) / _kept(database):.0f} bytes each with its index")
    database.dispose()


def _row(bundle: Path, journal: str, database: Engine, *, copies: int, folder: Path) -> str:
    bodies = [json.dumps(listing) for listing in listings_of(bundle)]
    with ExitStack() as stack:
        services = [
            stack.enter_context(_service(bundle, journal, folder / f"{copies}-{number}"))
            for number in range(copies)
        ]
        _ask_all(services, bodies, seconds=1, folder=folder)
        _settled(database)
        kept, ours, theirs = _kept(database), _cpu_of(services), _cpu_of_postgres(database)
        rounds = _ask_all(services, bodies, seconds=SECONDS, folder=folder)
        lag = _settled(database)
        quotes = _kept(database) - kept
        ours, theirs = _cpu_of(services) - ours, _cpu_of_postgres(database) - theirs
    rate, p50, p99 = (
        sum(one.rate for one in rounds),
        *(max(getattr(one, name) for one in rounds) for name in ("p50_ms", "p99_ms")),
    )
    costs = f"{1e6 * ours / quotes:.0f} | {1e6 * theirs / quotes:.0f}"
    return f"| {copies} | {rate:,.0f} | {p50:.1f} | {p99:.1f} | {costs} | {1e3 * lag:.0f} |"


@contextmanager
def _service(bundle: Path, journal: str, folder: Path) -> Iterator[Service]:
    """Run one with the bundle in its cache."""
    folder.mkdir()
    shelve(bundle, folder)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    given = {
        "STATE_DIR": str(folder),
        "SERVICE_PORT": str(port),
        "JOURNAL_URL": journal,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            (sys.executable, "-m", "carvalue.serving"), env=environ | given, stdout=log, stderr=log
        )
    try:
        while not _ready(port):
            time.sleep(0.1)
        yield Service(port=port, process=psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait()


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5).is_success
    except httpx.TransportError:
        return False


def _ask_all(
    services: Sequence[Service], bodies: Sequence[str], *, seconds: int, folder: Path
) -> list[Round]:
    """Send requests to all at once, with the clients divided among them."""

    def one(service: Service) -> Round:
        own = folder / str(service.port)
        own.mkdir(exist_ok=True)
        url = f"http://127.0.0.1:{service.port}/predict"
        return ask(url, bodies, clients=CLIENTS // len(services), seconds=seconds, folder=own)

    with ThreadPoolExecutor(len(services)) as pool:
        return list(pool.map(one, services))


def _settled(database: Engine) -> float:
    """Wait until the journal has not grown for a second; give the seconds until it last did."""
    began = last = time.perf_counter()
    kept = -1
    while (now := time.perf_counter()) < last + 1:
        if kept != (found := _kept(database)):
            kept, last = found, now
        time.sleep(0.02)
    return last - began


def _kept(database: Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(text("select count(*) from quotes")).scalar_one())


def _bytes(database: Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(text("select pg_total_relation_size('quotes')")).scalar_one())


def _cpu_of(services: Sequence[Service]) -> float:
    return sum(sum(service.process.cpu_times()[:2]) for service in services)


def _cpu_of_postgres(database: Engine) -> float:
    """Read what the server and all its processes took so far."""
    with database.connect() as connection:
        one = psutil.Process(connection.execute(text("select pg_backend_pid()")).scalar_one())
    server = one.parent()
    if server is None:
        sys.exit("PostgreSQL has to run on this machine, as processes that can be seen.")
    return sum(sum(process.cpu_times()[:4]) for process in (server, *server.children(recursive=True)))


if __name__ == "__main__":
    if shutil.which("wrk") is None:
        sys.exit("This needs wrk: apt-get install wrk")
    main()
