"""The Prometheus metrics, each declared once. Processes set them; alert rules and dashboards use them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# a quote takes about a millisecond, a request of a thousand listings a hundred
LATENCY_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

MultiprocessMode = Literal["livemin", "livemax", "livesum"]
"""How a gauge combines the values of all running workers: minimum, maximum or sum."""


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """The declaration of one metric.

    Attributes:
        name: The name in Prometheus, with `_total` for a counter.
        kind: The type of the metric.
        help: One sentence on what it measures.
        labels: The names of its labels.

    >>> from prometheus_client import CollectorRegistry, Counter, generate_latest
    >>> spec = MetricSpec(name="demo_total", kind="counter", help="Demos.", labels=("kind",))
    >>> registry = CollectorRegistry()
    >>> Counter(spec.name, spec.help, spec.labels, registry=registry).labels("small").inc()
    >>> print(generate_latest(registry).decode().splitlines()[2])
    demo_total{kind="small"} 1.0
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, description: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=f"carvalue_{name}", kind="gauge", help=description, labels=labels)


REQUESTS = MetricSpec(
    name="carvalue_http_requests_total",
    kind="counter",
    help="Requests answered, by route and status.",
    labels=("route", "status"),
)
REQUEST_SECONDS = MetricSpec(
    name="carvalue_http_request_seconds",
    kind="histogram",
    help="Time from the headers of a request to the end of its response, by route.",
    labels=("route",),
)
CANARY_STOP_REASONS = ("errors", "latency", "load", "prices")
DROP_REASONS = ("outbox full", "disk")
REJECTION_REASONS = ("key", "rate", "foreign")
REJECTED = MetricSpec(
    name="carvalue_rejected_requests_total",
    kind="counter",
    help="Requests and connections rejected, by reason.",
    labels=("reason",),
)
QUOTES = MetricSpec(
    name="carvalue_quotes_total",
    kind="counter",
    help="Quotes answered, by model version.",
    labels=("version",),
)
WARNED_QUOTES = MetricSpec(
    name="carvalue_warned_quotes_total", kind="counter", help="Quotes that carried at least one warning."
)
QUOTE_WARNINGS = MetricSpec(
    name="carvalue_quote_warnings_total",
    kind="counter",
    help="Warnings that quotes carried, by kind.",
    labels=("kind",),
)
UNKNOWN_CATEGORIES = MetricSpec(
    name="carvalue_unknown_categories_total",
    kind="counter",
    help="Category values that the model does not know, by field.",
    labels=("field",),
)
MODEL_VERSION = _gauge("model_version", "The version in use; 0 while there is none.")
MODEL_DATA_TIMESTAMP = _gauge(
    "model_data_as_of_timestamp_seconds",
    "Date of the newest listing in the training data of the model in use, as Unix time.",
)
MODEL_TRAINED_TIMESTAMP = MetricSpec(
    name="carvalue_model_trained_timestamp_seconds",
    kind="gauge",
    help="When the version in use was trained, as Unix time; 0 while there is none.",
)
MODEL_OLD_AFTER = MetricSpec(
    name="carvalue_model_old_after_seconds",
    kind="gauge",
    help="The age at which a version counts as old (MODEL_OLD_DAYS), in seconds.",
)
DATA_OLD_AFTER = _gauge(
    "data_old_after_seconds", "The age at which training data count as old (DATA_OLD_DAYS), in seconds."
)
DISK_FREE = _gauge("disk_free_bytes", "Free space on the disk of STATE_DIR.")
DISK_SIZE = _gauge("disk_size_bytes", "Size of the disk of STATE_DIR.")
MODEL_SWAPS = MetricSpec(
    name="carvalue_model_swaps_total",
    kind="counter",
    help="How often the service changed to another version.",
)
MODEL_REFUSALS = MetricSpec(
    name="carvalue_model_refusals_total",
    kind="counter",
    help="Bundles refused, by reason; the earlier version stayed in use.",
    labels=("reason",),
)
CANARY_VERSION = _gauge("canary_version", "The version that answers a share of the requests; 0 for none.")
CANARY_PRICE_RATIO = _gauge(
    "canary_price_ratio", "Median price of the canary as a ratio to that of production, for the same cars."
)
CANARY_STOPS = MetricSpec(
    name="carvalue_canary_stops_total",
    kind="counter",
    help="Canaries that this service stopped, by reason.",
    labels=("reason",),
)
REGISTRY_UP = _gauge("registry_up", "1 while the model registry answers the service, else 0.")
JOURNAL_UP = _gauge("journal_up", "0 while the journal does not accept quotes, else 1.")
JOURNAL_WRITES = MetricSpec(
    name="carvalue_journal_writes_total",
    kind="counter",
    help="Quotes written to the journal.",
)
JOURNAL_LAG = _gauge(
    "journal_lag_seconds", "How long the oldest quote that is not yet in the journal has been waiting."
)
JOURNAL_DROPPED = MetricSpec(
    name="carvalue_journal_dropped_total",
    kind="counter",
    help="Quotes answered but never stored in the journal, by reason.",
    labels=("reason",),
)
QUARANTINED = MetricSpec(
    name="carvalue_journal_quarantined_total",
    kind="counter",
    help="Records of the outbox that could not be stored in the journal and were moved to the quarantine.",
)
QUARANTINED_RECORDS = _gauge(
    "quarantined_records", "Records in the quarantine: neither stored in the journal nor discarded."
)
OUTBOX_BYTES = _gauge("outbox_bytes", "Bytes of quotes on local disk that are not yet in the journal.")
OUTBOX_LIMIT = _gauge(
    "outbox_limit_bytes", "Bytes of quotes that may wait on local disk for the journal (OUTBOX_LIMIT_MB)."
)
OUTBOX_UP = _gauge("outbox_up", "1 while local disk accepts quotes for the journal, else 0.")

