"""Deadlines of connections: slow clients are disconnected, idle and fast ones are not."""

import json
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.serving.app import create_app
from carvalue.serving.server import deadlines
from carvalue.serving.server.deadlines import DeadlineProtocol
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving
from waiting import until

SHORT_S, PAUSE_S = 0.6, 0.05
CHUNKS = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
BODY_PENDING = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n"
JSON_HEAD = b"POST /predict HTTP/1.1\r\nContent-Type: application/json"
LARGE = 40_000_000  # more than the system keeps for both ends of a connection


def with_a_large_answer(app: ASGIApp) -> ASGIApp:
    """Add `/large`, which a client may read or not."""

    async def added(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("path") != "/large":
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(LARGE // 100_000):
            await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
        await send({"type": "http.response.body"})

    return added


@pytest.fixture(scope="module")
def served(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.URL]:
    """A service with short limits."""
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    app = create_app(Settings(state_dir=tmp_path_factory.mktemp("state")), registry=registry)
    with pytest.MonkeyPatch.context() as short:
        for name in ("HEAD_S", "BODY_S", "ANSWER_S"):
            short.setattr(deadlines, name, SHORT_S)
        short.setattr(deadlines, "CHECK_S", 0.1)
        with serving(with_a_large_answer(app), protocol=DeadlineProtocol) as client:
            until(lambda: client.get("/readyz").is_success)
            client.close()  # a connection less
            yield client.base_url


class Client(httpx.Client):
    """A client of the service that knows what was turned away before the test began."""

    before: Mapping[str, float] = {}

    def rejected(self, reason: str) -> float:
        return self.all_rejected()[reason] - self.before[reason]

    def all_rejected(self) -> Mapping[str, float]:
        name = r'^carvalue_rejected_requests_total{reason="(\w+)"} (\S+)$'
        return {reason: float(number) for reason, number in re.findall(name, self.get("/metrics").text, re.M)}


@pytest.fixture
def client(served: httpx.URL) -> Iterator[Client]:
    with Client(base_url=served, timeout=30) as client:
        client.before = client.all_rejected()
        yield client


def connect(client: httpx.Client) -> socket.socket:
    return socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=10)


def dripped(connection: socket.socket, drop: bytes) -> bytes:
    """Send a few bytes now and then until the server closes the connection; return its response."""
    received, deadline = bytearray(), time.monotonic() + 10
    connection.settimeout(PAUSE_S)
    while time.monotonic() < deadline:
        try:
            piece = connection.recv(65_536)
            if not piece:
                return bytes(received)
            received += piece
        except TimeoutError:
            if drop:
                connection.send(drop)
        except ConnectionError:
            return bytes(received)
    raise AssertionError("the connection is still held")


@pytest.mark.parametrize(
    ("begun", "drop", "status"),
    [
        (b"", b"", b""),
        (b"", b"\r\n", b""),
        (b"G", b"", b"408"),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", b"x", b"408"),
        (BODY_PENDING, b"x", b"200"),
        (
            CHUNKS,
            b"1\r\nx\r\n",
            b"200",
        ),
        (BODY_PENDING.replace(b"GET /healthz HTTP/1.1", JSON_HEAD), b" ", b""),
    ],
    ids=["silence", "empty lines", "one byte", "head", "body", "chunks", "body that is waited for"],
)
def test_a_slow_client_is_disconnected(client: Client, begun: bytes, drop: bytes, status: bytes) -> None:
    with closing(connect(client)) as connection:
        connection.send(begun)
        began = time.monotonic()
        received = dripped(connection, drop)

        assert SHORT_S * 0.8 < time.monotonic() - began < 5
        assert received.startswith(b"HTTP/1.1 " + status if status else b"")
        assert bool(received) == bool(status)
    until(lambda: client.rejected("slow") == 1)


def test_a_second_request_has_no_more_time_than_the_first(client: Client) -> None:
    with closing(connect(client)) as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"alive" in connection.recv(65_536)
        connection.send(b"GET /healthz")

        assert dripped(connection, b"x").startswith(b"HTTP/1.1 408 ")


def test_a_client_that_waits_between_requests_keeps_its_connection(client: Client) -> None:
    with closing(connect(client)) as connection:
        for _ in range(2):
            connection.send(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"alive" in connection.recv(65_536)
            time.sleep(SHORT_S * 2)  # below uvicorn's own limit for keeping it

    assert client.rejected("slow") == 0


def test_a_body_that_comes_fast_enough_may_take_longer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "MIN_BYTES_PER_S", 1_000)
    body = json.dumps(EXAMPLE).encode().ljust(30 * 200)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n"

    with closing(connect(client)) as connection:
        connection.send(head % len(body))
        for place in range(0, len(body), 200):  # 4,000 bytes a second, two and a half times the limit
            connection.send(body[place : place + 200])
            time.sleep(PAUSE_S)

        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")


def test_invalid_http_is_refused_with_a_problem(client: Client) -> None:
    with closing(connect(client)) as connection:
        connection.send(b"\x16\x03\x01 who is there\r\n\r\n")
        head, _, body = dripped(connection, b"").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"content-type: application/problem+json" in head
    assert json.loads(body)["status"] == 400
    assert client.rejected("malformed") == 1


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ",
        b"GET /healthz?",
        CHUNKS + b"1\r\nx\r\n0\r\nTrailer: ",
    ],
    ids=["header", "query", "trailer"],
)
def test_endless_headers_are_refused(client: Client, begun: bytes) -> None:
    with closing(connect(client)) as connection:
        connection.send(begun)
        sent = 0
        with suppress(ConnectionError):
            while sent < LARGE:
                sent += connection.send(b"x" * 10_000)
                time.sleep(0.001)

    assert sent < 3_000_000  # what both ends' buffers take
    until(lambda: client.rejected("large") == 1)


