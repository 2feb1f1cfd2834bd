"""Notifiers: the console, those of installed packages, and apprise with link-local addresses refused."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import local

from apprise import NotifyFormat, NotifyType

from carvalue.extensions import find_extension
from carvalue.monitoring.alerting.alert import Alert
from carvalue.monitoring.alerting.receivers import CONSOLE, Receiver, receivers_from_urls
from carvalue.monitoring.alerting.store import DeliveryFailed, Notifier
from carvalue.urls import is_link_local

RED, GREEN, PLAIN = "\033[1;31m", "\033[1;32m", "\033[0m"
TYPES = {"warning": NotifyType.WARNING, "critical": NotifyType.FAILURE}


class ConsoleNotifier:
    """Writes to standard error; on a terminal in red for a beginning and in green for an end."""

    name = CONSOLE

    def notify(self, alert: Alert) -> None:
        """Write the headline and the details.

        Args:
            alert: The alert.
        """
        color = RED if alert.is_firing else GREEN
        start, end = (color, PLAIN) if sys.stderr.isatty() else ("", "")
        lines = [f"{start}{headline(alert)}{end}", *(f"  {line}" for line in details(alert))]
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()


class AppriseNotifier:
    """Sends to one receiver through apprise.

    Args:
        receiver: The receiver.
        allow_link_local: Whether a connection to a link-local address is allowed.
    """

    def __init__(self, receiver: Receiver, *, allow_link_local: bool = False) -> None:
        self.name, self._service = receiver.name, receiver.service
        self._allow_link_local = allow_link_local

    def notify(self, alert: Alert) -> None:
        """Send the alert.

        Args:
            alert: The alert.

        Raises:
            DeliveryFailed: The receiver did not accept it; a redirect is no success. Or it has a link-local
                address.
        """
        with _watched_connections(refuse=not self._allow_link_local) as refused:
            is_sent = self._service.notify(
                title=headline(alert),
                body="\n".join(details(alert)) or alert.title,
                notify_type=TYPES[alert.severity] if alert.is_firing else NotifyType.SUCCESS,
                body_format=NotifyFormat.TEXT,
            )
        if refused:
            message = f"{self.name} has a link-local address, which ALERT_LINK_LOCAL=false refuses."
            raise DeliveryFailed(message)
        if not is_sent:
            raise DeliveryFailed(f"{self.name} did not accept it.")


def notifiers_from_urls(
    urls: Sequence[str], *, allow_link_local: bool = False, with_alertmanager: bool = False
) -> tuple[Notifier, ...]:
    """Create the notifiers of the watcher.

    Args:
        urls: The URLs in ALERT_URLS.
        allow_link_local: Whether a receiver may have a link-local address, where clouds serve credentials.
        with_alertmanager: Whether Alertmanager notifies those receivers that it can notify.

    Returns:
        The console if it is among the URLs, notifiers of installed packages, and receivers.

    Raises:
        BadAlertUrl: A URL is not the URL of a receiver.

    >>> urls = ["console:", "json://hooks.example.com/a", "ntfys://topic"]
    >>> [notifier.name for notifier in notifiers_from_urls(urls)]
    ['console', 'webhook hooks.example.com', 'ntfy']
    >>> [notifier.name for notifier in notifiers_from_urls(urls, with_alertmanager=True)]
    ['console', 'ntfy']
    """
    extensions: list[Notifier] = [
        found.load()(url) for url in urls if (found := find_extension("carvalue.notifiers", url))
    ]
    console = [ConsoleNotifier()] if any(url.lower().startswith(f"{CONSOLE}:") for url in urls) else []
    others = (
        AppriseNotifier(receiver, allow_link_local=allow_link_local)
        for receiver in receivers_from_urls(urls)
        if receiver.native is None or not with_alertmanager
    )
    return (*console, *extensions, *others)


def headline(alert: Alert) -> str:
    """Describe in one line what began or ended, and when.

    Args:
        alert: The alert.

    Returns:
        Severity, title and time (UTC).
    """
    if alert.resolved_at is None:
        return f"{alert.severity.upper()}: {alert.title}, since {alert.since:%Y-%m-%d %H:%M} UTC"
    return f"RESOLVED: {alert.title}, {alert.since:%Y-%m-%d %H:%M} to {alert.resolved_at:%H:%M} UTC"


def details(alert: Alert) -> list[str]:
    """List the lines of the alert's text.

    Args:
        alert: The alert.

    Returns:
        Lines; none once the alert has ended.
    """
    return alert.text.splitlines() if alert.is_firing else []


class _Connections(local):
    """The addresses that this thread was refused; None while its connections are not watched."""

    refused: list[str] | None = None


_connections = _Connections()


@contextmanager
def _watched_connections(*, refuse: bool) -> Iterator[list[str]]:
    """Refuse connections of this thread to link-local addresses, whatever name or redirect leads there."""
    refused: list[str] = []
    _connections.refused = refused if refuse else None
    try:
        yield refused
    finally:
        _connections.refused = None


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event != "socket.connect" or _connections.refused is None:
        return
    address = arguments[1]
    if isinstance(address, tuple) and is_link_local(str(address[0])):
        _connections.refused.append(str(address[0]))
        raise PermissionError("link-local addresses are refused")


sys.addaudithook(_audit)  # apprise's many services open their connections in many ways
