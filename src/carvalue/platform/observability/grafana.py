"""What Grafana tells people by itself: that those are silent who would tell them of everything else.

Everything that Prometheus can see is told by its own rules through Alertmanager. Neither can tell that it
is away, so Grafana asks Prometheus for Alertmanager, and takes no answer for an answer.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from carvalue.telemetry import ALERTING_DOWN, ALERTMANAGER_JOB, RUNBOOK

SOURCE = "prometheus"  # the data source's uid, as the dashboards name it
RECEIVERS = "people"
MAIL_SCHEMES = ("smtp", "smtps")
NO_RECEIVER = (
    "grafana-default-email"  # Grafana's own contact point, which sends nothing without a mail server
)


def alerting_files(urls: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    """Give Grafana's provisioning files for alerts: the rule, whom it tells, and that it tells them.

    Args:
        urls: of ALERT_URLS; what cannot be told by Grafana (the console) is left out.
    """
    receivers = list(_receivers(urls))
    points = [{"orgId": 1, "name": RECEIVERS, "receivers": receivers}] if receivers else []
    policy = {"orgId": 1, "receiver": RECEIVERS if receivers else NO_RECEIVER, "group_by": ["alertname"]}
    return {
        "provisioning/alerting/rules.yaml": {"apiVersion": 1, "groups": [_group()]},
        "provisioning/alerting/contact_points.yaml": {"apiVersion": 1, "contactPoints": points},
        "provisioning/alerting/policies.yaml": {"apiVersion": 1, "policies": [policy]},
    }


def mail_options(urls: tuple[str, ...]) -> Mapping[str, str]:
    """Return Grafana's options for the first mail server among the URLs; empty where there is none.

    Args:
        urls: of ALERT_URLS.

    Returns:
        Value by option, such as `smtp.host`.

    Raises:
        BadAlertUrl: an e-mail URL lacks a part.
    """
    mails = [url for url in urls if urlsplit(url).scheme in MAIL_SCHEMES]
    if not mails:
        return {}
    from carvalue.monitoring.alerting import parse_mail_url  # noqa: PLC0415  # loads SQLAlchemy

    server = parse_mail_url(mails[0])
    return {
        "smtp.enabled": "true",
        "smtp.host": f"{server.host}:{server.port}",  # Grafana speaks TLS from the start on port 465 only
        "smtp.from_address": server.sender,
        "smtp.user": server.user,
        "smtp.password": server.password,
    }


def _receivers(urls: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    from carvalue.monitoring.alerting import parse_mail_url  # noqa: PLC0415  # loads SQLAlchemy

    for number, url in enumerate(urls):
        if urlsplit(url).scheme in {"http", "https"}:
            yield {"uid": f"carvalue-{number}", "type": "slack", "settings": {"url": url}}
        elif urlsplit(url).scheme in MAIL_SCHEMES:
            addresses = ";".join(parse_mail_url(url).recipients)
            yield {"uid": f"carvalue-{number}", "type": "email", "settings": {"addresses": addresses}}


def _group() -> Mapping[str, Any]:
    rule = {
        "uid": "carvalue-alerting-down",
        "title": ALERTING_DOWN,
        "condition": "B",
        "data": [_query(), _threshold()],
        "noDataState": "Alerting",
        "execErrState": "Alerting",  # Prometheus does not answer
        "for": "2m",
        "labels": {"severity": "critical"},
        "annotations": {
            "summary": "Prometheus or Alertmanager is away: nobody would tell of anything else.",
            "runbook": f"{RUNBOOK}#{ALERTING_DOWN.lower()}",
        },
    }
    return {"orgId": 1, "name": "carvalue", "folder": "carvalue", "interval": "1m", "rules": [rule]}


def _query() -> Mapping[str, Any]:
    query = f'min(up{{job="{ALERTMANAGER_JOB}"}})'
    return {
        "refId": "A",
        "datasourceUid": SOURCE,
        "relativeTimeRange": {"from": 300, "to": 0},
        "model": {"refId": "A", "expr": query, "instant": True},
    }


def _threshold() -> Mapping[str, Any]:
    below_one = {"evaluator": {"type": "lt", "params": [1]}}
    return {
        "refId": "B",
        "datasourceUid": "__expr__",
        "model": {"refId": "B", "type": "threshold", "expression": "A", "conditions": [below_one]},
    }
