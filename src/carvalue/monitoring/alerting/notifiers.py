"""Notifiers by URL: the console, a webhook in Slack's format, e-mail, or one of another installed package."""

import smtplib
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from socket import SOCK_STREAM, getaddrinfo
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import httpx

from carvalue.errors import AppError
from carvalue.extensions import find_extension, installed_extensions
from carvalue.monitoring.alerting.store import Alert, DeliveryFailed, Notifier
from carvalue.urls import is_link_local

TIMEOUT_S = 10.0
SMTP_PORT, SMTPS_PORT = 587, 465  # submission (RFC 6409) and submission over TLS (RFC 8314)
RED, GREEN, PLAIN = "\033[1;31m", "\033[1;32m", "\033[0m"


class BadAlertUrl(AppError):
    """A URL in ALERT_URLS is not the URL of a receiver."""

    status = 500
    hint = (
        "Set ALERT_URLS to console:, https://hooks.example.com/..., or smtp://USER:PASSWORD@HOST:587/"
        "?from=cars@example.com&to=you@example.com, separated by commas."
    )


class ConsoleNotifier:
    """Writes to standard error; on a terminal in red for a beginning and in green for an end."""

    name = "console"

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


class WebhookNotifier:
    """Posts JSON with the message as `text`, in Slack's format, and with the alert's fields.

    Args:
        url: The URL of the webhook. Only its host is logged, because the path is a secret.
        allow_link_local: Whether the host may have a link-local address.

    Raises:
        BadAlertUrl: The URL has no host, or it cannot be parsed.
    """

    def __init__(self, url: str, *, allow_link_local: bool = False) -> None:
        try:
            self._url = httpx.URL(url)
        except httpx.InvalidURL:
            raise BadAlertUrl("ALERT_URLS has a webhook that cannot be parsed as a URL.") from None
        if not self._url.host:
            raise BadAlertUrl("ALERT_URLS has a webhook without a host.")
        self._allow_link_local = allow_link_local
        self.name = f"webhook {self._url.host}"

    def notify(self, alert: Alert) -> None:
        """Post the alert.

        Args:
            alert: The alert.

        Raises:
            DeliveryFailed: The webhook does not answer, or not with a success; a redirect is no success. Or
                its host has a link-local address.
        """
        if not self._allow_link_local:
            _require_no_link_local(self._url.host, name=self.name)
        body = {
            "text": _escape("\n".join((f"*{headline(alert)}*", *details(alert)))),
            "status": "firing" if alert.is_firing else "resolved",
            "key": alert.key,
            "kind": alert.kind,
            "severity": alert.severity,
            "since": alert.since.isoformat(),
        }
        try:
            response = httpx.post(self._url, json=body, timeout=TIMEOUT_S, follow_redirects=False)
        except httpx.HTTPError as error:
            raise DeliveryFailed(f"{self.name} does not answer: {type(error).__name__}.") from None
        if not response.is_success:
            raise DeliveryFailed(f"{self.name} answered {response.status_code}.")


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """An e-mail receiver: the SMTP server, the addresses and the login.

    Attributes:
        host: The SMTP server.
        port: Its port. The default is 465 for `smtps://` and 587 for `smtp://`.
        uses_tls: Whether the connection is encrypted from the start (`smtps://`). Otherwise STARTTLS is used
            if the server offers it.
        sender: The address in From.
        recipients: The addresses in To.
        user: The user name; empty for no login.
        password: The password of the user.
    """

    host: str
    port: int
    uses_tls: bool
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    password: str = field(default="", repr=False)