def test_pipelined_requests_are_limited(client: Client) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    with closing(connect(client)) as connection:
        connection.send(one * 30)
        answers = b""
        while answers.count(b"alive") < 30:
            answers += connection.recv(65_536)
        connection.send(one * 3_000)
        assert b" 400 Bad Request" in dripped(connection, b"")

    assert client.rejected("malformed") == 1


def answers(connection: socket.socket) -> list[bytes]:
    """Read until the other side closes; return the status lines."""
    came = bytearray()
    while piece := connection.recv(65_536):
        came += piece
    return re.findall(rb"HTTP/1\.1 (\d+) ", bytes(came))


@pytest.mark.parametrize("ahead", [60, 200])
def test_requests_within_the_limit_are_answered_before_the_others_are_refused(
    client: Client, ahead: int
) -> None:
    one = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    with closing(connect(client)) as connection:
        connection.sendall(one * ahead)
        if ahead <= deadlines.MAX_PIPELINED:
            connection.shutdown(socket.SHUT_WR)
        statuses = answers(connection)

    if ahead <= deadlines.MAX_PIPELINED:
        assert statuses == [b"200"] * ahead
    else:
        assert statuses == [b"200"] * (deadlines.MAX_PIPELINED + 1) + [b"400"]


def test_a_request_before_bytes_that_are_no_http_is_answered(client: Client) -> None:
    with closing(connect(client)) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n\x16\x03 no HTTP\r\n\r\n")
        assert answers(connection) == [b"200", b"400"]


def test_a_half_closed_connection_gets_its_response(client: Client) -> None:
    body = json.dumps(EXAMPLE).encode()
    head = JSON_HEAD + b"\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)

    with closing(connect(client)) as connection:
        connection.sendall(head + body)
        connection.shutdown(socket.SHUT_WR)
        assert answers(connection) == [b"200"]
    with closing(connect(client)) as connection:
        connection.sendall(head + body[:-1])
        connection.shutdown(socket.SHUT_WR)
        assert answers(connection) == []


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket"])
@pytest.mark.parametrize("cut", [0, 40, -3])
def test_an_offer_to_upgrade_is_ignored_and_the_request_answered(
    client: Client, protocol: bytes, cut: int
) -> None:
    body = json.dumps(EXAMPLE).encode()
    offer = b"\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: %s" % protocol
    offer += b"\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"
    request = JSON_HEAD + offer + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    with closing(connect(client)) as connection:
        connection.sendall(request[:cut])
        time.sleep(PAUSE_S if cut else 0)
        connection.sendall(request[cut:] + request + b"GET /healthz HTTP/1.1" + offer + b"\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        assert answers(connection) == [b"200"] * 3


def test_connect_is_refused(client: Client) -> None:
    with closing(connect(client)) as connection:
        connection.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        (status,) = answers(connection)
        assert status in {b"400", b"404", b"405", b"421"}


def test_an_unread_response_is_dropped_and_a_slowly_read_one_is_not(
    client: Client,
) -> None:
    with closing(connect(client)) as connection:
        connection.send(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until(lambda: client.rejected("slow") == 1)

    with client.stream("GET", "/large") as answer:
        read = 0
        for number, piece in enumerate(answer.iter_raw(1_000_000)):
            read += len(piece)
            if number < 20:
                time.sleep(PAUSE_S)

    assert read == LARGE
    assert client.rejected("slow") == 1


def test_connections_above_the_limit_of_file_handles_are_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadlines, "max_connections", lambda: 3)  # the client holds one already

    crowd = [connect(client) for _ in range(2)]
    with closing(connect(client)) as one_more:
        assert one_more.recv(1_000).startswith(b"HTTP/1.1 503 ")
    for connection in crowd:
        connection.close()

    until(lambda: client.post("/predict", json=EXAMPLE).is_success)
    assert client.rejected("crowded") == 1


def test_the_connection_limit_reserves_file_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_handles(soft: int) -> int:
        monkeypatch.setattr(deadlines.resource, "getrlimit", lambda _: (soft, soft))
        return deadlines.max_connections.__wrapped__()

    assert [with_handles(soft) for soft in (1_024, 2**20, -1)] == [896, 10_000, 10_000]