SERVICE_METRICS = (
    REQUESTS,
    REQUEST_SECONDS,
    REJECTED,
    QUOTES,
    WARNED_QUOTES,
    QUOTE_WARNINGS,
    UNKNOWN_CATEGORIES,
    MODEL_VERSION,
    MODEL_DATA_TIMESTAMP,
    MODEL_TRAINED_TIMESTAMP,
    MODEL_OLD_AFTER,
    DATA_OLD_AFTER,
    DISK_FREE,
    DISK_SIZE,
    MODEL_SWAPS,
    MODEL_REFUSALS,
    CANARY_VERSION,
    CANARY_PRICE_RATIO,
    CANARY_STOPS,
    REGISTRY_UP,
    JOURNAL_UP,
    JOURNAL_WRITES,
    JOURNAL_LAG,
    JOURNAL_DROPPED,
    QUARANTINED,
    QUARANTINED_RECORDS,
    OUTBOX_BYTES,
    OUTBOX_LIMIT,
    OUTBOX_UP,
)
SERVICE_METRIC_BY_NAME: Mapping[str, MetricSpec] = {metric.name: metric for metric in SERVICE_METRICS}

STATE_NUMBERS = {"insufficient data": -1, "clean": 0, "suspected": 1, "confirmed": 2}

WATCHER_UP = _gauge("watcher_up", "1 if the watcher completed its last round, else 0.")
WATCHER_LAG = _gauge(
    "watcher_lag_seconds", "Age of the newest quote read while more are waiting; 0 when none is."
)
WATCHER_CHECKED = _gauge(
    "watcher_last_check_timestamp_seconds", "When the watcher completed its last round, as Unix time."
)
WATCHED_QUOTES = MetricSpec(
    name="carvalue_watched_quotes_total", kind="counter", help="Quotes that the watcher has checked."
)
WATCHED_VERSION = _gauge(
    "watched_model_version", "The version whose quotes are checked; 0 while there is none."
)
DRIFT_STATE = _gauge("drift_state", "-1 insufficient data, 0 clean, 1 suspected, 2 confirmed.")
DRIFTED_FEATURES = _gauge("drifted_features", "Number of features with confirmed drift.")
DRIFTED_SHARE = _gauge("drifted_features_share", "Share of the features with confirmed drift.")
FEATURE_STATE = _gauge(
    "feature_drift_state",
    "By channel: -1 insufficient data, 0 clean, 1 suspected, 2 confirmed.",
    *("channel", "feature"),
)
FEATURE_SCORE = _gauge(
    "feature_drift_score",
    "The largest statistic of a feature in a channel, as a multiple of its threshold.",
    *("channel", "feature"),
)
CHANNEL_STATE = _gauge(
    "channel_drift_state",
    "The worst state of any feature: -1 insufficient data, 0 clean, 1 suspected, 2 confirmed.",
    "channel",
)
CHANNEL_QUOTES = MetricSpec(
    name="carvalue_channel_quotes_total",
    kind="counter",
    help="Quotes that the watcher has read, by channel.",
    labels=("channel",),
)
FEATURE_THRESHOLD = _gauge(
    "feature_drift_threshold", "The score above which drift is confirmed; always 1.", "feature"
)
QUOTED_PRICE = MetricSpec(
    name="carvalue_quoted_price_dollars", kind="histogram", help="Prices of the quotes that were checked."
)
RANGE_WIDTH = MetricSpec(
    name="carvalue_range_width_ratio",
    kind="histogram",
    help="Width of the price range as a share of the price.",
)
REPORTED_SALES = _gauge(
    "reported_sales",
    "Reported sales that live accuracy is measured by: the newest 500 at most, with a bound for each client.",
)
LIVE_ERROR = _gauge("live_error", "Median absolute error of quotes, as a share of the sale price.")
LIVE_ERROR_LOW = _gauge("live_error_low", "Lower 95 % bound of carvalue_live_error.")
LIVE_ERROR_HIGH = _gauge("live_error_high", "Upper 95 % bound of carvalue_live_error.")
LIVE_COVERAGE = _gauge("live_coverage", "Share of sale prices within the quoted range.")
LIVE_COVERAGE_LOW = _gauge("live_coverage_low", "Lower 95 % bound of carvalue_live_coverage.")
LIVE_COVERAGE_HIGH = _gauge("live_coverage_high", "Upper 95 % bound of carvalue_live_coverage.")
RANGE_LEVEL = _gauge(
    "range_level",
    "Log dollars by which reported sales move the price ranges of the version; 0: not corrected.",
)
RANGE_SCALE = _gauge(
    "range_scale", "Factor by which reported sales widen the price ranges of the version; 1: not corrected."
)
ESTIMATED_ERROR = _gauge("estimated_error", "Median error estimated from the width of recent price ranges.")
AIRFLOW_UP = _gauge("airflow_up", "1 while Airflow answers the watcher, else 0.")
AIRFLOW_PART_UP = _gauge("airflow_part_up", "1 while a part of Airflow sends heartbeats, else 0.", "part")
PIPELINE_SUCCESS = _gauge(
    "pipeline_last_run_success", "1 if the last finished run of a pipeline succeeded, else 0.", "dag"
)
RETRAINING_STARTED = _gauge(
    "retraining_started_timestamp_seconds",
    "When the newest run of retrain_model_dag started, as Unix time; 0 while there was none.",
)
ALERTS_FIRING = _gauge("alerts_firing", "Firing alerts, by kind.", "kind")
ALERTS_WAITING = _gauge(
    "alert_deliveries_waiting", "Notifications that a receiver has not accepted yet.", "receiver"
)
ALERT_DELIVERIES = MetricSpec(
    name="carvalue_alert_deliveries_total",
    kind="counter",
    help="Attempts to deliver a notification, by receiver and outcome.",
    labels=("receiver", "outcome"),
)
REPORTS = MetricSpec(name="carvalue_reports_total", kind="counter", help="Reports created.")
SHADOW_VERSION = _gauge(
    "shadow_version", "The challenger that is compared with production; 0 while there is none."
)
SHADOW_DIFFERENCE = MetricSpec(
    name="carvalue_shadow_difference_ratio",
    kind="histogram",
    help="The challenger's price divided by the quoted price, minus 1.",
)

