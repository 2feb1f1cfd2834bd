"""The watcher's metrics, filled with what it found."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from carvalue.journal import JournalEntry
from carvalue.monitoring.alerting import AlertStore
from carvalue.monitoring.watcher.alert_conditions import WatcherSnapshot
from carvalue.telemetry import (
    AIRFLOW_UP,
    ALERT_DELIVERIES,
    ALERT_KINDS,
    ALERTS_FIRING,
    ALERTS_WAITING,
    DRIFT_STATE,
    DRIFTED_FEATURES,
    DRIFTED_SHARE,
    ESTIMATED_ERROR,
    FEATURE_SCORE,
    FEATURE_STATE,
    FEATURE_THRESHOLD,
    LIVE_COVERAGE,
    LIVE_COVERAGE_HIGH,
    LIVE_COVERAGE_LOW,
    LIVE_ERROR,
    LIVE_ERROR_HIGH,
    LIVE_ERROR_LOW,
    PIPELINE_SUCCESS,
    QUOTED_PRICE,
    RANGE_WIDTH,
    REPORTED_SALES,
    REPORTS,
    SHADOW_DIFFERENCE,
    SHADOW_VERSION,
    STATE_NUMBERS,
    WATCHED_QUOTES,
    WATCHED_VERSION,
    WATCHER_CHECKED,
    WATCHER_GAUGES,
    WATCHER_LAG,
    WATCHER_UP,
)

PRICE_BUCKETS = (1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 25_000, 30_000, 40_000, 60_000, 100_000)
DIFFERENCE_BUCKETS = (-0.5, -0.3, -0.2, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
WIDTH_BUCKETS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0)


class WatcherMetrics:
    """The watcher's metrics in one registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges = {
            metric: Gauge(metric.name, metric.help, metric.labels, registry=self.registry)
            for metric in WATCHER_GAUGES
        }
        self.up = self._gauges[WATCHER_UP]
        self._quotes, self._deliveries, self.reports = (
            Counter(metric.name, metric.help, metric.labels, registry=self.registry)
            for metric in (WATCHED_QUOTES, ALERT_DELIVERIES, REPORTS)
        )
        self.shadow_version = self._gauges[SHADOW_VERSION]
        self._prices, self._widths, self.shadow_difference = (
            Histogram(metric.name, metric.help, buckets=buckets, registry=self.registry)
            for metric, buckets in (
                (QUOTED_PRICE, PRICE_BUCKETS),
                (RANGE_WIDTH, WIDTH_BUCKETS),
                (SHADOW_DIFFERENCE, DIFFERENCE_BUCKETS),
            )
        )
        self._told: dict[tuple[str, str], int] = {}

    def count(self, entries: Sequence[JournalEntry]) -> None:
        """Count quotes that were judged."""
        self._quotes.inc(len(entries))
        for entry in entries:
            self._prices.observe(entry.price)
            self._widths.observe((entry.high - entry.low) / entry.price)

    def show(self, findings: WatcherSnapshot, *, lag: timedelta, now: datetime) -> None:
        """Show what was found."""
        drift, gauges = findings.drift, self._gauges
        gauges[WATCHER_LAG].set(lag.total_seconds())
        gauges[WATCHER_CHECKED].set(now.timestamp())
        gauges[WATCHED_VERSION].set(int(findings.model_version))
        gauges[DRIFT_STATE].set(STATE_NUMBERS[drift.state])
        gauges[DRIFTED_FEATURES].set(len(drift.drifted))
        gauges[DRIFTED_SHARE].set(len(drift.drifted) / len(drift.features))
        for item in drift.features:
            gauges[FEATURE_STATE].labels(item.name).set(STATE_NUMBERS[item.state])
            gauges[FEATURE_SCORE].labels(item.name).set(item.score)
            gauges[FEATURE_THRESHOLD].labels(item.name).set(1)
        self._show_live(findings)

    def show_deliveries(self, desk: AlertStore) -> None:
        """Show which alerts last, and how telling them went."""
        firing = [alert.kind for alert in desk.firing()]
        for kind in ALERT_KINDS:
            self._gauges[ALERTS_FIRING].labels(kind).set(firing.count(kind))
        for sink, waiting in desk.waiting().items():
            self._gauges[ALERTS_WAITING].labels(sink).set(waiting)
        for key, total in desk.delivered.items():
            self._deliveries.labels(*key).inc(total - self._told.get(key, 0))
            self._told[key] = total

    def show_pipelines(self, outcomes: Mapping[str, bool] | None) -> None:
        """Show whether the pipelines' last runs ended well; None: Airflow does not answer."""
        self._gauges[AIRFLOW_UP].set(outcomes is not None)
        for dag, went_well in (outcomes or {}).items():
            self._gauges[PIPELINE_SUCCESS].labels(dag).set(went_well)

    def _show_live(self, findings: WatcherSnapshot) -> None:
        live, gauges, unknown = findings.live, self._gauges, float("nan")
        gauges[REPORTED_SALES].set(live.sales)
        for bounded, metrics in (
            (live.error, (LIVE_ERROR, LIVE_ERROR_LOW, LIVE_ERROR_HIGH)),
            (live.coverage, (LIVE_COVERAGE, LIVE_COVERAGE_LOW, LIVE_COVERAGE_HIGH)),
        ):
            values = (bounded.value, bounded.low, bounded.high) if bounded else (unknown,) * 3
            for metric, value in zip(metrics, values, strict=True):
                gauges[metric].set(value)
        estimate = findings.estimated_error
        gauges[ESTIMATED_ERROR].set(unknown if estimate is None else estimate)
