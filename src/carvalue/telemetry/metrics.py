"""The Prometheus metrics, each declared once: what a process counts, and what rules and boards may name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

# a quote takes about a millisecond, a request of a thousand listings a hundred
LATENCY_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

OfWorkers = Literal["livemin", "livemax", "livesum"]
"""What a gauge says of several workers that live: the least, the most, or all together."""


@dataclass(frozen=True, kw_only=True)
class MetricSpec:
    """One metric as a rule or a board names it; the client appends `_total` to a counter by itself."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


def _gauge(name: str, meaning: str, *labels: str) -> MetricSpec:
    return MetricSpec(name=f"carvalue_{name}", kind="gauge", help=meaning, labels=labels)


REQUESTS = MetricSpec(
    name="carvalue_http_requests_total",
    kind="counter",
    help="Requests answered, by route and status.",
    labels=("route", "status"),
)
REQUEST_SECONDS = MetricSpec(
    name="carvalue_http_request_seconds",
    kind="histogram",
    help="Time from the request's head to the end of its answer, by route.",
    labels=("route",),
)
DROP_REASONS = ("spool full", "disk", "refused", "unreadable")
REJECTION_REASONS = ("key", "rate", "slow", "crowded", "large", "malformed")
REJECTED = MetricSpec(
    name="carvalue_rejected_requests_total",
    kind="counter",
    help="Requests and connections turned away, by reason.",
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
    help="Words that the model does not know, by field.",
    labels=("field",),
)
MODEL_VERSION = _gauge("model_version", "The version in use; 0 while there is none.")
MODEL_DATA_TIMESTAMP = _gauge(
    "model_data_as_of_timestamp_seconds",
    "Date of the newest listing that the model in use has seen, as Unix time.",
)
MODEL_TRAINED_TIMESTAMP = MetricSpec(
    name="carvalue_model_trained_timestamp_seconds",
    kind="gauge",
    help="When the version in use was trained, as Unix time; 0 while there is none.",
)
MODEL_OLD_AFTER = MetricSpec(
    name="carvalue_model_old_after_seconds",
    kind="gauge",
    help="From which age on a version counts as old (MODEL_OLD_DAYS).",
)
MODEL_SWAPS = MetricSpec(
    name="carvalue_model_swaps_total", kind="counter", help="Times that another version was taken into use."
)
MODEL_REFUSALS = MetricSpec(
    name="carvalue_model_refusals_total",
    kind="counter",
    help="Bundles refused, by reason; the earlier version stayed in use.",
    labels=("reason",),
)
REGISTRY_UP = _gauge("registry_up", "1 while the model registry answers the service, else 0.")
JOURNAL_UP = _gauge("journal_up", "1 while the journal takes quotes, else 0.")
JOURNAL_WRITES = MetricSpec(
    name="carvalue_journal_writes_total",
    kind="counter",
    help="Quotes handed to the journal and stored there.",
)
JOURNAL_LAG = _gauge(
    "journal_lag_seconds", "How long the oldest quote that the journal lacks has been waiting."
)
JOURNAL_DROPPED = MetricSpec(
    name="carvalue_journal_dropped_total",
    kind="counter",
    help="Quotes answered that will never be in the journal, by reason.",
    labels=("reason",),
)
SPOOL_BYTES = _gauge("spool_bytes", "Bytes of quotes on local disk that the journal lacks.")
SPOOL_LIMIT = _gauge(
    "spool_limit_bytes", "Bytes of quotes that may wait on local disk for the journal (SPOOL_LIMIT_MB)."
)
SPOOL_UP = _gauge("spool_up", "1 while local disk takes quotes for the journal, else 0.")

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
    MODEL_SWAPS,
    MODEL_REFUSALS,
    REGISTRY_UP,
    JOURNAL_UP,
    JOURNAL_WRITES,
    JOURNAL_LAG,
    JOURNAL_DROPPED,
    SPOOL_BYTES,
    SPOOL_LIMIT,
    SPOOL_UP,
)
SERVICE_METRIC_BY_NAME: Mapping[str, MetricSpec] = {metric.name: metric for metric in SERVICE_METRICS}

STATE_NUMBERS = {"insufficient data": -1, "clean": 0, "suspected": 1, "confirmed": 2}

