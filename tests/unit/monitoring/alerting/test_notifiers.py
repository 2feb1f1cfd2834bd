"""Notifiers deliver alerts over a real HTTP server, a real SMTP server and the console."""

import json
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from carvalue.monitoring.alerting import notifiers
from carvalue.monitoring.alerting.notifiers import BadAlertUrl, notifiers_from_urls, parse_mail_url
from carvalue.monitoring.alerting.store import Alert, DeliveryFailed
from carvalue.platform.processes.ports import free_port
from carvalue.urls import is_link_local

NOW = datetime(2026, 11, 1, 12, 30, tzinfo=UTC)
ALERT = Alert(
    key="drift", kind="drift", severity="warning", title="Quotes have drifted", text="year: far", since=NOW
)


class Webhook(BaseHTTPRequestHandler):
    """Keeps what it is sent."""

    bodies: ClassVar[list[Any]] = []
    status = 200
    location = "/"

    def do_POST(self) -> None:
        type(self).bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(self.status)
        self.send_header("Location", self.location)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Mailbox(MessageHandler):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def handle_message(self, message: Message) -> None:
        self.messages.append(message)


@pytest.fixture
def webhook() -> Iterator[str]:
    Webhook.bodies, Webhook.status = [], 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    Thread(target=server.serve_forever).start()
    yield f"http://127.0.0.1:{server.server_port}/services/T0/SECRET"
    server.shutdown()
    server.server_close()


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    kept, port = Mailbox(), free_port()
    server = Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    yield kept, f"smtp://127.0.0.1:{port}/?from=cars@example.com&to=you@example.com"
    server.stop()


def test_a_webhook_gets_a_message_and_the_parts(webhook: str) -> None:
    (sink,) = notifiers_from_urls([webhook])

    sink.notify(ALERT)
    sink.notify(replace(ALERT, resolved_at=NOW))

    began, ended = Webhook.bodies
    assert began["text"] == "*WARNING: Quotes have drifted, since 2026-11-01 12:30 UTC*\nyear: far"
    assert ended["text"] == "*RESOLVED: Quotes have drifted, 2026-11-01 12:30 to 12:30 UTC*"
    assert (began["status"], ended["status"]) == ("firing", "resolved")
    assert began["kind"] == "drift"


def test_a_refusing_webhook_fails_without_revealing_its_secret(webhook: str) -> None:
    Webhook.status = 500
    (sink,) = notifiers_from_urls([webhook])

    with pytest.raises(DeliveryFailed, match="answered 500") as refused:
        sink.notify(ALERT)

    assert "SECRET" not in str(refused.value) + sink.name


def test_an_unavailable_webhook_fails() -> None:
    (sink,) = notifiers_from_urls([f"http://127.0.0.1:{free_port()}/"])

    with pytest.raises(DeliveryFailed, match="ConnectError"):
        sink.notify(ALERT)


def test_a_redirect_is_not_followed(webhook: str) -> None:
    Webhook.status, Webhook.location = 307, webhook
    (sink,) = notifiers_from_urls([webhook])

    with pytest.raises(DeliveryFailed, match="answered 307"):
        sink.notify(ALERT)

    assert len(Webhook.bodies) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/",  # 169.254.169.254 as a number
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "smtp://169.254.169.254/?from=cars@example.com&to=you@example.com",
    ],
)
def test_an_address_that_serves_credentials_is_not_called(url: str) -> None:
    (sink,) = notifiers_from_urls([url])

    with pytest.raises(DeliveryFailed, match="ALERT_LINK_LOCAL"):
        sink.notify(ALERT)


def test_a_name_of_such_an_address_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 0))]
    monkeypatch.setattr(notifiers, "getaddrinfo", lambda *_, **__: answer)
    (sink,) = notifiers_from_urls(["http://hooks.example.com/services/SECRET"])

    with pytest.raises(DeliveryFailed, match="ALERT_LINK_LOCAL"):
        sink.notify(ALERT)


def test_link_local_addresses_are_called_if_a_setting_allows_them() -> None:
    assert is_link_local("169.254.169.254")
    (sink,) = notifiers_from_urls([f"http://127.0.0.1:{free_port()}/"], allow_link_local=True)

    with pytest.raises(DeliveryFailed, match="ConnectError"):
        sink.notify(ALERT)


def test_a_webhook_gets_no_markup_of_the_data(webhook: str) -> None:
    (sink,) = notifiers_from_urls([webhook])

    sink.notify(replace(ALERT, text="model: <!channel> & <https://evil.example|click> 1.0% -> 9.0%"))

    (body,) = Webhook.bodies
    assert body["text"].endswith(
        "model: &lt;!channel&gt; &amp; &lt;https://evil.example|click&gt; 1.0% -&gt; 9.0%"
    )


@pytest.mark.parametrize("url", ["https://", "https://host:port/SECRET", "http://[::1/SECRET"])
def test_a_url_that_cannot_be_parsed_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(BadAlertUrl) as refused:
        notifiers_from_urls([url])

    assert "SECRET" not in str(refused.value)


def test_mail_is_sent(mailbox: tuple[Mailbox, str]) -> None:
    kept, url = mailbox
    (sink,) = notifiers_from_urls([url])

    sink.notify(ALERT)

    (message,) = kept.messages
    assert message["subject"] == "[carvalue] WARNING: Quotes have drifted, since 2026-11-01 12:30 UTC"
    assert (message["from"], message["to"]) == ("cars@example.com", "you@example.com")
    assert "year: far" in str(message.get_payload())


def test_a_password_is_not_sent_in_the_clear(mailbox: tuple[Mailbox, str]) -> None:
    kept, url = mailbox
    (sink,) = notifiers_from_urls([url.replace("smtp://", "smtp://me:secret@")])

    with pytest.raises(DeliveryFailed):
        sink.notify(ALERT)

    assert kept.messages == []


def test_the_console_shows_new_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    (sink,) = notifiers_from_urls(["console:"])

    sink.notify(ALERT)

    assert capsys.readouterr().err == (
        "WARNING: Quotes have drifted, since 2026-11-01 12:30 UTC\n  year: far\n"
    )


@pytest.mark.parametrize(
    "url",
    [
        "pigeon://loft",
        "mailto:you@example.com",
        "smtp://host/?to=you@example.com",
        "smtps://host/?from=cars@example.com",
        "smtp:///?from=cars@example.com&to=you@example.com",
        "smtp://host:mail/?from=cars@example.com&to=you@example.com",
    ],
)
def test_a_url_of_no_notifier_is_refused(url: str) -> None:
    with pytest.raises(BadAlertUrl):
        notifiers_from_urls([url])


def test_two_receivers_of_one_host_are_told_apart() -> None:
    names = [
        sink.name
        for sink in notifiers_from_urls(["https://hooks.example.com/a", "https://hooks.example.com/b"])
    ]

    assert names == ["webhook hooks.example.com", "webhook hooks.example.com 2"]


def test_a_mail_url_without_a_port_gets_that_of_its_scheme() -> None:
    addresses = "from=cars@example.com&to=you@example.com"

    assert parse_mail_url(f"smtp://host/?{addresses}").port == 587
    assert parse_mail_url(f"smtps://host/?{addresses}").port == 465
    assert parse_mail_url(f"smtps://host:2465/?{addresses}").port == 2465
