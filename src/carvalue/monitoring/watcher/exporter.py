"""Export the results of the watcher as Prometheus metrics."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp

from carvalue.journal import JournalEntry
from carvalue.monitoring.alerting import AlertStore
from carvalue.monitoring.drift import DriftReport
from carvalue.monitoring.watcher.alert_conditions import WatcherSnapshot
from carvalue.telemetry import ALERT_KINDS, STATE_NUMBERS, WatcherInstruments


class WatcherMetrics(WatcherInstruments):
    """The metrics of one watcher. Each instance has a registry of its own.

    >>> metrics = WatcherMetrics()
    >>> metrics.show_pipelines({"retrain_model_dag": True})
    >>> metrics.registry.get_sample_value("carvalue_pipeline_last_run_success", {"dag": "retrain_model_dag"})
    1.0
    """

    def __init__(self) -> None:
        super().__init__()
        self._exported: dict[tuple[str, str], int] = {}
        self._channels: Mapping[str, DriftReport] = {}

    def count(self, entries: Sequence[JournalEntry]) -> None:
        """Count quotes that were checked for drift.

        Args:
            entries: The quotes.
        """
        self.quotes.inc(len(entries))
        for entry in entries:
            self.prices.observe(entry.price)
            self.widths.observe((entry.high - entry.low) / entry.price)

    def show(self, snapshot: WatcherSnapshot, *, lag: timedelta) -> None:
        """Export the result of a round.

        Args:
            snapshot: The result.
            lag: The age of the newest quote read while more are waiting.
        """
        drift = snapshot.drift
        self.lag.set(lag.total_seconds())
        self.version.set(int(snapshot.model_version))
        self.drift_state.set(STATE_NUMBERS[drift.state])
        self.drifted_features.set(len(drift.drifted))
        self.drifted_share.set(len(drift.drifted) / max(len(drift.features), 1))
        for item in drift.features:
            self.feature_threshold.labels(item.name).set(1)
        self._show_channels(snapshot.channels)
        self._show_live(snapshot)

    def show_deliveries(self, alert_store: AlertStore) -> None:
        """Export the firing alerts and the deliveries.

        Args:
            alert_store: The alerts.
        """
        firing = [alert.kind for alert in alert_store.firing()]
        for kind in ALERT_KINDS:
            self.alerts_firing.labels(kind).set(firing.count(kind))
        for notifier, waiting in alert_store.waiting().items():
            self.alerts_waiting.labels(notifier).set(waiting)
        for key, total in alert_store.delivered.items():
            self.alert_deliveries.labels(*key).inc(total - self._exported.get(key, 0))
            self._exported[key] = total

    def show_retraining(self, started: datetime | None) -> None:
        """Export when the newest retraining started.

        Args:
            started: The time; None if there was no retraining.
        """
        self.retraining_started.set(started.timestamp() if started else 0)

    def show_pipelines(self, outcomes: Mapping[str, bool] | None) -> None:
        """Export how the last runs of the pipelines ended.

        Args:
            outcomes: By DAG id, whether the run succeeded; None if Airflow does not answer.
        """
        self.airflow_up.set(outcomes is not None)
        for dag, succeeded in (outcomes or {}).items():
            self.pipeline_success.labels(dag).set(succeeded)

    def _show_channels(self, channels: Mapping[str, DriftReport]) -> None:
        for name in self._channels.keys() - channels.keys():  # a new version starts without channels
            self.channel_state.remove(name)
            for item in self._channels[name].features:
                self.feature_state.remove(name, item.name)
                self.feature_score.remove(name, item.name)
        for name, report in channels.items():
            self.channel_state.labels(name).set(STATE_NUMBERS[report.state])
            self.channel_quotes.labels(name).inc(self._new_rows(name, report))
            for item in report.features:
                self.feature_state.labels(name, item.name).set(STATE_NUMBERS[item.state])
                self.feature_score.labels(name, item.name).set(item.score)
        self._channels = channels

    def _new_rows(self, channel: str, report: DriftReport) -> int:
        before = self._channels[channel].rows if channel in self._channels else 0
        return report.rows - before if report.rows >= before else report.rows  # fewer: a new version

    def _show_live(self, snapshot: WatcherSnapshot) -> None:
        live, unknown = snapshot.live, float("nan")
        self.range_level.set(snapshot.correction.level)
        self.range_scale.set(exp(snapshot.correction.log_scale))
        self.reported_sales.set(live.sales)
        for bounded, gauges in (
            (live.error, (self.live_error, self.live_error_low, self.live_error_high)),
            (live.coverage, (self.live_coverage, self.live_coverage_low, self.live_coverage_high)),
        ):
            values = (bounded.value, bounded.low, bounded.high) if bounded else (unknown,) * 3
            for gauge, value in zip(gauges, values, strict=True):
                gauge.set(value)
        estimate = snapshot.estimated_error
        self.estimated_error.set(unknown if estimate is None else estimate)
