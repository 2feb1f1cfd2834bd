"""The receivers of alerts, from URLs in apprise's syntax such as `slack://`, `mailtos://` or `pagerduty://`."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from apprise import Apprise, AppriseAsset, NotifyBase
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.email.base import NotifyEmail
from apprise.plugins.pagerduty import NotifyPagerDuty
from apprise.plugins.slack import NotifySlack, SlackMode

from carvalue.errors import AppError
from carvalue.extensions import find_extension, installed_extensions

SMTP_PORT, SMTPS_PORT = 587, 465  # submission (RFC 6409) and submission over TLS (RFC 8314)
CONSOLE = "console"
ASSET = AppriseAsset(app_id="carvalue", app_desc="carvalue", http_redirects=False)

logger = logging.getLogger(__name__)


class BadAlertUrl(AppError):
    """A URL in ALERT_URLS is not the URL of a receiver."""

    status = 500
    hint = (
        "Set ALERT_URLS to console:, slack://TOKEN/TOKEN/TOKEN, "
        "mailtos://USER:PASSWORD@HOST?from=cars@example.com&to=you@example.com, or another URL of apprise, "
        "separated by commas."
    )


@dataclass(frozen=True, kw_only=True)
class SlackHook:
    """An incoming webhook of Slack.

    Attributes:
        url: The URL, which is a secret.
    """

    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class JsonHook:
    """A server that takes JSON.

    Attributes:
        url: The URL without user and password; its path may be a secret.
        user: The user name of HTTP's basic authentication; empty for none.
        password: The password of the user.
    """

    url: str = field(repr=False)
    user: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class PagerDutyService:
    """A service of PagerDuty.

    Attributes:
        key: Its integration key, which is a secret.
    """

    key: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """An SMTP server with the addresses and the login.

    Attributes:
        host: The server.
        port: Its port.
        uses_tls: Whether the connection must be encrypted: from the start on port 465, else by STARTTLS.
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


NativeReceiver = SlackHook | JsonHook | PagerDutyService | MailServer
"""What Alertmanager and Grafana can notify without apprise."""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """One receiver of ALERT_URLS.

    Attributes:
        name: A unique name without secrets.
        service: The service of apprise.
        deprecated: What to write in place of a form that the next release refuses; empty for others.
    """

    name: str
    service: NotifyBase
    deprecated: str = ""

    @property
    def native(self) -> NativeReceiver | None:
        """The receiver for Alertmanager and Grafana; None if they cannot notify it."""
        return _native(self.service)


def receivers_from_urls(urls: Sequence[str]) -> tuple[Receiver, ...]:
    """Parse the URLs of receivers. Receivers with the same name get a number.

    Args:
        urls: The URLs in ALERT_URLS; `console:` and the schemes of installed packages are left out.

    Returns:
        The receivers, in the order of the URLs.

    Raises:
        BadAlertUrl: A URL is not the URL of a receiver.

    >>> urls = ["console:", "json://hooks.example.com/a", "json://hooks.example.com/b"]
    >>> [receiver.name for receiver in receivers_from_urls(urls)]
    ['webhook hooks.example.com', 'webhook hooks.example.com 2']
    >>> receivers_from_urls(["pigeon://loft"])
    Traceback (most recent call last):
    carvalue.monitoring.alerting.receivers.BadAlertUrl: ALERT_URLS has a URL with the scheme 'pigeon', ...
    """
    found: list[Receiver] = []
    for url in urls:
        if _scheme(url) == CONSOLE or find_extension("carvalue.notifiers", url):
            continue
        service, deprecated = _service(url)
        name = _name(service)
        number = sum(earlier.name.split(" ")[:2] == name.split(" ") for earlier in found)
        unique = f"{name} {number + 1}" if number else name
        found.append(Receiver(name=unique, service=service, deprecated=deprecated))
    return tuple(found)


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _service(url: str) -> tuple[NotifyBase, str]:
    """Return the service of a URL and, for a form of release 0.2, what to write instead."""
    scheme = _scheme(url)
    deprecated = ""
    with _silenced():  # its messages may hold the URL
        service = Apprise.instantiate(url, asset=ASSET)
        if service is None and scheme in {"http", "https"}:
            deprecated = f"json{'s' if scheme == 'https' else ''}://"
            service = Apprise.instantiate(f"{deprecated}{url.partition('://')[2]}", asset=ASSET)
        elif scheme in {"smtp", "smtps"}:
            deprecated = "mailtos://"
            service = Apprise.instantiate(_mail_url(url), asset=ASSET)
    if not isinstance(service, NotifyBase):
        names = ", ".join(found.name for found in installed_extensions("carvalue.notifiers"))
        others = f", and which is none of an installed extension: {names}." if names else "."
        raise BadAlertUrl(
            f"ALERT_URLS has a URL with the scheme {scheme!r}, which apprise cannot read{others}"
        )
    service.redirects = False  # also against redirect=yes in the URL
    if service.password and getattr(service, "secure_mode", "") == "insecure":
        raise BadAlertUrl(f"ALERT_URLS sends a password unencrypted to {service.host}; expected mailtos://.")
    return service, deprecated


