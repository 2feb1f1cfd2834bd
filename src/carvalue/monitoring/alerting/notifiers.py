"""Where alerts are told, each named by a URL: the console, a webhook in Slack's form, or e-mail."""

import smtplib
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import httpx

from carvalue.errors import AppError
from carvalue.monitoring.alerting.store import Alert, DeliveryFailed, Notifier

TIMEOUT_S = 10.0
SMTP_PORT, SMTPS_PORT = 587, 465  # submission (RFC 6409) and submission over TLS (RFC 8314)
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


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """An SMTP server, the addresses of one e-mail receiver, and the login, as ALERT_URLS names them.

    Attributes:
        host: of the SMTP server.
        port: of the SMTP server; without one in the URL 465 for `smtps://`, 587 for `smtp://`.
        uses_tls: whether the connection is encrypted from the start (`smtps://`); otherwise by STARTTLS if
            the server offers it.
        sender: the address in From.
        recipients: the addresses in To.
        user: the login's name; empty where there is no login.
        password: the login's password.
    """

    host: str
    port: int
    uses_tls: bool
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)


def parse_mail_url(url: str) -> MailServer:
    """Read an e-mail receiver from its URL.

    Raises:
        BadAlertUrl: the URL has no host, no `from`, no `to`, or a port that is no number.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    for name, value in (("host", parts.hostname), *((name, query.get(name)) for name in ("from", "to"))):
        if not value:
            raise BadAlertUrl(f"The e-mail URL for {parts.hostname or 'no host'} has no {name!r}.")
    return MailServer(
        host=parts.hostname or "",
        port=_port(parts),
        uses_tls=parts.scheme == "smtps",
        sender=query["from"][0],
        recipients=tuple(query["to"]),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


def _port(parts: SplitResult) -> int:
    try:
        return parts.port or (SMTPS_PORT if parts.scheme == "smtps" else SMTP_PORT)
    except ValueError:
        raise BadAlertUrl(f"The e-mail URL for {parts.hostname} has a port that is no number.") from None


class MailNotifier:
    """Sends one message by SMTP, encrypted where the server can (STARTTLS), always with smtps://."""

    def __init__(self, url: str) -> None:
        self._server = parse_mail_url(url)
        self.name = f"mail {self._server.host}"

    def tell(self, alert: Alert) -> None:
        """Send it.

        Raises:
            DeliveryFailed: the server does not answer or refuses it.
        """
        try:
            with self._connect() as server:
                if self._server.user:
                    server.login(self._server.user, self._server.password)
                server.send_message(self._message(alert))
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(f"{self.name} refused it: {type(error).__name__}.") from None

    def _connect(self) -> smtplib.SMTP:
        host, port = self._server.host, self._server.port
        if self._server.uses_tls:
            return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_S)
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=ssl.create_default_context())
        elif self._server.user:
            server.close()
            raise smtplib.SMTPException("a password is not sent in the clear")
        return server

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"], message["From"] = f"[carvalue] {headline(alert)}", self._server.sender
        message["To"] = ", ".join(self._server.recipients)
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
