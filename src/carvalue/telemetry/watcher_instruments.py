"""The Prometheus gauges, counters and histograms of the watcher."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from carvalue.telemetry import metrics
from carvalue.telemetry.metrics import MetricSpec

PRICE_BUCKETS = (1_000, 2_500, 5_000, 7_500, 10_000, 15_000, 20_000, 25_000, 30_000, 40_000, 60_000, 100_000)
DIFFERENCE_BUCKETS = (-0.5, -0.3, -0.2, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
WIDTH_BUCKETS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0)


class WatcherInstruments:
    """One instrument for each of `WATCHER_METRICS`. Each instance has a registry of its own.

    Attributes:
        registry: The Prometheus registry of the instruments.

    >>> instruments = WatcherInstruments()
    >>> instruments.up.set(1)
    >>> instruments.registry.get_sample_value("carvalue_watcher_up")
    1.0
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.up = self._gauge(metrics.WATCHER_UP)
        self.lag = self._gauge(metrics.WATCHER_LAG)
        self.checked = self._gauge(metrics.WATCHER_CHECKED)
        self.version = self._gauge(metrics.WATCHED_VERSION)
        self.quotes = self._counter(metrics.WATCHED_QUOTES)
        self.prices = self._histogram(metrics.QUOTED_PRICE, PRICE_BUCKETS)
        self.widths = self._histogram(metrics.RANGE_WIDTH, WIDTH_BUCKETS)
        self.drift_state = self._gauge(metrics.DRIFT_STATE)
        self.drifted_features = self._gauge(metrics.DRIFTED_FEATURES)
        self.drifted_share = self._gauge(metrics.DRIFTED_SHARE)
        self.feature_state = self._gauge(metrics.FEATURE_STATE)
        self.feature_score = self._gauge(metrics.FEATURE_SCORE)
        self.feature_threshold = self._gauge(metrics.FEATURE_THRESHOLD)
        self.channel_state = self._gauge(metrics.CHANNEL_STATE)
        self.channel_quotes = self._counter(metrics.CHANNEL_QUOTES)
        self.reported_sales = self._gauge(metrics.REPORTED_SALES)
        self.live_error = self._gauge(metrics.LIVE_ERROR)
        self.live_error_low = self._gauge(metrics.LIVE_ERROR_LOW)
        self.live_error_high = self._gauge(metrics.LIVE_ERROR_HIGH)
        self.live_coverage = self._gauge(metrics.LIVE_COVERAGE)
        self.live_coverage_low = self._gauge(metrics.LIVE_COVERAGE_LOW)
        self.live_coverage_high = self._gauge(metrics.LIVE_COVERAGE_HIGH)
        self.range_level = self._gauge(metrics.RANGE_LEVEL)
        self.range_scale = self._gauge(metrics.RANGE_SCALE)
        self.estimated_error = self._gauge(metrics.ESTIMATED_ERROR)
        self.airflow_up = self._gauge(metrics.AIRFLOW_UP)
        self.pipeline_success = self._gauge(metrics.PIPELINE_SUCCESS)
        self.retraining_started = self._gauge(metrics.RETRAINING_STARTED)
        self.alerts_firing = self._gauge(metrics.ALERTS_FIRING)
        self.alerts_waiting = self._gauge(metrics.ALERTS_WAITING)
        self.alert_deliveries = self._counter(metrics.ALERT_DELIVERIES)
        self.reports = self._counter(metrics.REPORTS)
        self.shadow_version = self._gauge(metrics.SHADOW_VERSION)
        self.shadow_difference = self._histogram(metrics.SHADOW_DIFFERENCE, DIFFERENCE_BUCKETS)
        self._know_nothing_yet()

    def _know_nothing_yet(self) -> None:
        """Replace zeros that would be read as an error or a coverage of 0 before the first snapshot."""
        self.range_scale.set(1)  # not corrected
        unknown = (
            *(self.live_error, self.live_error_low, self.live_error_high),
            *(self.live_coverage, self.live_coverage_low, self.live_coverage_high),
            self.estimated_error,
        )
        for gauge in unknown:
            gauge.set(float("nan"))

    def _gauge(self, metric: MetricSpec) -> Gauge:
        return Gauge(metric.name, metric.help, metric.labels, registry=self.registry)

    def _counter(self, metric: MetricSpec) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, registry=self.registry)

    def _histogram(self, metric: MetricSpec, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(metric.name, metric.help, metric.labels, buckets=buckets, registry=self.registry)
