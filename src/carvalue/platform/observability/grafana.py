"""Alerting files of Grafana: one rule that fires while Prometheus or Alertmanager is down.

Prometheus sends all other alerts through Alertmanager. Neither can report its own outage, so Grafana queries
Prometheus for Alertmanager's state and treats a missing answer as an alert.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from carvalue.telemetry import ALERTING_DOWN, ALERTMANAGER_JOB, RUNBOOK

DATA_SOURCE_UID = "prometheus"  # the dashboards refer to it
CONTACT_POINT = "people"
DEFAULT_CONTACT_POINT = "grafana-default-email"  # built in; sends nothing without a mail server
MAIL_SCHEMES = ("smtp", "smtps")


def alerting_files(urls: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    """Return Grafana's provisioning files for alerting: rule, contact point and notification policy.

    Args:
        urls: URLs of ALERT_URLS; those that Grafana cannot notify (`console:`) are ignored.

    Returns:
        File name relative to Grafana's folder -> content.

    Examples:
        >>> files = alerting_files(("https://hooks.example.com/1",))
        >>> files["provisioning/alerting/policies.yaml"]["policies"][0]["receiver"]
        'people'
    """
    receivers = list(_receivers(urls))
    points = [{"orgId": 1, "name": CONTACT_POINT, "receivers": receivers}] if receivers else []
    policy = {
        "orgId": 1,
        "receiver": CONTACT_POINT if receivers else DEFAULT_CONTACT_POINT,
        "group_by": ["alertname"],
    }
    return {
        "provisioning/alerting/rules.yaml": {"apiVersion": 1, "groups": [_group()]},
        "provisioning/alerting/contact_points.yaml": {"apiVersion": 1, "contactPoints": points},
        "provisioning/alerting/policies.yaml": {"apiVersion": 1, "policies": [policy]},
    }


def mail_options(urls: tuple[str, ...]) -> Mapping[str, str]:
    """Return Grafana's options for the first mail server among the URLs.

    Args:
        urls: URLs of ALERT_URLS.

    Returns:
        Option -> value; empty without an `smtp:` or `smtps:` URL.

    Raises:
        BadAlertUrl: A mail URL lacks a part.

    Examples:
        >>> mail_options(("smtp://mail.example.com/?from=a@example.com&to=b@example.com",))["smtp.host"]
        'mail.example.com:587'
    """
    mails = [url for url in urls if urlsplit(url).scheme in MAIL_SCHEMES]
    if not mails:
        return {}
    from carvalue.monitoring.alerting import parse_mail_url  # noqa: PLC0415  # loads SQLAlchemy

    server = parse_mail_url(mails[0])
    return {
        "smtp.enabled": "true",
        "smtp.host": f"{server.host}:{server.port}",  # Grafana uses implicit TLS on port 465 only
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
        "execErrState": "Alerting",  # if Prometheus does not answer
        "for": "2m",
        "labels": {"severity": "critical"},
        "annotations": {
            "summary": "Prometheus or Alertmanager is down: no other alert is sent.",
            "runbook": f"{RUNBOOK}#{ALERTING_DOWN.lower()}",
        },
    }
    return {"orgId": 1, "name": "carvalue", "folder": "carvalue", "interval": "1m", "rules": [rule]}


def _query() -> Mapping[str, Any]:
    query = f'min(up{{job="{ALERTMANAGER_JOB}"}})'
    return {
        "refId": "A",
        "datasourceUid": DATA_SOURCE_UID,
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