WATCHER_UP = _gauge("watcher_up", "1 while the watcher's last round came to its end, else 0.")
WATCHER_LAG = _gauge("watcher_lag_seconds", "Age of the newest quote read while more wait; 0 when none does.")
WATCHER_CHECKED = _gauge(
    "watcher_last_check_timestamp_seconds", "When the last round came to its end, as Unix time."
)
WATCHED_QUOTES = MetricSpec(
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
QUOTED_PRICE = MetricSpec(
    name="carvalue_quoted_price_dollars", kind="histogram", help="Prices of the quotes that were judged."
)
RANGE_WIDTH = MetricSpec(
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
AIRFLOW_UP = _gauge("airflow_up", "1 while Airflow answers the watcher, else 0.")
AIRFLOW_PART_UP = _gauge("airflow_part_up", "1 while a part of Airflow shows signs of life, else 0.", "part")
PIPELINE_SUCCESS = _gauge(
    "pipeline_last_run_success", "1 if the last run of a pipeline ended well, else 0.", "dag"
)
ALERTS_FIRING = _gauge("alerts_firing", "Alerts that last, by kind.", "kind")
ALERTS_WAITING = _gauge("alert_deliveries_waiting", "News that a sink has not taken yet.", "sink")
ALERT_DELIVERIES = MetricSpec(
    name="carvalue_alert_deliveries_total",
    kind="counter",
    help="Attempts to tell an alert, by sink and outcome.",
    labels=("sink", "outcome"),
)
REPORTS = MetricSpec(name="carvalue_reports_total", kind="counter", help="Reports drawn.")
SHADOW_VERSION = _gauge("shadow_version", "The challenger that quotes beside production; 0 while none does.")
SHADOW_DIFFERENCE = MetricSpec(
    name="carvalue_shadow_difference_ratio", kind="histogram", help="Challenger's over quoted price, less 1."
)

WATCHER_GAUGES = (
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
    AIRFLOW_UP,
    PIPELINE_SUCCESS,
    ALERTS_FIRING,
    ALERTS_WAITING,
    SHADOW_VERSION,
)
WATCHER_HISTOGRAMS = (QUOTED_PRICE, RANGE_WIDTH, SHADOW_DIFFERENCE)
WATCHER_METRICS = (*WATCHER_GAUGES, *WATCHER_HISTOGRAMS, WATCHED_QUOTES, ALERT_DELIVERIES, REPORTS)
ALERT_KINDS = ("drift", "live_accuracy", "coverage", "retraining")


class ServiceMetrics:
    """The price service's metrics in one registry of their own, so that two services fit in one process.

    Args:
        folder: where several workers put theirs together (`prometheus_client.multiprocess`); each tells all.
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
        for reason in REJECTION_REASONS:  # 0 from the start: the first shall show as a rise
            self.rejected.labels(reason)
        self.quotes = self._counter(QUOTES)
        self.warned_quotes = self._counter(WARNED_QUOTES)
        self.quote_warnings = self._counter(QUOTE_WARNINGS)
        self.unknown_categories = self._counter(UNKNOWN_CATEGORIES)
        self.model_version = self._gauge(MODEL_VERSION, of_workers="livemin")
        self.model_data_timestamp = self._gauge(MODEL_DATA_TIMESTAMP, of_workers="livemin")
        self.model_trained_timestamp = self._gauge(MODEL_TRAINED_TIMESTAMP, of_workers="livemin")
        self.model_old_after = self._gauge(MODEL_OLD_AFTER, of_workers="livemax")
        self.model_swaps = self._counter(MODEL_SWAPS)
        self.model_refusals = self._counter(MODEL_REFUSALS)
        self.registry_up = self._gauge(REGISTRY_UP, of_workers="livemin")
        self.journal_up = self._gauge(JOURNAL_UP, of_workers="livemin")
        self.journal_writes = self._counter(JOURNAL_WRITES)
        self.journal_lag = self._gauge(JOURNAL_LAG, of_workers="livemax")
        self.journal_dropped = self._counter(JOURNAL_DROPPED)
        for reason in DROP_REASONS:
            self.journal_dropped.labels(reason)
        self.spool_bytes = self._gauge(SPOOL_BYTES, of_workers="livesum")
        self.spool_limit = self._gauge(SPOOL_LIMIT, of_workers="livesum")
        self.spool_up = self._gauge(SPOOL_UP, of_workers="livemin")

    def measure(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Let a gauge follow a function: asked with the metrics, or by `remeasure` among several workers."""
        if self._folder is None:
            gauge.set_function(value)
        else:
            self._measured[gauge] = value

    def remeasure(self) -> None:
        """Put down what this worker's functions say now, for whichever worker is asked next."""
        for gauge, value in self._measured.items():
            gauge.set(value())

    def text(self) -> bytes:
        """Give the metrics of all workers in Prometheus's own format."""
        self.remeasure()
        if self._folder is None:
            return generate_latest(self.registry)
        of_all = CollectorRegistry()
        MultiProcessCollector(of_all, path=str(self._folder))
        return generate_latest(of_all)

    def _counter(self, metric: MetricSpec) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _gauge(self, metric: MetricSpec, *, of_workers: OfWorkers) -> Gauge:
        return Gauge(
            metric.name, metric.help, metric.labels, registry=self.registry, multiprocess_mode=of_workers
        )