def _mail_url(url: str) -> str:
    """Convert an e-mail URL of release 0.2: smtp://USER:PASSWORD@HOST:PORT/?from=A&to=B&to=C."""
    parts, query = urlsplit(url), parse_qs(urlsplit(url).query)
    host, login = parts.hostname or "no host", parts.netloc.rpartition("@")[0]
    given = {"host": parts.hostname, "from": query.get("from"), "to": query.get("to")}
    for name, value in given.items():
        if not value:
            raise BadAlertUrl(f"The e-mail URL for {host} has no {name!r}.")
    try:
        port = parts.port or (SMTPS_PORT if parts.scheme == "smtps" else SMTP_PORT)
    except ValueError:
        raise BadAlertUrl(f"The e-mail URL for {host} has a port that is not a number.") from None
    mode = "ssl" if parts.scheme == "smtps" else "starttls" if login else "insecure"
    addresses = {"from": query["from"][0], "to": ",".join(query["to"]), "smtp": parts.hostname or ""}
    options = urlencode({**addresses, "mode": mode, "format": "text"}, quote_via=quote)
    scheme = "mailto" if mode == "insecure" else "mailtos"
    return f"{scheme}://{login}{'@' if login else ''}{parts.hostname or ''}:{port}?{options}"


def _name(service: NotifyBase) -> str:
    match _native(service):
        case MailServer(host=host):
            return f"mail {host}"
        case JsonHook():
            return f"webhook {service.host}"
        case _:
            return str(service.service_name).lower().replace(" ", "")


def _native(service: NotifyBase) -> NativeReceiver | None:
    match service:
        case NotifyJSON():
            return _json_hook(service)
        case NotifyEmail():
            return _mail_server(service)
        case NotifySlack(mode=SlackMode.WEBHOOK):
            tokens = (service.token_a, service.token_b, service.token_c)
            return SlackHook(url="/".join((service.webhook_url, *map(str, tokens))))
        case NotifyPagerDuty():
            return PagerDutyService(key=service.integration_key)
        case _:
            return None


def _json_hook(service: NotifyJSON) -> JsonHook:
    address = service.host if service.port is None else f"{service.host}:{service.port}"
    return JsonHook(
        url=f"http{'s' if service.secure else ''}://{address}{service.fullpath or '/'}",
        user=service.user or "",
        password=service.password or "",
    )


def _mail_server(service: NotifyEmail) -> MailServer:
    return MailServer(
        host=service.smtp_host,
        port=int(service.port or SMTP_PORT),
        uses_tls=bool(service.secure),
        sender=str(service.from_addr[1]),
        recipients=tuple(address for _, address in service.targets),
        user=service.user or "",
        password=service.password or "",
    )


@contextmanager
def _silenced() -> Iterator[None]:
    messages = logging.getLogger("apprise")
    before, messages.disabled = messages.disabled, True
    try:
        yield
    finally:
        messages.disabled = before
