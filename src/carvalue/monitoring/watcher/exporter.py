"""Export the results of the watcher as Prometheus metrics."""

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
    """The metrics of one watcher. Each instance has a registry of its own.

    >>> metrics = WatcherMetrics()
    >>> metrics.show_pipelines({"retrain_model_dag": True})
    >>> metrics.registry.get_sample_value("carvalue_pipeline_last_run_success", {"dag": "retrain_model_dag"})
    1.0
    """

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
        self._exported: dict[tuple[str, str], int] = {}

    def count(self, entries: Sequence[JournalEntry]) -> None:
        """Count quotes that were checked for drift.

        Args:
            entries: The quotes.
        """
        self._quotes.inc(len(entries))
        for entry in entries:
            self._prices.observe(entry.price)
            self._widths.observe((entry.high - entry.low) / entry.price)

    def show(self, snapshot: WatcherSnapshot, *, lag: timedelta, now: datetime) -> None:
        """Export the result of a round.

        Args:
            snapshot: The result.
            lag: The age of the newest quote read while more are waiting.
            now: The current time.
        """
        drift, gauges = snapshot.drift, self._gauges
        gauges[WATCHER_LAG].set(lag.total_seconds())
        gauges[WATCHER_CHECKED].set(now.timestamp())
        gauges[WATCHED_VERSION].set(int(snapshot.model_version))
        gauges[DRIFT_STATE].set(STATE_NUMBERS[drift.state])
        gauges[DRIFTED_FEATURES].set(len(drift.drifted))
        gauges[DRIFTED_SHARE].set(len(drift.drifted) / len(drift.features))
        for item in drift.features:
            gauges[FEATURE_STATE].labels(item.name).set(STATE_NUMBERS[item.state])
            gauges[FEATURE_SCORE].labels(item.name).set(item.score)
            gauges[FEATURE_THRESHOLD].labels(item.name).set(1)
        self._show_live(snapshot)

    def show_deliveries(self, alert_store: AlertStore) -> None:
        """Export the firing alerts and the deliveries.

        Args:
            alert_store: The alerts.
        """
        firing = [alert.kind for alert in alert_store.firing()]
        for kind in ALERT_KINDS:
            self._gauges[ALERTS_FIRING].labels(kind).set(firing.count(kind))
        for notifier, waiting in alert_store.waiting().items():
            self._gauges[ALERTS_WAITING].labels(notifier).set(waiting)
        for key, total in alert_store.delivered.items():
            self._deliveries.labels(*key).inc(total - self._exported.get(key, 0))
            self._exported[key] = total

    def show_pipelines(self, outcomes: Mapping[str, bool] | None) -> None:
        """Export how the last runs of the pipelines ended.

        Args:
            outcomes: By DAG id, whether the run succeeded; None if Airflow does not answer.
        """
        self._gauges[AIRFLOW_UP].set(outcomes is not None)
        for dag, succeeded in (outcomes or {}).items():
            self._gauges[PIPELINE_SUCCESS].labels(dag).set(succeeded)

    def _show_live(self, snapshot: WatcherSnapshot) -> None:
        live, gauges, unknown = snapshot.live, self._gauges, float("nan")
        gauges[REPORTED_SALES].set(live.sales)
        for bounded, metrics in (
            (live.error, (LIVE_ERROR, LIVE_ERROR_LOW, LIVE_ERROR_HIGH)),
            (live.coverage, (LIVE_COVERAGE, LIVE_COVERAGE_LOW, LIVE_COVERAGE_HIGH)),
        ):
            values = (bounded.value, bounded.low, bounded.high) if bounded else (unknown,) * 3
            for metric, value in zip(metrics, values, strict=True):
                gauges[metric].set(value)
        estimate = snapshot.estimated_error
        gauges[ESTIMATED_ERROR].set(unknown if estimate is None else estimate)
