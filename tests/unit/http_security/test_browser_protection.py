"""Requests of foreign web pages are refused; requests of programs and of the server's own pages pass."""

import asyncio
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from carvalue.http_security import AllowedHosts, BrowserProtection, allowed_hosts
from carvalue.settings import Settings

OWN = "localhost:9696"
PUBLIC = AllowedHosts(names=frozenset({"prices.example.com"}))


async def inner(scope: Scope, _: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def messages(
    *headers: tuple[str, str],
    method: str = "POST",
    allowed: AllowedHosts = AllowedHosts(),  # noqa: B008  # frozen
    kind: str = "http",
    version: str = "1.1",
) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    scope: dict[str, Any] = {
        "type": kind,
        "http_version": version,
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    if kind == "http":
        scope["method"] = method
    asyncio.run(BrowserProtection(inner, allowed=allowed)(scope, receive, send))
    return sent


def status(*headers: tuple[str, str], **options: Any) -> int:
    code: int = messages(*headers, **options)[0]["status"]
    return code


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:9696", "[::1]:9696", "localhost."])
def test_loopback_names_are_accepted(host: str) -> None:
    assert status(("host", host)) == status(("host", host), allowed=PUBLIC) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:9696",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "a:b",
        "localhost@evil",
        "10.0.0.1",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_host_is_refused_for_reads_too(host: str, method: str) -> None:
    assert status(("host", host), method=method) == 421


def test_one_host_is_required_except_by_http_1_0() -> None:
    assert status() == 400
    assert status(("host", OWN), ("host", OWN)) == 400
    assert status(version="1.0") == 200


def test_the_setting_names_further_hosts() -> None:
    assert status(("host", "Prices.example.com:443"), allowed=PUBLIC) == 200
    assert status(("host", "evil.example"), allowed=PUBLIC) == 421
    assert allowed_hosts(Settings(allowed_hosts=" Prices.Example.com, b.example ")).names == {
        "prices.example.com",
        "b.example",
    }
    assert not allowed_hosts(Settings()).is_any
    opened = Settings(bind_host="0.0.0.0", airflow_password="not the default")
    assert allowed_hosts(opened).is_any
    assert not allowed_hosts(opened.model_copy(update={"allowed_hosts": "b.example"})).is_any


def test_off_loopback_health_checks_use_addresses() -> None:
    opened = Settings(
        bind_host="0.0.0.0",
        airflow_password="not the default",
        allowed_hosts="service",
    )
    allowed = allowed_hosts(opened)
    hosts = ["service:9696", "10.1.2.3:9696", "[fd00::1]:9696", "10.1.2.3.evil.example", "evil.example"]

    assert [status(("host", host), allowed=allowed) for host in hosts] == [200, 200, 200, 421, 421]
    assert status(("host", "10.1.2.3")) == 421


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("origin", "http://evil.example"),
        ("origin", "http://localhost:8000"),  # another port is another origin
        ("origin", "http://127.0.0.1:9696"),
        ("origin", "null"),
        ("origin", "chrome-extension://localhost:9696"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_foreign_page_changes_nothing(header: str, value: str, method: str) -> None:
    assert status(("host", OWN), (header, value), method=method) == 403
    assert status(("host", OWN), (header, value), method="GET") == 200


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("origin", f"http://{OWN}"),),
        (("origin", f"http://{OWN}"), ("sec-fetch-site", "same-origin")),
        (("sec-fetch-site", "none"),),
    ],
)
def test_own_pages_and_programs_pass(headers: tuple[tuple[str, str], ...]) -> None:
    assert status(("host", OWN), *headers) == 200


def test_a_proxy_may_end_tls_and_replace_the_host() -> None:
    page = ("origin", "https://prices.example.com")
    assert status(("host", "prices.example.com"), page, allowed=PUBLIC) == 200
    assert status(("host", "127.0.0.1:9696"), page, allowed=PUBLIC) == 200


def test_a_foreign_page_opens_no_websocket() -> None:
    closed = messages(("host", OWN), ("origin", "http://localhost:8000"), kind="websocket")
    opened = messages(("host", OWN), ("origin", f"http://{OWN}"), kind="websocket")
    assert [closed[0]["type"], opened[0]["type"]] == ["websocket.close", "websocket.accept"]
