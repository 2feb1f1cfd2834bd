"""The alert rules of Prometheus. Each refers to declared metrics, and each has a section in the runbook."""

from collections.abc import Mapping
from typing import Any

from carvalue.telemetry import metrics
from carvalue.telemetry.objectives import BURN_RULES, recording_rules
from carvalue.telemetry.rule import AlertRule

SERVICE_JOB, WATCHER_JOB, PAGE_JOB, AIRFLOW_JOB = "price-service", "watcher", "page", "airflow"
ALERTMANAGER_JOB = "alertmanager"
METRICS_PATHS = {PAGE_JOB: "/_stcore/metrics", AIRFLOW_JOB: "/metrics/"}
"""The path of a job's metrics where it is not `/metrics`. Airflow redirects a path without the last slash."""
OUTBOX_SHARE = 0.5  # of OUTBOX_LIMIT_MB
DISK_SHARE = 0.1  # free disk below this share is too little for a training and its copies
STUCK_AFTER_S = 600  # a round of the watcher takes seconds
CERTIFICATE_DAYS = 14  # Caddy and cert-manager renew 30 days before the end
# `other` is no route of the service: a client that probes paths is not a client with a missing key
ROUTES_WITH_KEY = 'route!~"/healthz|/readyz|/metrics|other"'
ALERTING_DOWN = "CarvalueAlertingDown"
"""The alert that Grafana evaluates and sends, for when Prometheus or Alertmanager is unavailable."""


WATCHER_ALERTS: Mapping[str, str] = {
    **dict.fromkeys(("drift", "input_change", "broken_input", "broken_client"), "CarvalueDriftConfirmed"),
    "live_accuracy": "CarvalueLiveErrorHigh",
    "coverage": "CarvalueCoverageLow",
    "retraining": "CarvalueRetrainingFruitless",
}
"""The alerts that the watcher sends itself, by kind, with the name of their section in the runbook."""


def _gone(job: str) -> str:
    """Return a query for a job that does not answer, or that Prometheus does not find any more."""
    return f'up{{job="{job}"}} == 0 or absent(up{{job="{job}"}})'


def _missing(*series: str) -> str:
    return " or ".join(f"absent({selector})" for selector in series)


