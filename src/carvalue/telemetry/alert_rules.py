"""The alert rules of Prometheus. Each refers to declared metrics, and each has a section in the runbook."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from carvalue.telemetry import metrics

SERVICE_JOB, WATCHER_JOB, PAGE_JOB, AIRFLOW_JOB = "price-service", "watcher", "page", "airflow"
ALERTMANAGER_JOB = "alertmanager"
METRICS_PATHS = {PAGE_JOB: "/_stcore/metrics", AIRFLOW_JOB: "/metrics/"}
"""The path of a job's metrics where it is not `/metrics`. Airflow redirects a path without the last slash."""
RUNBOOK = "docs/how-to/respond-to-alerts.md"
SLOW_S = 0.25  # a quote takes a millisecond: a p99 above this means that requests wait for something
SPOOL_SHARE = 0.5  # of SPOOL_LIMIT_MB
SENT_BY_WATCHER = "watcher"
# `other` is no route of the service: a client that probes paths is not a client with a missing key
ROUTES_WITH_KEY = 'route!~"/healthz|/readyz|/metrics|other"'
ALERTING_DOWN = "CarvalueAlertingDown"
"""The alert that Grafana evaluates and sends, for when Prometheus or Alertmanager is unavailable."""


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """One alert rule of Prometheus.

    Attributes:
        name: The alert's name in Alertmanager, and the heading of its section in the runbook.
        query: PromQL. The alert fires for each series of the result.
        after: How long the query must have a result before the alert fires, such as `5m`.
        severity: `critical` for what cannot wait until the morning, else `warning`.
        summary: One sentence for the person who is notified.
        sent_by: Who notifies people: `alertmanager`, or `watcher`, which sends a more detailed alert itself.

    >>> rule = AlertRule(
    ...     name="CarvalueTest", query="up == 0", after="1m", severity="warning", summary="A service is down."
    ... )
    >>> rule.as_json()["labels"]
    {'severity': 'warning', 'told_by': 'alertmanager'}
    >>> rule.as_json()["annotations"]["runbook"]
    'docs/how-to/respond-to-alerts.md#carvaluetest'
    """

    name: str
    query: str
    after: str
    severity: Literal["warning", "critical"]
    summary: str
    sent_by: str = "alertmanager"

    def as_json(self) -> Mapping[str, Any]:
        """Convert the rule to the format of Prometheus' rule files.

        Returns:
            The rule with its labels (`severity`, `told_by`) and annotations (`summary`, `runbook`).
        """
        runbook = f"{RUNBOOK}#{self.name.lower()}"
        return {
            "alert": self.name,
            "expr": self.query,
            "for": self.after,
            "labels": {"severity": self.severity, "told_by": self.sent_by},
            "annotations": {"summary": self.summary, "runbook": runbook},
        }


RULES = (
    AlertRule(
        name="CarvalueServiceDown",
        query=f'up{{job="{SERVICE_JOB}"}} == 0',
        after="1m",
        severity="critical",
        summary="A price service does not answer Prometheus.",
    ),
    AlertRule(
        name="CarvalueServiceErrors",
        query=(
            f'sum(rate({metrics.REQUESTS.name}{{status=~"5.."}}[5m]))'
            f" / sum(rate({metrics.REQUESTS.name}[5m])) > 0.01"
        ),
        after="2m",
        severity="critical",
        summary="More than 1 % of the requests end in an error of the service.",
    ),
    AlertRule(
        name="CarvalueServiceSlow",
        query=(
            "histogram_quantile(0.99, sum by (le) "
            f'(rate({metrics.REQUEST_SECONDS.name}_bucket{{route="/predict"}}[5m]))) > {SLOW_S}'
        ),
        after="5m",
        severity="warning",
        summary="One quote in a hundred takes more than a quarter of a second.",
    ),
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
        name="CarvalueSpoolDown",
        query=f"{metrics.SPOOL_UP.name} == 0",
        after="1m",
        severity="critical",
        summary="Local disk does not accept quotes: those that the journal does not accept at once are lost.",
    ),
    AlertRule(
        name="CarvalueSpoolFilling",
        query=f"{metrics.SPOOL_BYTES.name} > {SPOOL_SHARE} * {metrics.SPOOL_LIMIT.name}",
        after="1m",
        severity="critical",
        summary="Quotes that the journal lacks fill half of the disk space that SPOOL_LIMIT_MB allows.",
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
        name="CarvalueRegistryDown",
        query=f"{metrics.REGISTRY_UP.name} == 0",
        after="5m",
        severity="warning",
        summary="MLflow does not answer the price service; it quotes with the version it has.",
    ),
    AlertRule(
        name="CarvalueWatcherDown",
        query=f'up{{job="{WATCHER_JOB}"}} == 0 or absent(up{{job="{WATCHER_JOB}"}})',
        after="2m",
        severity="critical",
        summary="The watcher does not answer: drift is not detected.",
    ),
    AlertRule(
        name="CarvalueWatcherStuck",
        query=f"{metrics.WATCHER_UP.name} == 0",
        after="5m",
        severity="critical",
        summary="The watcher cannot finish a round; its /healthz shows the reason.",
    ),
    AlertRule(
        name="CarvalueAlertsUndelivered",
        query=f"{metrics.ALERTS_WAITING.name} > 0",
        after="10m",
        severity="critical",
        summary="A receiver in ALERT_URLS does not accept alerts.",
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
        query=f'{metrics.AIRFLOW_UP.name} == 0 or up{{job="{AIRFLOW_JOB}"}} == 0',
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
        query=f'up{{job="{PAGE_JOB}"}} == 0',
        after="1m",
        severity="critical",
        summary="The page does not answer.",
    ),
    AlertRule(
        name="CarvalueDriftConfirmed",
        query=f"{metrics.DRIFT_STATE.name} == {metrics.STATE_NUMBERS['confirmed']}",
        after="0s",
        severity="warning",
        summary="The quotes of a channel have changed.",
        sent_by=SENT_BY_WATCHER,
    ),
    AlertRule(
        name="CarvalueLiveErrorHigh",
        query=f'{metrics.ALERTS_FIRING.name}{{kind="live_accuracy"}} > 0',
        after="0s",
        severity="critical",
        summary="The error of quotes against sale prices exceeds the error measured before production.",
        sent_by=SENT_BY_WATCHER,
    ),
    AlertRule(
        name="CarvalueCoverageLow",
        query=f'{metrics.ALERTS_FIRING.name}{{kind="coverage"}} > 0',
        after="0s",
        severity="warning",
        summary="Price ranges contain fewer sale prices than they should.",
        sent_by=SENT_BY_WATCHER,
    ),
    AlertRule(
        name="CarvalueRetrainingFruitless",
        query=f'{metrics.ALERTS_FIRING.name}{{kind="retraining"}} > 0',
        after="0s",
        severity="warning",
        summary="A retraining failed, was refused, or found no new data; production is unchanged.",
        sent_by=SENT_BY_WATCHER,
    ),
)


def rule_file() -> Mapping[str, Any]:
    """Return all rules in the format of Prometheus' rule files.

    Returns:
        One group, `carvalue`, with every rule.

    >>> [group["name"] for group in rule_file()["groups"]]
    ['carvalue']
    """
    return {"groups": [{"name": "carvalue", "rules": [rule.as_json() for rule in RULES]}]}
