"""The watcher's metrics, each declared once as the price service's are."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from carvalue.monitoring.alerts import AlertDesk
from carvalue.monitoring.entries import JournalEntry
from carvalue.monitoring.findings import Findings
from carvalue.monitoring.metrics import Metric

STATE_NUMBERS = {"insufficient data": -1, "clean": 0, "suspected": 1, "confirmed": 2}
PRICE_BUCKETS = (1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 25_000, 30_000, 40_000, 60_000, 100_000)
WIDTH_BUCKETS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(name=f"carvalue_{name}", kind="gauge", help=meaning, labels=labels)


WATCHER_UP = _gauge("watcher_up", "1 while the watcher's last round came to its end, else 0.")
WATCHER_LAG = _gauge("watcher_lag_seconds", "Age of the newest quote read while more wait; 0 when none does.")
WATCHER_CHECKED = _gauge(
    "watcher_last_check_timestamp_seconds", "When the last round came to its end, as Unix time."
)
WATCHED_QUOTES = Metric(
    name="carvalue_watched_quotes_total", kind="counter", help="Quotes that the watcher has judged."
)
WATCHED_VERSION = _gauge(
    "watched_model_version", "The version whose quotes are judged; 0 while there is none."
)
DRIFT_STATE = _gauge("drift_state", "-1 insufficient data, 0 clean, 1 suspected, 2 confirmed.")
DRIFTED_FEATURES = _gauge("drifted_features", "How many features have confirmed drift.")
DRIFTED_SHARE = _gauge("drifted_features_share", "Which share of the features has confirmed drift.")
FEATURE_STATE = _gauge(
    "feature_drift_state", "-1 insufficient data, 0 clean, 1 suspected, 2 confirmed.", "feature"
)
FEATURE_SCORE = _gauge(
    "feature_drift_score",
    "The statistic that stands out most, as a multiple of its own threshold.",
    "feature",
)
FEATURE_THRESHOLD = _gauge(
    "feature_drift_threshold", "The score from which drift is confirmed; 1, by its unit.", "feature"
)
QUOTED_PRICE = Metric(
    name="carvalue_quoted_price_dollars", kind="histogram", help="Prices of the quotes that were judged."
)
RANGE_WIDTH = Metric(
    name="carvalue_range_width_ratio", kind="histogram", help="Widths of ranges, as shares of the price."
)
REPORTED_SALES = _gauge("reported_sales", "Sales told for the version, at most the newest 500.")
LIVE_ERROR = _gauge("live_error", "Median absolute error of quotes, as a share of the sale price.")
LIVE_ERROR_LOW = _gauge("live_error_low", "Lower 95 % bound of carvalue_live_error.")
LIVE_ERROR_HIGH = _gauge("live_error_high", "Upper 95 % bound of carvalue_live_error.")
LIVE_COVERAGE = _gauge("live_coverage", "Share of sale prices within the quoted range.")
LIVE_COVERAGE_LOW = _gauge("live_coverage_low", "Lower 95 % bound of carvalue_live_coverage.")
LIVE_COVERAGE_HIGH = _gauge("live_coverage_high", "Upper 95 % bound of carvalue_live_coverage.")
ESTIMATED_ERROR = _gauge("estimated_error", "Median error estimated from the widths of recent ranges.")
ALERTS_FIRING = _gauge("alerts_firing", "Alerts that last, by kind.", "kind")
ALERTS_WAITING = _gauge("alert_deliveries_waiting", "News that a sink has not taken yet.", "sink")
ALERT_DELIVERIES = Metric(
    name="carvalue_alert_deliveries_total",
    kind="counter",
    help="Attempts to tell an alert, by sink and outcome.",
    labels=("sink", "outcome"),
)
REPORTS = Metric(name="carvalue_reports_total", kind="counter", help="Reports drawn.")

GAUGES = (
    WATCHER_UP,
    WATCHER_LAG,
    WATCHER_CHECKED,
    WATCHED_VERSION,
    DRIFT_STATE,
    DRIFTED_FEATURES,
    DRIFTED_SHARE,
    FEATURE_STATE,
    FEATURE_SCORE,
    FEATURE_THRESHOLD,
    REPORTED_SALES,
    LIVE_ERROR,
    LIVE_ERROR_LOW,
    LIVE_ERROR_HIGH,
    LIVE_COVERAGE,
    LIVE_COVERAGE_LOW,
    LIVE_COVERAGE_HIGH,
    ESTIMATED_ERROR,
    ALERTS_FIRING,
    ALERTS_WAITING,
)
WATCHER_METRICS = (*GAUGES, WATCHED_QUOTES, QUOTED_PRICE, RANGE_WIDTH, ALERT_DELIVERIES, REPORTS)
ALERT_KINDS = ("drift", "live_accuracy", "coverage")


class WatcherMetrics:
    """The watcher's metrics in one registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._gauges = {
            metric: Gauge(metric.name, metric.help, metric.labels, registry=self.registry)
            for metric in GAUGES
        }
        self.up = self._gauges[WATCHER_UP]
        self._quotes, self._deliveries, self.reports = (
            Counter(metric.name, metric.help, metric.labels, registry=self.registry)
            for metric in (WATCHED_QUOTES, ALERT_DELIVERIES, REPORTS)
        )
        self._prices, self._widths = (
            Histogram(metric.name, metric.help, buckets=buckets, registry=self.registry)
            for metric, buckets in ((QUOTED_PRICE, PRICE_BUCKETS), (RANGE_WIDTH, WIDTH_BUCKETS))
        )
        self._told: dict[tuple[str, str], int] = {}

    def count(self, entries: Sequence[JournalEntry]) -> None:
        """Count quotes that were judged."""
        self._quotes.inc(len(entries))
        for entry in entries:
            self._prices.observe(entry.price)
            self._widths.observe((entry.high - entry.low) / entry.price)

    def show(self, findings: Findings, *, lag: timedelta, now: datetime) -> None:
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

    def show_deliveries(self, desk: AlertDesk) -> None:
        """Show which alerts last, and how telling them went."""
        firing = [alert.kind for alert in desk.firing()]
        for kind in ALERT_KINDS:
            self._gauges[ALERTS_FIRING].labels(kind).set(firing.count(kind))
        for sink, waiting in desk.waiting().items():
            self._gauges[ALERTS_WAITING].labels(sink).set(waiting)
        for key, total in desk.delivered.items():
            self._deliveries.labels(*key).inc(total - self._told.get(key, 0))
            self._told[key] = total

    def _show_live(self, findings: Findings) -> None:
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
