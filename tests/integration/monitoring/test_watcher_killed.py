"""After `kill -9` of the watcher, each quote is checked once and each alert sent once."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import httpx
import polars as pl
import pytest

from buckets import fake_s3, new_bucket
from carvalue.files import open_folder
from carvalue.files.bundle import bundle_digest
from carvalue.journal.entries import JournalEntry
from carvalue.journal.store import Journal
from carvalue.monitoring.drift.reference import publish_reference
from carvalue.platform.processes.ports import free_port
from carvalue.pricing.model import PriceModel
from carvalue.registry.model_version import DIGEST_TAG, MODEL_NAME
from carvalue.settings import StateSettings
from markets import MARKET_FIELDS, a_bundle, a_market
from waiting import until

pytestmark = pytest.mark.platform

INPUTS = ("manufacturer", "model", "year", "odometer", "state", "region", *MARKET_FIELDS)
BUSY_S = 400  # on a machine that is ten times slower
BEGAN = datetime.now(UTC) - timedelta(days=1)


class Outside(BaseHTTPRequestHandler):
    """What the watcher reaches over HTTP: the registry's version 1, and a person's chat."""

    bundle: ClassVar[Path]
    messages: ClassVar[list[Any]] = []

    def do_GET(self) -> None:
        asked = urlsplit(self.path)
        if asked.path.endswith("/alias"):
            tags = [{"key": DIGEST_TAG, "value": bundle_digest(self.bundle)}]
            version = {"name": MODEL_NAME, "version": "1", "tags": tags}
            self._answer(json.dumps({"model_version": version}).encode())
        else:
            name = Path(parse_qs(asked.query)["path"][0]).name
            self._answer((self.bundle / name).read_bytes())

    def do_POST(self) -> None:
        self.messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self._answer(b"ok")

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[str]:
    Outside.bundle, Outside.messages = a_bundle(tmp_path / "model"), []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Outside)
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    a_market(rows=6_000, seed=5).write_parquet(tmp_path / "train.parquet")
    folder = tmp_path / "state"
    publish_reference(tmp_path / "train.parquet", fingerprint="f00d", root=folder / "storage" / "reference")
    return folder


@contextmanager
def watcher(
    state: Path, *, outside: str, **settings: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    port = free_port()
    environment = os.environ | {
        "STATE_DIR": str(state),
        "WATCHER_PORT": str(port),
        "MLFLOW_TRACKING_URI": outside,
        "ALERT_URLS": f"{outside.replace('http:', 'json:')}/hook",
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "carvalue.monitoring.watcher"],
        env=environment,
        cwd=state,
        start_new_session=True,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=BUSY_S) as client:
            yield client, process
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # and the reports that it is having drawn
        process.wait()


@pytest.fixture
def bucket(state: Path) -> Iterator[str]:
    """A bucket with the drift reference."""
    url = "s3://cars/storage"
    with fake_s3() as address, new_bucket("cars", address=address):
        stored = open_folder(StateSettings(state_dir=state / "uploads", storage_url=url), "reference")
        with stored.updated() as folder:
            shutil.copytree(state / "storage" / "reference", folder, dirs_exist_ok=True)
        yield url


def rows_seen(client: httpx.Client) -> int:
    try:
        return int(client.get("/drift").json().get("rows_seen", 0))
    except httpx.TransportError:
        return 0  # not up yet


def quote(
    state: Path, *, first: int, rows: int, change: Callable[[pl.DataFrame], pl.DataFrame] | None = None
) -> None:
    market = a_market(rows=rows, seed=first + 11).select(INPUTS)
    listings = (change(market) if change else market).to_dicts()
    journal = Journal(f"sqlite:///{state}/service/journal.db")
    quotes = PriceModel.load(Outside.bundle).quote_many(listings)
    journal.write(
        [
            JournalEntry(
                quote_id=f"{number:032d}",
                quoted_at=BEGAN + timedelta(seconds=number),
                model_version="1",
                price=quote.price,
                low=quote.low,
                high=quote.high,
                warnings=(),
                listing={name: value for name, value in listing.items() if value is not None},
            )
            for number, (listing, quote) in enumerate(zip(listings, quotes, strict=True), start=first)
        ]
    )
    journal.close()


def older(market: pl.DataFrame) -> pl.DataFrame:
    return market.with_columns((pl.col("year") - 6).clip(1985), pl.col("odometer") * 2)


def test_each_quote_is_checked_once_and_each_alert_sent_once(state: Path, outside: str) -> None:
    quote(state, first=0, rows=1_000)
    quote(state, first=1_000, rows=600, change=older)
    with watcher(state, outside=outside) as (client, _):
        until(lambda: rows_seen(client) == 1_600, within_s=BUSY_S)
        until(lambda: 'outcome="delivered"' in client.get("/metrics").text)
        began = client.get("/drift").json()["since"]

    # killed; meanwhile people go on
    quote(state, first=1_600, rows=50, change=older)
    with watcher(state, outside=outside) as (client, _):
        until(lambda: rows_seen(client) == 1_650, within_s=BUSY_S)
        drift = client.get("/drift").json()
        assert (drift["state"], drift["since"]) == ("confirmed", began)
        assert len(client.get("/alerts").json()["firing"]) == 1
        assert len(Outside.messages) == 1

        quote(state, first=1_650, rows=4_000)
        until(lambda: rows_seen(client) == 5_650, within_s=BUSY_S)
        until(lambda: len(Outside.messages) == 2)

    assert [news["type"] for news in Outside.messages] == ["warning", "success"]


def test_a_watcher_on_an_empty_disk_continues_with_the_stored_alerts(
    state: Path, outside: str, bucket: str, tmp_path: Path
) -> None:
    shared = {"STORAGE_URL": bucket, "JOURNAL_URL": f"sqlite:///{state}/service/journal.db"}
    quote(state, first=0, rows=1_000)
    quote(state, first=1_000, rows=600, change=older)
    with watcher(state, outside=outside, **shared) as (client, _):
        until(lambda: rows_seen(client) == 1_600, within_s=BUSY_S)
        until(lambda: 'outcome="delivered"' in client.get("/metrics").text)
        alert = client.get("/alerts").json()["firing"][0]
        until(lambda: stored_alerts(bucket, tmp_path / "reader") == [(alert["key"], 0)], within_s=60)

    # killed, and its disk is lost
    quote(state, first=1_600, rows=50, change=older)
    empty = tmp_path / "empty"
    empty.mkdir()
    with watcher(empty, outside=outside, **shared) as (client, _):
        until(lambda: rows_seen(client) == 1_650, within_s=BUSY_S)
        (continued,) = client.get("/alerts").json()["firing"]

    assert (continued["key"], continued["since"]) == (alert["key"], alert["since"])
    assert len(Outside.messages) == 1


def stored_alerts(bucket: str, disk: Path) -> list[tuple[str, int]]:
    """Read from the storage the keys of alerts, with the number of notifications that wait."""
    folder = open_folder(StateSettings(state_dir=disk, storage_url=bucket), "watcher").read()
    if not (folder / "alerts.db").is_file():
        return []
    with closing(sqlite3.connect(folder / "alerts.db")) as opened:
        return opened.execute(
            "select key, (select count(*) from deliveries where alert_id = alerts.id) from alerts"
        ).fetchall()
