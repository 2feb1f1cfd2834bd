"""Sales that are reported to the price service correct its ranges, through the watcher."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest

from carvalue.files import LocalFolder
from carvalue.journal import Journal, LeasedState
from carvalue.monitoring.alerting import AlertStore
from carvalue.monitoring.drift import publish_reference
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.reports import ReportFolder
from carvalue.monitoring.watcher.watcher import Watcher
from carvalue.serving.app import create_app
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import MARKET_FIELDS, a_bundle, a_market
from servers import serving
from waiting import until

INPUTS = ("manufacturer", "model", "year", "odometer", "state", "region", *MARKET_FIELDS)
MOVE, SALES = 1.1, 300


class Platform:
    """A price service and a watcher with one journal."""

    def __init__(self, client: httpx.Client, watcher: Watcher) -> None:
        self.client, self.watcher = client, watcher

    def quote(self, cars: pl.DataFrame) -> list[dict[str, int]]:
        answer = self.client.post("/predict", json=cars.select(INPUTS).to_dicts())
        quotes: list[dict[str, int]] = answer.raise_for_status().json()
        return quotes

    def sell(self, cars: pl.DataFrame) -> None:
        for quote, price in zip(self.quote(cars), cars["price"], strict=True):
            report = {"quote_id": quote["quote_id"], "sale_price": round(MOVE * price)}
            self.client.post("/feedback", json=report).raise_for_status()

    def coverage(self, cars: pl.DataFrame) -> float:
        pairs = zip(self.quote(cars), cars["price"], strict=True)
        return sum(quote["low"] <= MOVE * price <= quote["high"] for quote, price in pairs) / cars.height


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    settings, registry = Settings(state_dir=tmp_path), FakeRegistry()
    registry.promote(a_bundle(tmp_path / "model"), version=1)
    publish_reference(tmp_path / "model" / "train.parquet", fingerprint="f00d", root=tmp_path / "reference")
    journal = Journal(settings.journal_url.get_secret_value())
    watcher = Watcher(
        journal=journal,
        state=LeasedState(journal, "watcher", "only"),
        registry=registry,
        references=LocalFolder(tmp_path / "reference"),
        folder=tmp_path / "watcher",
        alert_store=AlertStore(tmp_path / "watcher" / "alerts.db", ()),
        reports=ReportFolder(LocalFolder(tmp_path / "watcher" / "reports")),
        metrics=WatcherMetrics(),
        verified={"local"},  # the client of this test, which needs no key
    )
    with serving(create_app(settings, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        yield Platform(client, watcher)
    watcher.close()


def test_after_a_move_ranges_follow_reported_sales_and_prices_stay(platform: Platform) -> None:
    sold, others = a_market(rows=SALES, seed=21), a_market(rows=900, seed=22)
    before, prices = platform.coverage(others), [quote["price"] for quote in platform.quote(others)]
    assert before < 0.88

    platform.sell(sold)
    platform.watcher.step()
    until(lambda: "calibrated_low" in platform.quote(others[:1])[0])

    assert platform.coverage(others) > 0.88
    quotes = platform.quote(others)
    assert [quote["price"] for quote in quotes] == prices
    assert all(quote["low"] <= quote["price"] <= quote["high"] for quote in quotes)
    assert all(quote["high"] <= round(MOVE * quote["calibrated_high"]) + 1 for quote in quotes)

    platform.sell(a_market(rows=200, seed=23))  # of corrected ranges: the correction must not feed on itself
    platform.watcher.step()
    assert platform.coverage(others) > 0.88