WATCHER_METRICS = (
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
    CHANNEL_STATE,
    REPORTED_SALES,
    LIVE_ERROR,
    LIVE_ERROR_LOW,
    LIVE_ERROR_HIGH,
    LIVE_COVERAGE,
    LIVE_COVERAGE_LOW,
    LIVE_COVERAGE_HIGH,
    RANGE_LEVEL,
    RANGE_SCALE,
    ESTIMATED_ERROR,
    AIRFLOW_UP,
    PIPELINE_SUCCESS,
    RETRAINING_STARTED,
    ALERTS_FIRING,
    ALERTS_WAITING,
    SHADOW_VERSION,
    QUOTED_PRICE,
    RANGE_WIDTH,
    SHADOW_DIFFERENCE,
    WATCHED_QUOTES,
    CHANNEL_QUOTES,
    ALERT_DELIVERIES,
    REPORTS,
)
ALERT_KINDS = (
    "drift",
    "input_change",
    "broken_input",
    "broken_client",
    "live_accuracy",
    "coverage",
    "retraining",
)


class ServiceMetrics:
    """The metrics of one price service. Each instance has a registry of its own.

    Args:
        folder: The folder that all workers share (`prometheus_client.multiprocess`); each worker then reports
            the metrics of all. None: one worker.

    Attributes:
        registry: The Prometheus registry of this process.

    >>> metrics = ServiceMetrics()
    >>> metrics.quotes.labels("4").inc(2)
    >>> metrics.registry.get_sample_value("carvalue_quotes_total", {"version": "4"})
    2.0
    """

    def __init__(self, *, folder: Path | None = None) -> None:
        self._folder = folder
        self._measured: dict[Gauge, Callable[[], float]] = {}
        self.registry = CollectorRegistry()
        self.requests = self._counter(REQUESTS)
        self.request_seconds = Histogram(
            REQUEST_SECONDS.name,
            REQUEST_SECONDS.help,
            REQUEST_SECONDS.labels,
            buckets=LATENCY_BUCKETS_S,
            registry=self.registry,
        )
        self.rejected = self._counter(REJECTED)
        for reason in REJECTION_REASONS:  # start at 0, so that `increase` sees the first one
            self.rejected.labels(reason)
        self.quotes = self._counter(QUOTES)
        self.warned_quotes = self._counter(WARNED_QUOTES)
        self.quote_warnings = self._counter(QUOTE_WARNINGS)
        self.unknown_categories = self._counter(UNKNOWN_CATEGORIES)
        self.model_version = self._gauge(MODEL_VERSION, mode="livemin")
        self.model_data_timestamp = self._gauge(MODEL_DATA_TIMESTAMP, mode="livemin")
        self.model_trained_timestamp = self._gauge(MODEL_TRAINED_TIMESTAMP, mode="livemin")
        self.model_old_after = self._gauge(MODEL_OLD_AFTER, mode="livemax")
        self.data_old_after = self._gauge(DATA_OLD_AFTER, mode="livemax")
        self.disk_free = self._gauge(DISK_FREE, mode="livemin")
        self.disk_size = self._gauge(DISK_SIZE, mode="livemin")
        self.model_swaps = self._counter(MODEL_SWAPS)
        self.model_refusals = self._counter(MODEL_REFUSALS)
        self.canary_version = self._gauge(CANARY_VERSION, mode="livemax")
        self.canary_price_ratio = self._gauge(CANARY_PRICE_RATIO, mode="livemax")
        self.canary_stops = self._counter(CANARY_STOPS)
        for reason in CANARY_STOP_REASONS:
            self.canary_stops.labels(reason)
        self.registry_up = self._gauge(REGISTRY_UP, mode="livemin")
        self.journal_up = self._gauge(JOURNAL_UP, mode="livemin")
        self.journal_writes = self._counter(JOURNAL_WRITES)
        self.journal_lag = self._gauge(JOURNAL_LAG, mode="livemax")
        self.journal_dropped = self._counter(JOURNAL_DROPPED)
        for reason in DROP_REASONS:
            self.journal_dropped.labels(reason)
        self.quarantined = self._counter(QUARANTINED)
        # all workers share one quarantine
        self.quarantined_records = self._gauge(QUARANTINED_RECORDS, mode="livemax")
        self.outbox_bytes = self._gauge(OUTBOX_BYTES, mode="livesum")
        self.outbox_limit = self._gauge(OUTBOX_LIMIT, mode="livesum")
        self.outbox_up = self._gauge(OUTBOX_UP, mode="livemin")

    def measure(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Compute a gauge from a function whenever metrics are read.

        Args:
            gauge: One of this service's gauges.
            value: Returns the current value.
        """
        if self._folder is None:
            gauge.set_function(value)
        else:
            self._measured[gauge] = value

    def remeasure(self) -> None:
        """Update the gauges of `measure` in the shared folder, where any worker reads them."""
        for gauge, value in self._measured.items():
            gauge.set(value())

    def text(self) -> bytes:
        """Format the metrics of all workers.

        Returns:
            Prometheus' text exposition format, in UTF-8.
        """
        self.remeasure()
        if self._folder is None:
            return generate_latest(self.registry)
        combined = CollectorRegistry()
        MultiProcessCollector(combined, path=str(self._folder))
        return generate_latest(combined)

    def _counter(self, metric: MetricSpec) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _gauge(self, metric: MetricSpec, *, mode: MultiprocessMode) -> Gauge:
        return Gauge(metric.name, metric.help, metric.labels, registry=self.registry, multiprocess_mode=mode)
