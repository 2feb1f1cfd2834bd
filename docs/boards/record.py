"""Record a day of simulated traffic: the metrics of the real price service and the real watcher.

Clocks run fast: the requests of four minutes are sent at once, and the metrics get the time of those minutes.
Visitors of the page and a dealer's program ask for prices. At noon the dealer's program starts to send
kilometres as miles; in the afternoon visitors ask for older cars, a retraining starts, and a new version goes
into production.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from carvalue.files import open_folder
from carvalue.journal import Journal, LeasedState
from carvalue.monitoring.alerting import AlertStore
from carvalue.monitoring.drift import REFERENCE
from carvalue.monitoring.drift.reference import publish_reference
from carvalue.monitoring.watcher.exporter import WatcherMetrics
from carvalue.monitoring.watcher.reports import REPORTS, ReportFolder
from carvalue.monitoring.watcher.shadow import ShadowScorer
from carvalue.monitoring.watcher.watcher import Watcher
from carvalue.pipelines.airflow_metrics import exposition
from carvalue.serving.app import create_app
from carvalue.serving.auth.api_keys import KeyFile
from carvalue.settings import Settings
from carvalue.telemetry import AIRFLOW_JOB, ALERTMANAGER_JOB, PAGE_JOB, SERVICE_JOB, WATCHER_JOB
from fakes import FakeRegistry
from markets import MARKET_FIELDS, a_bundle, a_market
from servers import serving
from waiting import until

MINUTES, STEP = 24 * 60, 4
INPUTS = ("manufacturer", "model", "year", "odometer", "state", "region", *MARKET_FIELDS)
BROKEN_AT, OLDER_AT, RETRAINED_AT, PROMOTED_AT, SHADOW_AT = 12 * 60, 14 * 60, 17 * 60, 18 * 60, 20 * 60
KILOMETRES = 1.609
YEARS_OLDER, MOST_MILES = 6, 300_000
BUSY = 14  # cars a minute at the busiest time, in the afternoon
SOLD_EVERY, UNKNOWN_EVERY = 12, 50  # quotes
INSTANCES = {SERVICE_JOB: "service:9696", WATCHER_JOB: "watcher:9697", AIRFLOW_JOB: "airflow:8080"}
OTHER_JOBS = {PAGE_JOB: "page:8501", ALERTMANAGER_JOB: "alertmanager:9093"}
AIRFLOW_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")

Samples = dict[str, list[tuple[int, float]]]
"""Series in the notation of Prometheus -> pairs of Unix time and value."""


def record_day(folder: Path, *, end: datetime) -> Samples:
    """Simulate a day of traffic and record the metrics every four minutes.

    Args:
        folder: A folder for the state of service and watcher.
        end: The end of the day.

    Returns:
        All series.
    """
    samples: Samples = defaultdict(list)
    with _Day(folder).started() as day:
        for minute in range(0, MINUTES, STEP):
            day.pass_minutes(minute)
            at = end - timedelta(minutes=MINUTES - minute)
            for job, text in day.scrape().items():
                _add(samples, text, job=job, instance=INSTANCES[job], at=at)
            for job, instance in (INSTANCES | OTHER_JOBS).items():
                samples[f'up{{instance="{instance}",job="{job}"}}'].append((int(at.timestamp()), 1.0))
    return samples


def open_metrics(samples: Samples) -> Iterator[str]:
    """Format series for `promtool tsdb create-blocks-from openmetrics`.

    Args:
        samples: The series.

    Yields:
        The lines.
    """
    for series, points in samples.items():
        for at, value in points:
            yield f"{series} {value} {at}\n"
    yield "# EOF\n"


def _add(samples: Samples, text: str, *, job: str, instance: str, at: datetime) -> None:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.endswith("_created"):
                continue
            labels = {**sample.labels, "instance": instance, "job": job}
            written = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
            samples[f"{sample.name}{{{written}}}"].append((int(at.timestamp()), sample.value))


class _Day:
    """A price service and a watcher with simulated clients."""

    def __init__(self, folder: Path) -> None:
        self._settings = Settings(
            state_dir=folder / "var", verified_sales_clients="dealer", alert_urls=SecretStr("")
        )
        self._keys = {client: self._new_key(client) for client in ("page", "dealer")}
        self._registry = FakeRegistry()
        self._bundles = {
            1: a_bundle(folder / "first"),
            2: a_bundle(folder / "second", price_share=0.97),
            3: a_bundle(folder / "third", price_share=0.94),
        }
        self._registry.promote(self._bundles[1], version=1)
        a_market(rows=6_000, seed=5).write_parquet(folder / "train.parquet")
        publish_reference(
            folder / "train.parquet", fingerprint="f00d", root=self._settings.storage_root / "reference"
        )
        self._cars = {client: _cars(seed) for client, seed in (("page", 7), ("dealer", 8))}
        self._visitors, self._seen, self._quotes = count(), count(1), count(1)
        self._service: httpx.Client

    @contextmanager
    def started(self) -> Iterator["_Day"]:
        """Run the service and the watcher."""
        journal = Journal(self._settings.journal_url.get_secret_value())
        metrics = WatcherMetrics()
        self._watcher = self._build_watcher(journal, metrics)
        self._shadow = ShadowScorer(
            journal=journal,
            state=LeasedState(journal, "shadow", "day"),
            registry=self._registry,
            folder=self._settings.state_dir / "watcher" / "shadow",
            metrics=metrics,
        )
        with serving(create_app(self._settings, registry=self._registry)) as self._service:
            until(lambda: self._service.get("/readyz").is_success)
            yield self
        self._watcher.close()

    def pass_minutes(self, minute: int) -> None:
        """Send the requests of four minutes and run a round of the watcher."""
        busy = 0.12 + 0.88 * math.exp(-(((minute - 15 * 60) / 240) ** 2))  # most ask in the afternoon
        for client, share in (("page", 0.6), ("dealer", 0.4)):
            cars = max(1, round(BUSY * busy * share * STEP))
            self._ask(client, [self._changed(client, minute) for _ in range(cars)])
        if minute % 28 == 0:
            self._service.get("/no-such-page")
            self._service.post("/predict", json={"year": "of the dragon"}, headers=self._headers("page"))
        if minute % 124 == 0:
            self._service.post("/predict", json={}, headers={"X-API-Key": "guessed"})
        self._change_versions(minute)
        self._watcher.step()
        if minute >= SHADOW_AT:
            self._shadow.step(now=datetime.now(UTC))

    def scrape(self) -> Mapping[str, str]:
        """Return the metrics by job, as Prometheus would read them."""
        metrics, parts = self._watcher.metrics, {part: {"status": "healthy"} for part in AIRFLOW_PARTS}
        return {
            SERVICE_JOB: self._service.get("/metrics").text,
            WATCHER_JOB: generate_latest(metrics.registry).decode(),
            AIRFLOW_JOB: exposition(parts).decode(),
        }

    def _change_versions(self, minute: int) -> None:
        runs = {"creates_datasets_dag": True, "initial_model_dag": True}
        if minute >= PROMOTED_AT:
            runs["retrain_model_dag"] = True
        self._watcher.metrics.show_pipelines(runs)
        if minute == RETRAINED_AT:
            self._watcher.metrics.show_retraining(datetime.now(UTC))
        if minute == PROMOTED_AT:
            self._registry.promote(self._bundles[2], version=2)
            until(lambda: self._serves(2))
        if minute == SHADOW_AT:
            self._registry.challenge(self._bundles[3], version=3)

    def _serves(self, version: int) -> bool:
        model = self._service.get("/model", headers=self._headers("dealer")).json()
        return str(model["version"]) == str(version)

    def _ask(self, client: str, cars: list[Mapping[str, Any]]) -> None:
        listings = [{name: value for name, value in car.items() if name != "price"} for car in cars]
        answer = self._service.post("/predict", json=listings, headers=self._headers(client))
        quotes = answer.raise_for_status().json()
        for car, quote in zip(cars, quotes, strict=True):
            if client == "dealer" and next(self._quotes) % SOLD_EVERY == 0:
                sold = {"quote_id": quote["quote_id"], "sale_price": round(car["price"])}
                until(lambda sold=sold: self._reported(sold))  # type: ignore[misc]

    def _reported(self, sale: Mapping[str, Any]) -> bool:
        return self._service.post("/feedback", json=sale, headers=self._headers("dealer")).is_success

    def _changed(self, client: str, minute: int) -> Mapping[str, Any]:
        car = dict(next(self._cars[client]))
        if client == "dealer" and BROKEN_AT <= minute < PROMOTED_AT and "odometer" in car:
            car["odometer"] = min(round(car["odometer"] * KILOMETRES), MOST_MILES)
        if client == "page" and next(self._seen) % UNKNOWN_EVERY == 0:
            car["manufacturer"] = "zastava"
        if client == "page" and OLDER_AT <= minute < PROMOTED_AT:
            car["year"] = max(car["year"] - YEARS_OLDER, 1985)
        return car

    def _headers(self, client: str) -> dict[str, str]:
        visitor = {"X-Visitor": f"10.0.{next(self._visitors) % 250}.1"}
        return {"X-API-Key": self._keys[client], **(visitor if client == "page" else {})}

    def _new_key(self, client: str) -> str:
        key, _ = KeyFile(self._settings.service_keys_file).add(client, today=datetime.now(UTC).date())
        return key

    def _build_watcher(self, journal: Journal, metrics: WatcherMetrics) -> Watcher:
        folder = self._settings.state_dir / "watcher"
        return Watcher(
            journal=journal,
            state=LeasedState(journal, "watcher", "day"),
            registry=self._registry,
            references=open_folder(self._settings, REFERENCE),
            folder=folder,
            alert_store=AlertStore(folder / "alerts.db", ()),
            reports=ReportFolder(open_folder(self._settings, REPORTS)),
            metrics=metrics,
            verified={"dealer"},
            clock=lambda: datetime.now(UTC) + timedelta(seconds=3),  # no wait for quotes of release 0.2
        )


def _cars(seed: int) -> Iterator[Mapping[str, Any]]:
    for more in count():
        market = a_market(rows=4_000, seed=seed + 100 * more).select(*INPUTS, "price")
        for car in market.to_dicts():
            yield {name: value for name, value in car.items() if value is not None}
