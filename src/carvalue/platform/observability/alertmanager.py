"""Receivers and inhibitions of Alertmanager."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from carvalue.monitoring.alerting import JsonHook, MailServer, NativeReceiver

NOBODY = "nobody"
NO_REDIRECTS = {"follow_redirects": False}
TITLE = "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }}"
# Slack would read <!channel> and <https://...|link> in the values of a listing as markup
_ESCAPED = "".join(
    f'{{{{ reReplaceAll ">" "&gt;" (reReplaceAll "<" "&lt;" (reReplaceAll "&" "&amp;" {name})) }}}}\n'
    for name in (".Annotations.summary", ".Annotations.description")
)
SLACK_TEXT = f"{{{{ range .Alerts }}}}{_ESCAPED}{{{{ .Annotations.runbook_url }}}}\n{{{{ end }}}}"

INHIBITIONS = (
    {
        "source_matchers": ["alertname=CarvalueErrorBudgetBurningFast"],
        "target_matchers": ["alertname=CarvalueErrorBudgetBurningSlowly"],
        "equal": ["objective"],
    },
    {
        "source_matchers": ["alertname=CarvalueLiveErrorHigh"],
        "target_matchers": ["alertname=CarvalueCoverageLow"],
    },
    {
        "source_matchers": ["alertname=~CarvalueServiceDown|CarvalueWatcherDown|CarvalueAirflowDown"],
        "target_matchers": ["alertname=CarvalueMetricsMissing"],
    },
)
"""Alerts that are a consequence of another one, and are not sent while it fires."""


def alertmanager_configuration(urls: tuple[str, ...]) -> Mapping[str, Any]:
    """Return Alertmanager's configuration.

    Each receiver has a route of its own: Alertmanager tries a receiver again until the next notification of
    its route is due, so that a dead one would delay the others of the same route.

    Args:
        urls: URLs of ALERT_URLS; those of services without a receiver in Alertmanager are left out, and the
            watcher notifies them.

    Returns:
        Receivers, routes and inhibitions.

    Raises:
        BadAlertUrl: A URL is not the URL of a receiver.
    """
    from carvalue.monitoring.alerting import receivers_from_urls  # noqa: PLC0415  # loads SQLAlchemy and apprise

    natives = {receiver.name: receiver.native for receiver in receivers_from_urls(urls) if receiver.native}
    routes = [{"receiver": name, "continue": True} for name in natives]
    return {
        "route": {"receiver": NOBODY, "group_by": ["alertname"], "group_wait": "5s", "routes": routes},
        "receivers": [
            {"name": NOBODY},
            *({"name": name, **_integration(native)} for name, native in natives.items()),
        ],
        "inhibit_rules": INHIBITIONS,
    }


def _integration(native: "NativeReceiver") -> Mapping[str, Any]:
    # loads SQLAlchemy and apprise
    from carvalue.monitoring.alerting import JsonHook, MailServer, SlackHook  # noqa: PLC0415

    match native:
        case SlackHook(url=url):
            slack = {"api_url": url, "title": TITLE, "text": SLACK_TEXT, "http_config": NO_REDIRECTS}
            return {"slack_configs": [{**slack, "send_resolved": True}]}
        case JsonHook() as hook:
            return {"webhook_configs": [_webhook(hook)]}
        case MailServer() as server:
            return {"email_configs": [_mail(server)]}
        case pager:
            service = {"routing_key": pager.key, "http_config": NO_REDIRECTS, "send_resolved": True}
            return {"pagerduty_configs": [service]}


def _webhook(hook: "JsonHook") -> Mapping[str, Any]:
    login = {"basic_auth": {"username": hook.user, "password": hook.password}} if hook.user else {}
    return {"url": hook.url, "http_config": {**NO_REDIRECTS, **login}, "send_resolved": True}


def _mail(server: "MailServer") -> Mapping[str, Any]:
    from carvalue.monitoring.alerting import SMTPS_PORT  # noqa: PLC0415  # as above

    login = {"auth_username": server.user, "auth_password": server.password}
    return {
        "smarthost": f"{server.host}:{server.port}",
        "from": server.sender,
        "to": ", ".join(server.recipients),
        # Alertmanager uses implicit TLS on port 465 only; this option requires STARTTLS, which servers do not
        # offer on that port
        "require_tls": server.port != SMTPS_PORT and server.uses_tls,
        "send_resolved": True,
        **(login if server.user else {}),
    }
