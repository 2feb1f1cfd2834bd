"""`kill -9` under load loses no answered quote: a real process, a real SIGKILL, every quote_id compared."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from carvalue.api.examples import BRIEF_LISTING as BRIEF_EXAMPLE
from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.platform.processes.ports import free_port
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle
from fakes import FakeRegistry
from markets import a_bundle
from waiting import until

pytestmark = pytest.mark.platform

CLIENTS = 8
KILLS = 3
BUSY_S = 60  # a machine that does much else takes this long for seconds of work


class Load:
    """Clients that request quotes until stopped, and record the quote_id of every response."""

    def __init__(self, url: str) -> None:
        self._url, self._stop = url, threading.Event()
        self.answered: list[str] = []
        self._threads = [threading.Thread(target=self._ask, args=(place,)) for place in range(CLIENTS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, place: int) -> None:
        body = EXAMPLE if place % 2 else [BRIEF_EXAMPLE, EXAMPLE, BRIEF_EXAMPLE]
        with httpx.Client(base_url=self._url, timeout=BUSY_S) as client:
            while not self._stop.is_set():
                try:
                    quotes = client.post("/predict", json=body).json()
                except httpx.TransportError:
                    return  # killed
                self.answered += [quote["quote_id"] for quote in (quotes if place % 2 == 0 else [quotes])]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder whose last good bundle is there, as after any earlier run."""
    folder = tmp_path_factory.mktemp("state")
    registry, cache = FakeRegistry(), BundleCache(folder / "service" / "bundles")
    version = registry.promote(a_bundle(tmp_path_factory.mktemp("bundle")), version=1)
    cache.set_last_good(
        CachedBundle(version=version, folder=registry.download(version, into=cache.folder_of(version)))
    )
    return folder


@contextmanager
def price_service(state: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    environment = os.environ | {
        "STATE_DIR": str(state),
        "SERVICE_PORT": str(port),
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}",
    }
    process = subprocess.Popen([sys.executable, "-m", "carvalue.serving"], env=environment, cwd=state)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: is_ready(url), within_s=2 * BUSY_S)
        yield url, process
    finally:
        process.terminate()
        process.wait(timeout=BUSY_S)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=BUSY_S).is_success
    except httpx.TransportError:
        return False


def journaled(state: Path) -> list[str]:
    with closing(sqlite3.connect(state / "service" / "journal.db", timeout=BUSY_S)) as connection:
        if connection.execute("select * from sqlite_master where name = 'quotes'").fetchone() is None:
            return []  # the service has not written yet
        return [row[0] for row in connection.execute("select quote_id from quotes")]


def outbox_files(state: Path) -> list[Path]:
    return list((state / "service" / "outbox").iterdir())


def kill_under_load(state: Path, *, after_s: float) -> list[str]:
    """Give the ids of every quote that was answered before the process was killed."""
    with price_service(state) as (url, process):
        load = Load(url)
        load.start()
        until(lambda: len(load.answered) >= CLIENTS)
        time.sleep(after_s)  # any moment will do: the point is that it is an arbitrary one
        process.kill()
        process.wait()
        load.stop()
    return load.answered


def test_no_answered_quote_is_lost_by_kill_9(state: Path) -> None:
    moments = random.Random(4)  # noqa: S311  # seeded: the moments differ, the test does not
    answered: list[str] = []
    for _ in range(KILLS):
        answered += kill_under_load(state, after_s=moments.uniform(0.1, 1.2))

    with price_service(state) as (url, _):
        until(lambda: set(answered) <= set(journaled(state)), within_s=BUSY_S)
        feedback = {"quote_id": answered[0], "sale_price": 21_000}
        assert httpx.post(f"{url}/feedback", json=feedback, timeout=BUSY_S).is_success

    assert len(answered) > KILLS * CLIENTS
    assert len(journaled(state)) == len(set(journaled(state)))
    assert outbox_files(state) == []


def test_a_locked_journal_stops_no_quote_and_loses_none(state: Path) -> None:
    with price_service(state) as (url, _), httpx.Client(base_url=url, timeout=BUSY_S) as client:
        with closing(sqlite3.connect(state / "service" / "journal.db", isolation_level=None)) as other:
            other.execute("begin exclusive")
            ids = [client.post("/predict", json=EXAMPLE).json()["quote_id"] for _ in range(20)]
            until(lambda: client.get("/readyz").json()["degraded"].get("journal") == "down")
            ready = client.get("/readyz")
            other.execute("rollback")
        until(lambda: set(ids) <= set(journaled(state)))
        until(lambda: "journal" not in client.get("/readyz").json()["degraded"])

    assert ready.status_code == 200
    assert outbox_files(state) == []