def parse_mail_url(url: str) -> MailServer:
    """Parse the URL of an e-mail receiver.

    Args:
        url: `smtp://` or `smtps://`, with `from` and one or more `to` in the query.

    Returns:
        The parts of the URL, decoded.

    Raises:
        BadAlertUrl: The host, `from` or `to` is missing, or the port is not a number.

    >>> server = parse_mail_url("smtps://me:se%40cret@mail.example.com/?from=a@example.com&to=b@example.com")
    >>> server.host, server.port, server.password, server.recipients
    ('mail.example.com', 465, 'se@cret', ('b@example.com',))
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    required = {"host": parts.hostname, "from": query.get("from"), "to": query.get("to")}
    for name, value in required.items():
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
        raise BadAlertUrl(f"The e-mail URL for {parts.hostname} has a port that is not a number.") from None


class MailNotifier:
    """Sends one e-mail for each notification.

    Args:
        url: The URL of the receiver, see `parse_mail_url`.
        allow_link_local: Whether the server may have a link-local address.
    """

    def __init__(self, url: str, *, allow_link_local: bool = False) -> None:
        self._server, self._allow_link_local = parse_mail_url(url), allow_link_local
        self.name = f"mail {self._server.host}"

    def notify(self, alert: Alert) -> None:
        """Send the alert. A password is sent over an encrypted connection only.

        Args:
            alert: The alert.

        Raises:
            DeliveryFailed: The server does not answer or rejects the message, or has a link-local address.
        """
        if not self._allow_link_local:
            _require_no_link_local(self._server.host, name=self.name)
        try:
            with self._connect() as server:
                if self._server.user:
                    server.login(self._server.user, self._server.password)
                server.send_message(self._message(alert))
        except (OSError, smtplib.SMTPException) as error:
            raise DeliveryFailed(f"{self.name} rejected it: {type(error).__name__}.") from None

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
            raise smtplib.SMTPException("a password is not sent unencrypted")
        return server

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"], message["From"] = f"[carvalue] {headline(alert)}", self._server.sender
        message["To"] = ", ".join(self._server.recipients)
        message.set_content("\n".join((headline(alert), "", *details(alert))))
        return message


def notifiers_from_urls(urls: Sequence[str], *, allow_link_local: bool = False) -> tuple[Notifier, ...]:
    """Create a notifier for each URL. Receivers on the same host get a number in their names.

    Args:
        urls: The URLs in ALERT_URLS.
        allow_link_local: Whether a receiver may have a link-local address, where clouds serve credentials.

    Returns:
        Notifiers with unique names, in the order of the URLs.

    Raises:
        BadAlertUrl: A URL is not the URL of a receiver.

    >>> notifiers = notifiers_from_urls(["console:", "https://hooks.example.com/a", "https://hooks.example.com/b"])
    >>> [notifier.name for notifier in notifiers]
    ['console', 'webhook hooks.example.com', 'webhook hooks.example.com 3']
    >>> notifiers_from_urls(["ftp://example.com"])
    Traceback (most recent call last):
    carvalue.monitoring.alerting.notifiers.BadAlertUrl: ALERT_URLS has a URL with the scheme 'ftp': ...
    """
    notifiers = [_notifier(url, allow_link_local=allow_link_local) for url in urls]
    for number, notifier in enumerate(notifiers):
        if notifier.name in {earlier.name for earlier in notifiers[:number]}:
            notifier.name = f"{notifier.name} {number + 1}"
    return tuple(notifiers)


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


def _notifier(url: str, *, allow_link_local: bool) -> Notifier:
    scheme = url.partition(":")[0].lower()
    if scheme == "console":
        return ConsoleNotifier()
    if scheme in {"http", "https"}:
        return WebhookNotifier(url, allow_link_local=allow_link_local)
    if scheme in {"smtp", "smtps"}:
        return MailNotifier(url, allow_link_local=allow_link_local)
    if extension := find_extension("carvalue.notifiers", url):
        notifier: Notifier = extension.load()(url)
        return notifier
    names = ", ".join(found.name for found in installed_extensions("carvalue.notifiers"))
    raise BadAlertUrl(
        f"ALERT_URLS has a URL with the scheme {scheme!r}: expected console, https or smtp"
        + (f", or of an installed extension: {names}." if names else ".")
    )


def _require_no_link_local(host: str, *, name: str) -> None:
    try:
        found = getaddrinfo(host, None, type=SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DeliveryFailed(f"{name} has no address.") from None
    if any(is_link_local(str(address[0])) for *_, address in found):
        raise DeliveryFailed(f"{name} has a link-local address, which ALERT_LINK_LOCAL=false refuses.")


def _escape(text: str) -> str:
    """Escape the characters that Slack reads as markup, such as a mention of everybody (`<!channel>`)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
