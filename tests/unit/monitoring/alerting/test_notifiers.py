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
import requests
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler

from carvalue.monitoring.alerting.notifiers import notifiers_from_urls
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
    yield f"json://127.0.0.1:{server.server_port}/services/SECRET"
    server.shutdown()
    server.server_close()


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    kept, port = Mailbox(), free_port()
    server = Controller(kept, hostname="127.0.0.1", port=port)
    server.start()
    yield kept, f"mailto://127.0.0.1:{port}?from=cars@example.com&to=you@example.com&format=text"
    server.stop()


def test_a_webhook_gets_title_text_and_type(webhook: str) -> None:
    (notifier,) = notifiers_from_urls([webhook])

    notifier.notify(ALERT)
    notifier.notify(replace(ALERT, resolved_at=NOW))

    began, ended = Webhook.bodies
    assert began["title"] == "WARNING: Quotes have drifted, since 2026-11-01 12:30 UTC"
    assert (began["message"], began["type"]) == ("year: far", "warning")
    assert ended["title"] == "RESOLVED: Quotes have drifted, 2026-11-01 12:30 to 12:30 UTC"
    assert ended["type"] == "success"


def test_a_refusing_webhook_fails_without_revealing_its_secret(
    webhook: str, caplog: pytest.LogCaptureFixture
) -> None:
    Webhook.status = 500
    (notifier,) = notifiers_from_urls([webhook])

    with caplog.at_level("INFO"), pytest.raises(DeliveryFailed, match="did not accept it") as refused:
        notifier.notify(ALERT)

    assert "500" in caplog.text  # apprise logs the reason
    assert "SECRET" not in str(refused.value) + notifier.name + caplog.text


def test_an_unavailable_webhook_fails_without_revealing_its_secret(caplog: pytest.LogCaptureFixture) -> None:
    (notifier,) = notifiers_from_urls([f"json://127.0.0.1:{free_port()}/SECRET"])

    with caplog.at_level("INFO"), pytest.raises(DeliveryFailed, match="did not accept it"):
        notifier.notify(ALERT)

    assert "SECRET" not in caplog.text


@pytest.mark.parametrize("option", ["", "?redirect=yes"])
def test_a_redirect_is_not_followed(webhook: str, option: str) -> None:
    Webhook.status, Webhook.location = 307, webhook.replace("json:", "http:")
    (notifier,) = notifiers_from_urls([webhook + option])

    with pytest.raises(DeliveryFailed, match="did not accept it"):
        notifier.notify(ALERT)

    assert len(Webhook.bodies) == 1


@pytest.mark.parametrize(
    "url",
    [
        "json://169.254.169.254/latest/meta-data",
        "http://2852039166/",  # 169.254.169.254 as a number
        "json://[::ffff:169.254.169.254]/",
        "json://[fd00:ec2::254]/",
        "mailto://169.254.169.254?from=cars@example.com&to=you@example.com",
        "ntfy://169.254.169.254/topic",
        "mmost://169.254.169.254/abcdefghijklmnopqrstuvwx",
        "gotify://169.254.169.254/abcdefghijklmno",
        "form://169.254.169.254",
    ],
)
def test_an_address_that_serves_credentials_is_not_called(url: str) -> None:
    (notifier,) = notifiers_from_urls([url])

    with pytest.raises(DeliveryFailed, match="ALERT_LINK_LOCAL"):
        notifier.notify(ALERT)


def test_a_name_of_such_an_address_is_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    (notifier,) = notifiers_from_urls(["json://hooks.example.com/SECRET"])

    with pytest.raises(DeliveryFailed, match="ALERT_LINK_LOCAL"):
        notifier.notify(ALERT)


def test_link_local_addresses_are_called_if_a_setting_allows_them() -> None:
    assert is_link_local("169.254.169.254")
    (notifier,) = notifiers_from_urls([f"json://127.0.0.1:{free_port()}/"], allow_link_local=True)

    with pytest.raises(DeliveryFailed, match="did not accept it"):
        notifier.notify(ALERT)


def test_slack_gets_no_markup_of_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = list[str]()

    def send(_: requests.Session, request: requests.PreparedRequest, **__: object) -> requests.Response:
        sent.append(str(request.body))
        answer = requests.Response()
        answer.status_code, answer._content = 200, b"ok"
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    (notifier,) = notifiers_from_urls(
        ["https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"]
    )

    notifier.notify(replace(ALERT, text="model: <!channel> & <https://evil.example|click> 1.0% -> 9.0%"))

    assert "<!channel>" not in sent[0]
    assert "<https://evil.example" not in sent[0]
    assert "&lt;!channel&gt;" in sent[0]


def test_mail_is_sent(mailbox: tuple[Mailbox, str]) -> None:
    kept, url = mailbox
    (notifier,) = notifiers_from_urls([url])

    notifier.notify(ALERT)

    (message,) = kept.messages
    assert message["subject"] == "WARNING: Quotes have drifted, since 2026-11-01 12:30 UTC"
    assert "cars@example.com" in message["from"]
    assert message["to"] == "you@example.com"
    assert "year: far" in message.get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_a_password_is_not_sent_in_the_clear(mailbox: tuple[Mailbox, str]) -> None:
    kept, url = mailbox
    (notifier,) = notifiers_from_urls([url.replace("mailto://", "mailtos://me:secret@")])

    with pytest.raises(DeliveryFailed):
        notifier.notify(ALERT)

    assert kept.messages == []


def test_the_console_shows_new_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    (notifier,) = notifiers_from_urls(["console:"])

    notifier.notify(ALERT)

    assert capsys.readouterr().err == (
        "WARNING: Quotes have drifted, since 2026-11-01 12:30 UTC\n  year: far\n"
    )
