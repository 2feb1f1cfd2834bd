"""Run the watcher: check new quotes for drift, measure live accuracy, send alerts, request retrainings."""

from carvalue.monitoring.watcher.accuracy_tests import AccuracyTests
from carvalue.monitoring.watcher.airflow_runs import PipelineRun
from carvalue.monitoring.watcher.alert_conditions import (
    AlarmChanges,
    WatcherSnapshot,
    alarm_changes,
    current_alerts,
)
from carvalue.monitoring.watcher.live_accuracy import measure_live_accuracy, range_correction
from carvalue.monitoring.watcher.reports import REPORTS
from carvalue.monitoring.watcher.retraining import REQUEST_FORMAT, RetrainingTrigger
from carvalue.monitoring.watcher.watcher import NEWEST_SALES, STATE_FORMAT, WATCHER_FILES

__all__ = [
    "NEWEST_SALES",
    "REPORTS",
    "REQUEST_FORMAT",
    "STATE_FORMAT",
    "WATCHER_FILES",
    "AccuracyTests",
    "AlarmChanges",
    "PipelineRun",
    "RetrainingTrigger",
    "WatcherSnapshot",
    "alarm_changes",
    "current_alerts",
    "measure_live_accuracy",
    "range_correction",
]