RULES = (
    AlertRule(
        name="CarvalueServiceDown",
        query=_gone(SERVICE_JOB),
        after="1m",
        severity="critical",
        summary="A price service does not answer Prometheus.",
    ),
    *BURN_RULES,
    AlertRule(
        name="CarvalueClientsTurnedAway",
        query=(
            f'sum(rate({metrics.REQUESTS.name}{{{ROUTES_WITH_KEY},status=~"401|429"}}[5m]))'
            f" / sum(rate({metrics.REQUESTS.name}{{{ROUTES_WITH_KEY}}}[5m])) > 0.2"
        ),
        after="5m",
        severity="warning",
        summary="More than a fifth of the requests are rejected: without a valid key, or above a rate limit.",
    ),
    AlertRule(
        name="CarvalueJournalDown",
        query=f"{metrics.JOURNAL_UP.name} == 0",
        after="2m",
        severity="warning",
        summary="The journal does not accept quotes; they wait on local disk.",
    ),
    AlertRule(
        name="CarvalueOutboxDown",
        query=f"{metrics.OUTBOX_UP.name} == 0",
        after="1m",
        severity="critical",
        summary="Local disk does not accept quotes: those that the journal does not accept at once are lost.",
    ),
    AlertRule(
        name="CarvalueOutboxFilling",
        query=f"{metrics.OUTBOX_BYTES.name} > {OUTBOX_SHARE} * {metrics.OUTBOX_LIMIT.name}",
        after="1m",
        severity="critical",
        summary="Quotes that the journal lacks fill half of the disk space that OUTBOX_LIMIT_MB allows.",
    ),
    AlertRule(
        name="CarvalueQuotesDropped",
        query=f"sum by (instance, reason) (increase({metrics.JOURNAL_DROPPED.name}[10m])) > 0",
        after="0s",
        severity="critical",
        summary="Quotes were answered but not stored: they are missing from the journal.",
    ),
    AlertRule(
        name="CarvalueRecordsQuarantined",
        query=f"{metrics.QUARANTINED_RECORDS.name} > 0",
        after="1m",
        severity="warning",
        summary="Quotes that the journal cannot store are in the quarantine; an operator has to decide.",
    ),
    AlertRule(
        name="CarvalueModelStale",
        # compared for each service: the version of one replica must not hide that of another
        query=f"{metrics.MODEL_VERSION.name} != on () group_left () max({metrics.WATCHED_VERSION.name})",
        after="5m",
        severity="warning",
        summary="A price service quotes with another version than the one in production.",
    ),
    AlertRule(
        name="CarvalueModelOld",
        query=f"time() - ({metrics.MODEL_TRAINED_TIMESTAMP.name} > 0) > {metrics.MODEL_OLD_AFTER.name}",
        after="10m",
        severity="warning",
        summary="The version in use was trained more than MODEL_OLD_DAYS days ago.",
    ),
    AlertRule(
        name="CarvalueDataOld",
        query=f"time() - ({metrics.MODEL_DATA_TIMESTAMP.name} > 0) > {metrics.DATA_OLD_AFTER.name}",
        after="10m",
        severity="warning",
        summary="The newest training listing of the version in use is more than DATA_OLD_DAYS days old.",
    ),
    AlertRule(
        name="CarvalueModelMissing",
        query=f"{metrics.MODEL_VERSION.name} == 0",
        after="5m",
        severity="critical",
        summary="A price service has no model to quote with.",
    ),
    AlertRule(
        name="CarvalueModelRefused",
        query=f"sum by (reason) (increase({metrics.MODEL_REFUSALS.name}[15m])) > 0",
        after="0s",
        severity="critical",
        summary="A bundle in production was refused; an earlier version, if there is one, stays in use.",
    ),
    AlertRule(
        name="CarvalueCanaryStopped",
        query=f"sum by (reason) (increase({metrics.CANARY_STOPS.name}[15m])) > 0",
        after="0s",
        severity="warning",
        summary="A canary was stopped by itself; the version in production answers all requests.",
    ),
    AlertRule(
        name="CarvalueRegistryDown",
        query=f"{metrics.REGISTRY_UP.name} == 0",
        after="5m",
        severity="warning",
        summary="MLflow does not answer the price service; it quotes with the version it has.",
    ),
    AlertRule(
        name="CarvalueWatcherDown",
        query=_gone(WATCHER_JOB),
        after="2m",
        severity="critical",
        summary="The watcher does not answer: drift is not detected.",
    ),
    AlertRule(
        name="CarvalueWatcherStuck",
        query=(
            f"{metrics.WATCHER_UP.name} == 0"
            f" or time() - ({metrics.WATCHER_CHECKED.name} > 0) > {STUCK_AFTER_S}"
        ),
        after="5m",
        severity="critical",
        summary="The watcher cannot finish a round; its /healthz shows the reason.",
    ),
    AlertRule(
        name="CarvalueAlertsUndelivered",
        query=f"{metrics.ALERTS_WAITING.name} > 0",
        after="10m",
        severity="critical",
        summary="Alertmanager, or a receiver in ALERT_URLS, does not accept the watcher's alerts.",
    ),
    AlertRule(
        name="CarvaluePipelineFailed",
        query=f"{metrics.PIPELINE_SUCCESS.name} == 0",
        after="0s",
        severity="warning",
        summary="The last run of a pipeline failed.",
    ),
    AlertRule(
        name="CarvalueAirflowDown",
        query=f"{metrics.AIRFLOW_UP.name} == 0 or {_gone(AIRFLOW_JOB)}",
        after="10m",
        severity="warning",
        summary="Airflow does not answer: no pipeline runs.",
    ),
    AlertRule(
        name="CarvalueAirflowPartDown",
        query=f"{metrics.AIRFLOW_PART_UP.name} == 0",
        after="5m",
        severity="warning",
        summary="A part of Airflow sends no heartbeat; pipelines may wait for it indefinitely.",
    ),
    AlertRule(
        name="CarvaluePageDown",
        query=_gone(PAGE_JOB),
        after="1m",
        severity="critical",
        summary="The page does not answer.",
    ),
    AlertRule(
        name="CarvalueMetricsMissing",
        query=_missing(
            metrics.MODEL_VERSION.name,
            metrics.JOURNAL_UP.name,
            metrics.OUTBOX_LIMIT.name,
            metrics.REGISTRY_UP.name,
            metrics.DISK_FREE.name,
            metrics.WATCHER_CHECKED.name,
            metrics.AIRFLOW_UP.name,
            f'{metrics.AIRFLOW_PART_UP.name}{{part="scheduler"}}',
        ),
        after="15m",
        severity="warning",
        summary="A part no longer reports a metric that alerts depend on: those alerts cannot fire.",
    ),
    AlertRule(
        name="CarvalueDiskFilling",
        query=(
            f"{metrics.DISK_FREE.name} / {metrics.DISK_SIZE.name} < {DISK_SHARE}"
            f" or (predict_linear({metrics.DISK_FREE.name}[6h], 86400) < 0"
            f" and {metrics.DISK_FREE.name} / {metrics.DISK_SIZE.name} < {3 * DISK_SHARE:.1f})"
        ),
        after="15m",
        severity="critical",
        summary="The disk of STATE_DIR is nearly full, or will be within a day.",
    ),
    AlertRule(
        name="CarvalueCertificateExpiring",
        query=(
            "(probe_ssl_earliest_cert_expiry or certmanager_certificate_expiration_timestamp_seconds)"
            f" - time() < {CERTIFICATE_DAYS} * 86400"
        ),
        after="1h",
        severity="critical",
        summary="A TLS certificate expires within two weeks: its renewal has failed.",
    ),
)


def rule_file() -> Mapping[str, Any]:
    """Return all rules in the format of Prometheus' rule files.

    Returns:
        The group `carvalue-objectives`, which records error ratios, and `carvalue` with every alert.

    >>> [group["name"] for group in rule_file()["groups"]]
    ['carvalue-objectives', 'carvalue']
    """
    objectives = {"name": "carvalue-objectives", "interval": "1m", "rules": [*recording_rules()]}
    return {"groups": [objectives, {"name": "carvalue", "rules": [rule.as_json() for rule in RULES]}]}
