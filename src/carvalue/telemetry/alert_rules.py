"""What Prometheus watches for, in the names of the one registry of metrics; each alert has a runbook."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from carvalue.telemetry import metrics

SERVICE_JOB, WATCHER_JOB, PAGE_JOB, AIRFLOW_JOB = "price-service", "watcher", "page", "airflow"
ALERTMANAGER_JOB = "alertmanager"
METRICS_PATHS = {PAGE_JOB: "/_stcore/metrics", AIRFLOW_JOB: "/metrics/"}
"""Where a job's metrics are, if not at `/metrics`: Streamlit's place; Airflow would send on to the slash."""
RUNBOOK = "docs/alerts.md"
SLOW_S = 0.25  # a quote takes a millisecond: at this p99 something holds requests up
SPOOL_SHARE = 0.5  # of SPOOL_LIMIT_MB
SENT_BY_WATCHER = "watcher"
# `other` is no route of ours: whoever tries paths is no client that misses a key
ASKED_WITH_A_KEY = 'route!~"/healthz|/readyz|/metrics|other"'
ALERTING_DOWN = "CarvalueAlertingDown"
"""The one alert that Grafana tells: Prometheus and Alertmanager cannot tell that they are away."""


@dataclass(frozen=True, kw_only=True)
class AlertRule:
    """One alert.

    Attributes:
        name: as Alertmanager shows it, and the runbook's heading.
        query: PromQL that gives a series for each thing that is amiss.
        after: how long it must be so.
        severity: whether it can wait for the morning.
        summary: one line.
        told_by: who tells people; `watcher` where its own alert says the same with more words.
    """

    name: str
    query: str
    after: str
    severity: Literal["warning", "critical"]
    summary: str
    told_by: str = "alertmanager"

    def as_json(self) -> Mapping[str, Any]:
        """Give it in the form of Prometheus' rule files."""
        runbook = f"{RUNBOOK}#{self.name.lower()}"
        return {
            "alert": self.name,
            "expr": self.query,
            "for": self.after,
            "labels": {"severity": self.severity, "told_by": self.told_by},
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
            f'sum(rate({metrics.REQUESTS.name}{{{ASKED_WITH_A_KEY},status=~"401|429"}}[5m]))'
            f" / sum(rate({metrics.REQUESTS.name}{{{ASKED_WITH_A_KEY}}}[5m])) > 0.2"
        ),
        after="5m",
        severity="warning",
        summary="More than a fifth of the requests are turned away: without a good key, or beyond a limit.",
    ),
    AlertRule(
        name="CarvalueJournalDown",
        query=f"{metrics.JOURNAL_UP.name} == 0",
        after="2m",
        severity="warning",
        summary="The journal takes no quotes; they wait on local disk.",
    ),
    AlertRule(
        name="CarvalueSpoolDown",
        query=f"{metrics.SPOOL_UP.name} == 0",
        after="1m",
        severity="critical",
        summary="Local disk takes no quotes: those that the journal does not take at once are lost.",
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
        summary="Quotes were answered that will never be in the journal.",
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
        summary="The version that quotes was trained longer ago than MODEL_OLD_DAYS says.",
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
        summary="A bundle in production was refused; the earlier version still quotes.",
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
        summary="The watcher does not answer: nobody looks for drift.",
    ),
    AlertRule(
        name="CarvalueWatcherStuck",
        query=f"{metrics.WATCHER_UP.name} == 0",
        after="5m",
        severity="critical",
        summary="The watcher cannot finish a round; /healthz of the watcher says why.",
    ),
    AlertRule(
        name="CarvalueAlertsUndelivered",
        query=f"{metrics.ALERTS_WAITING.name} > 0",
        after="10m",
        severity="critical",
        summary="A receiver of ALERT_URLS takes no alerts.",
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
        summary="A part of Airflow shows no sign of life; pipelines may wait for it for ever.",
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
        summary="What people enter, or what the model answers, has drifted from the training data.",
        told_by=SENT_BY_WATCHER,
    ),
    AlertRule(
        name="CarvalueLiveErrorHigh",
        query=f'{metrics.ALERTS_FIRING.name}{{kind="live_accuracy"}} > 0',
        after="0s",
        severity="critical",
        summary="Quotes are further from sale prices than they were from asked prices before production.",
        told_by=SENT_BY_WATCHER,
    ),
    AlertRule(
        name="CarvalueCoverageLow",
        query=f'{metrics.ALERTS_FIRING.name}{{kind="coverage"}} > 0',
        after="0s",
        severity="warning",
        summary="Ranges hold fewer sale prices than they promise.",
        told_by=SENT_BY_WATCHER,
    ),
    AlertRule(
        name="CarvalueRetrainingFruitless",
        query=f'{metrics.ALERTS_FIRING.name}{{kind="retraining"}} > 0',
        after="0s",
        severity="warning",
        summary="A retraining failed, was refused, or found nothing new; production is what it was.",
        told_by=SENT_BY_WATCHER,
    ),
)


def rule_file() -> Mapping[str, Any]:
    """Give all rules in the form of Prometheus' rule files."""
    return {"groups": [{"name": "carvalue", "rules": [rule.as_json() for rule in RULES]}]}
