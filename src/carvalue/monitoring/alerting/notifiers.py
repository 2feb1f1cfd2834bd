"""Where alerts are told, each named by a URL: the console, a webhook in Slack's form, or e-mail."""

import smtplib
import ssl
import sys
from collections.abc import Sequence
from email.message import EmailMessage
from urllib.parse import parse_qs, unquote, urlsplit

import httpx

from carvalue.errors import AppError
from carvalue.monitoring.alerting.store import Alert, DeliveryFailed, Notifier

TIMEOUT_S = 10.0
RED, GREEN, PLAIN = "\033[1;31m", "\033[1;32m", "\033[0m"


class BadAlertUrl(AppError):
    """An alert URL that names no sink."""

    status = 500
    hint = (
        "ALERT_URLS takes console:, https://hooks.example.com/..., and smtp://USER:PASSWORD@HOST:587/"
        "?from=cars@example.com&to=you@example.com, with commas between them."
    )


class ConsoleNotifier:
    """Tells in the process's own output, in red what began and in green what ended."""

    name = "console"

    def tell(self, alert: Alert) -> None:
        """Write some lines."""
        color = RED if alert.is_firing else GREEN
        start, end = (color, PLAIN) if sys.stderr.isatty() else ("", "")
        lines = [f"{start}{headline(alert)}{end}", *(f"  {line}" for line in details(alert))]
        sys.stderr.write("\n".join(lines) + "\n")
        sys.stderr.flush()


class WebhookNotifier:
    """Posts JSON that Slack and its like show as a message; the alert's parts stand beside it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = f"webhook {urlsplit(url).hostname}"  # the rest of the URL is a secret

    def tell(self, alert: Alert) -> None:
        """Post it.

        Raises:
            DeliveryFailed: no answer, or one that is no success.
        """
        body = {
            "text": "\n".join((f"*{headline(alert)}*", *details(alert))),
            "status": "firing" if alert.is_firing else "resolved",
            "key": alert.key,
            "kind": alert.kind,
            "severity": alert.severity,
            "since": alert.since.isoformat(),
        }
        try:
            answer = httpx.post(self._url, json=body, timeout=TIMEOUT_S)
        except httpx.HTTPError as error:
            raise DeliveryFailed(f"{self.name} does not answer: {type(error).__name__}.") from None
        if not answer.is_success:
            raise DeliveryFailed(f"{self.name} answered {answer.status_code}.")


class MailNotifier:
    """Sends one message by SMTP, encrypted where the server can (STARTTLS), always with smtps://."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        asked = parse_qs(parts.query)
        try:
            self._host, self._from, self._to = parts.hostname or "", asked["from"][0], asked["to"]
        except KeyError as error:
            raise BadAlertUrl(f"The e-mail URL for {parts.hostname} has no {error.args[0]!r}.") from None
        self._port = parts.port or (465 if parts.scheme == "smtps" else 587)
        self._encrypted = parts.scheme == "smtps"
        self._login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        self.name = f"mail {self._host}"

    def tell(self, alert: Alert) -> None:
        """Send it.

        Raises:
            DeliveryFailed: the server does not answer or refuses it.
        """
        try:
            with self._connect() as server:
                if self._login:
                    server.login(*self._login)
                server.send_message(self._message(alert))
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(f"{self.name} refused it: {type(error).__name__}.") from None

    def _connect(self) -> smtplib.SMTP:
        if self._encrypted:
            return smtplib.SMTP_SSL(
                self._host, self._port, timeout=TIMEOUT_S, context=ssl.create_default_context()
            )
        server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT_S)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        elif self._login:
            server.close()
            raise smtplib.SMTPException("a password is not sent in the clear")
        return server

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"], message["From"] = f"[carvalue] {headline(alert)}", self._from
        message["To"] = ", ".join(self._to)
        message.set_content("\n".join((headline(alert), "", *details(alert))))
        return message


def notifiers_from_urls(urls: Sequence[str]) -> tuple[Notifier, ...]:
    """Make the sinks that the URLs name; two receivers at one host are told apart.

    Raises:
        BadAlertUrl: a URL names none.
    """
    sinks = [_sink(url) for url in urls]
    for number, sink in enumerate(sinks):
        if sink.name in {earlier.name for earlier in sinks[:number]}:
            sink.name = f"{sink.name} {number + 1}"
    return tuple(sinks)


def headline(alert: Alert) -> str:
    """Tell in one line what began or ended, and when."""
    if alert.resolved_at is None:
        return f"{alert.severity.upper()}: {alert.title}, since {alert.since:%Y-%m-%d %H:%M} UTC"
    return f"RESOLVED: {alert.title}, {alert.since:%Y-%m-%d %H:%M} to {alert.resolved_at:%H:%M} UTC"


def details(alert: Alert) -> list[str]:
    """List what moved, how far and what to do; nothing once it has ended, for then nothing is to be done."""
    return alert.text.splitlines() if alert.is_firing else []


def _sink(url: str) -> Notifier:
    scheme = urlsplit(url).scheme
    if scheme == "console":
        return ConsoleNotifier()
    if scheme in {"http", "https"}:
        return WebhookNotifier(url)
    if scheme in {"smtp", "smtps"}:
        return MailNotifier(url)
    raise BadAlertUrl(f"ALERT_URLS names a sink of the kind {scheme!r}.")
