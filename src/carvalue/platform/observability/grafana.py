"""Alerting files of Grafana: one rule that fires while Prometheus or Alertmanager is down.

Prometheus sends all other alerts through Alertmanager. Neither can report its own outage, so Grafana queries
Prometheus for Alertmanager's state and treats a missing answer as an alert.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from carvalue.telemetry import ALERTING_DOWN, ALERTMANAGER_JOB, runbook_url

DATA_SOURCE_UID = "prometheus"  # the dashboards refer to it
CONTACT_POINT = "people"
DEFAULT_CONTACT_POINT = "grafana-default-email"  # built in; sends nothing without a mail server


def alerting_files(urls: tuple[str, ...]) -> Mapping[str, Mapping[str, Any]]:
    """Return Grafana's provisioning files for alerting: rule, contact point and notification policy.

    Args:
        urls: URLs of ALERT_URLS; those of services that Grafana cannot notify are left out.

    Returns:
        File name relative to Grafana's folder -> content.

    Examples:
        >>> files = alerting_files(("jsons://hooks.example.com/1",))
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
        Option -> value; empty without a `mailto:` or `mailtos:` URL.

    Raises:
        BadAlertUrl: A URL is not the URL of a receiver.

    Examples:
        >>> mail_options(("mailtos://me:secret@mail.example.com?from=a@example.com&to=b@example.com",))["smtp.host"]
        'mail.example.com:587'
    """
    from carvalue.monitoring.alerting import MailServer, receivers_from_urls  # noqa: PLC0415  # loads SQLAlchemy

    natives = (receiver.native for receiver in receivers_from_urls(urls))
    server = next((native for native in natives if isinstance(native, MailServer)), None)
    if server is None:
        return {}
    return {
        "smtp.enabled": "true",
        "smtp.host": f"{server.host}:{server.port}",  # Grafana uses implicit TLS on port 465 only
        "smtp.from_address": server.sender,
        "smtp.user": server.user,
        "smtp.password": server.password,
    }


def _receivers(urls: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    # loads SQLAlchemy and apprise
    from carvalue.monitoring.alerting import (  # noqa: PLC0415
        JsonHook,
        MailServer,
        PagerDutyService,
        SlackHook,
        receivers_from_urls,
    )

    for number, receiver in enumerate(receivers_from_urls(urls)):
        match receiver.native:
            case SlackHook(url=url):
                kind, settings = "slack", {"url": url}
            case JsonHook() as hook:
                login = {"username": hook.user, "password": hook.password} if hook.user else {}
                kind, settings = "webhook", {"url": hook.url, **login}
            case PagerDutyService(key=key):
                kind, settings = "pagerduty", {"integrationKey": key}
            case MailServer(recipients=recipients):
                kind, settings = "email", {"addresses": ";".join(recipients)}
            case _:
                continue
        yield {"uid": f"carvalue-{number}", "type": kind, "settings": settings}


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
            "runbook_url": runbook_url(ALERTING_DOWN),
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
