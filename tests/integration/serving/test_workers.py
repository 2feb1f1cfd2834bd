"""Several workers on one port answer and count as one; signals replace, add and remove workers."""

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle
from fakes import FakeRegistry
from markets import a_bundle
from production import answers, free_port, running
from waiting import until

pytestmark = pytest.mark.platform

WORKERS = 2
BUSY_S = 180  # every step is quick on an idle machine


@pytest.fixture
def state(tmp_path: Path) -> Path:
    registry, cache = FakeRegistry(), BundleCache(tmp_path / "state" / "service" / "bundles")
    version = registry.promote(a_bundle(tmp_path / "made"), version=1)
    cache.set_last_good(
        CachedBundle(version=version, folder=registry.download(version, into=cache.folder_of(version)))
    )
    return tmp_path / "state"


@pytest.fixture
def url(state: Path) -> Iterator[str]:
    port = free_port()
    given = {
        "STATE_DIR": str(state),
        "SERVICE_PORT": str(port),
        "SERVICE_WORKERS": str(WORKERS),
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
    }
    url, log = f"http://127.0.0.1:{port}", state / "log"
    with running([sys.executable, "-m", "carvalue.serving"], log=log, environment=os.environ | given):
        until(lambda: answers(f"{url}/readyz"), within_s=BUSY_S)
        until(lambda: len(workers(port)) == WORKERS, within_s=BUSY_S)
        yield url


def workers(port: int) -> set[int]:
    """Every worker that listens, by its process id."""
    found = psutil.net_connections("tcp")
    return {
        one.pid for one in found if one.laddr.port == port and one.status == psutil.CONN_LISTEN and one.pid
    }


def supervisor(port: int) -> psutil.Process:
    """The process that started the workers."""
    parent = psutil.Process(min(workers(port))).parent()
    assert parent is not None
    return parent


def ask(url: str, times: int) -> list[str]:
    """Each time on a connection of its own, which the kernel gives to one worker or the other."""
    asked = [httpx.post(f"{url}/predict", json=EXAMPLE, timeout=BUSY_S) for _ in range(times)]
    return [answer.raise_for_status().json()["quote_id"] for answer in asked]


def counted(url: str, name: str) -> float:
    families = text_string_to_metric_families(httpx.get(f"{url}/metrics", timeout=BUSY_S).text)
    return sum(sample.value for family in families for sample in family.samples if sample.name == name)


def journaled(state: Path) -> set[str]:
    with closing(sqlite3.connect(state / "service" / "journal.db")) as journal:
        return {quote_id for (quote_id,) in journal.execute("SELECT quote_id FROM quotes")}


def test_workers_share_counts_and_journal_also_after_one_was_killed(url: str, state: Path) -> None:
    port = int(url.rpartition(":")[2])
    before = workers(port)
    answered = ask(url, 30)

    os.kill(min(before), signal.SIGKILL)
    until(lambda: min(before) not in workers(port), within_s=BUSY_S)
    answered += ask(url, 30)
    until(lambda: len(workers(port)) == WORKERS, within_s=BUSY_S)
    answered += ask(url, 10)

    assert counted(url, "carvalue_quotes_total") == len(answered) == 70
    assert counted(url, "carvalue_model_version") == 1
    until(lambda: journaled(state) == set(answered), within_s=BUSY_S)


@pytest.mark.slow
def test_sighup_replaces_every_worker_without_losing_requests(url: str, state: Path) -> None:
    port = int(url.rpartition(":")[2])
    before, parent = workers(port), supervisor(port)
    answered = ask(url, 10)

    parent.send_signal(signal.SIGHUP)
    until(lambda: before.isdisjoint(workers(port)), within_s=BUSY_S)
    until(lambda: len(workers(port)) == WORKERS, within_s=BUSY_S)
    answered += ask(url, 20)

    assert {psutil.Process(pid).ppid() for pid in workers(port)} == {parent.pid}
    assert counted(url, "carvalue_quotes_total") == len(answered) == 30
    assert counted(url, "carvalue_model_version") == 1
    until(lambda: journaled(state) == set(answered), within_s=BUSY_S)


@pytest.mark.slow
def test_sigttin_adds_a_worker_that_answers_and_sigttou_removes_one(url: str) -> None:
    port = int(url.rpartition(":")[2])
    before, parent = workers(port), supervisor(port)

    parent.send_signal(signal.SIGTTIN)
    until(lambda: len(workers(port)) == WORKERS + 1, within_s=BUSY_S)
    (added,) = workers(port) - before
    for pid in before:  # a stopped worker answers nothing: what answers now is the added one
        os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: _answered_by_anyone(url), within_s=BUSY_S)
    finally:
        for pid in before:
            os.kill(pid, signal.SIGCONT)

    parent.send_signal(signal.SIGTTOU)
    until(lambda: len(workers(port)) == WORKERS, within_s=BUSY_S)
    assert added not in workers(port)
    assert len(ask(url, 10)) == 10


def _answered_by_anyone(url: str) -> bool:
    """Whether one request of a new connection gets an answer soon; a stopped worker gives none."""
    try:
        return httpx.get(f"{url}/readyz", timeout=1).is_success
    except httpx.HTTPError:
        return False
