"""Declare the Prometheus metrics and the alert rules that use them, and open the spans of traces."""

from carvalue.telemetry.alert_rules import (
    AIRFLOW_JOB,
    ALERTING_DOWN,
    ALERTMANAGER_JOB,
    METRICS_PATHS,
    PAGE_JOB,
    SERVICE_JOB,
    WATCHER_ALERTS,
    WATCHER_JOB,
    rule_file,
)
from carvalue.telemetry.asgi import TracingMiddleware
from carvalue.telemetry.metrics import AIRFLOW_PART_UP, ALERT_KINDS, STATE_NUMBERS, ServiceMetrics
from carvalue.telemetry.rule import runbook_url
from carvalue.telemetry.tracing import ExporterMissing, LocalTracer, Span, Tracer, open_tracer
from carvalue.telemetry.watcher_instruments import WatcherInstruments

__all__ = [
    "AIRFLOW_JOB",
    "AIRFLOW_PART_UP",
    "ALERTING_DOWN",
    "ALERTMANAGER_JOB",
    "ALERT_KINDS",
    "METRICS_PATHS",
    "PAGE_JOB",
    "SERVICE_JOB",
    "STATE_NUMBERS",
    "WATCHER_ALERTS",
    "WATCHER_JOB",
    "ExporterMissing",
    "LocalTracer",
    "ServiceMetrics",
    "Span",
    "Tracer",
    "TracingMiddleware",
    "WatcherInstruments",
    "open_tracer",
    "rule_file",
    "runbook_url",
]
