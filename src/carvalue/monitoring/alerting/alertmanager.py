"""Keep Alertmanager informed of the alerts of the watcher, through its HTTP API (v2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import httpx

from carvalue.monitoring.alerting.alert import Alert
from carvalue.monitoring.alerting.store import DeliveryFailed
from carvalue.telemetry import WATCHER_ALERTS, runbook_url

TIMEOUT_S = 10.0
ASK_TIMEOUT_S = 2.0
VALID_FOR = timedelta(minutes=5)  # Alertmanager ends an alert that is not sent again


class Alertmanager:
    """One Alertmanager, which applies silences, inhibition and grouping, and notifies the receivers.

    Args:
        url: Its URL.
        source_url: The URL of the watcher, to which the alerts link.
        transport: How to send requests; the network unless given.
    """

    name = "alertmanager"

    def __init__(self, url: str, *, source_url: str, transport: httpx.BaseTransport | None = None) -> None:
        self._source_url = source_url
        self._client = httpx.Client(
            base_url=f"{url}/api/v2", timeout=TIMEOUT_S, follow_redirects=False, transport=transport
        )

    def send(self, alerts: Sequence[Alert], *, now: datetime) -> None:
        """Send the state of alerts. Alertmanager recognizes those that it knows by their labels.

        Args:
            alerts: Alerts that fire, and those that ended lately.
            now: The current time.

        Raises:
            DeliveryFailed: Alertmanager does not answer, or not with a success.
        """
        try:
            response = self._client.post("/alerts", json=[self._alert(alert, now) for alert in alerts])
        except httpx.HTTPError as error:
            raise DeliveryFailed(f"Alertmanager does not answer: {type(error).__name__}.") from None
        if not response.is_success:
            raise DeliveryFailed(f"Alertmanager answered {response.status_code}.")

    def has_receivers(self) -> bool:
        """Ask whether its configuration has a receiver that notifies anybody.

        Returns:
            Whether it has one; False if it does not answer.
        """
        try:
            status = self._client.get("/status", timeout=ASK_TIMEOUT_S).raise_for_status().json()
        except (httpx.HTTPError, ValueError):
            return False
        return "_configs:" in status["config"]["original"]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _alert(self, alert: Alert, now: datetime) -> Mapping[str, Any]:
        name, ends_at = WATCHER_ALERTS[alert.kind], alert.resolved_at or now + VALID_FOR
        labels = {"alertname": name, "severity": alert.severity, "kind": alert.kind, "key": alert.key}
        return {
            "labels": labels,
            "annotations": {
                "summary": alert.title,
                "description": alert.text,
                "runbook_url": runbook_url(name),
            },
            "startsAt": alert.since.isoformat(),
            "endsAt": max(ends_at, alert.since).isoformat(),  # the clock may have been set back
            "generatorURL": f"{self._source_url}/{f'reports/{alert.report}' if alert.report else 'alerts'}",
        }
