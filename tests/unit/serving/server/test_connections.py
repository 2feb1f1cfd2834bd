"""Connections to the server itself: what uvicorn's own settings and the routes do without a proxy."""

import json
import resource
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from carvalue.api.examples import LISTING
from carvalue.serving.app import create_app
from carvalue.serving.http import request_body
from carvalue.serving.server.workers import max_connections
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving
from waiting import until

BODY = json.dumps(LISTING).encode()
HEAD = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
WITH_LENGTH = HEAD + b"Content-Length: %d\r\n" % len(BODY)


@pytest.fixture(scope="module")
def served(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    app = create_app(Settings(state_dir=tmp_path_factory.mktemp("state")), registry=registry)
    with serving(app) as client:
        until(lambda: client.get("/readyz").is_success)
        yield client


def answers(client: httpx.Client, sent: bytes) -> bytes:
    """Send bytes, and read until the server closes the connection."""
    address = (client.base_url.host, client.base_url.port or 80)
    with closing(socket.create_connection(address, timeout=30)) as connection:
        connection.sendall(sent)
        received = bytearray()
        while piece := connection.recv(65_536):
            received += piece
        return bytes(received)


def test_a_body_that_does_not_arrive_ends_the_connection(
    served: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_body, "BODY_TIMEOUT_S", 0.2)

    received = answers(served, WITH_LENGTH + b"\r\n" + BODY[:-1])

    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in received


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
def test_an_offer_of_another_protocol_is_ignored_without_a_body_and_refused_with_one(
    served: httpx.Client, protocol: str
) -> None:
    offer = {"Connection": "Upgrade", "Upgrade": protocol}

    assert served.get("/healthz", headers=offer).is_success
    refused = served.post("/predict", json=dict(LISTING), headers=offer)
    assert refused.status_code == 400
    assert "HTTP_1_1" in refused.json()["hint"]


@pytest.mark.parametrize("path", [b"/healthz", b"/predict", b"/nowhere"])
def test_a_body_that_was_not_read_is_not_taken_for_a_request(served: httpx.Client, path: bytes) -> None:
    hidden = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    offer = b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n" % len(hidden)

    received = answers(served, HEAD.replace(b"/predict", path) + offer + hidden)

    assert received.count(b"HTTP/1.1 ") == 1
    assert b"alive" not in received


def test_the_limit_of_connections_reserves_file_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    def with_handles(soft: int) -> int:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, soft))
        return max_connections()

    assert [with_handles(soft) for soft in (1_024, 2**20, -1)] == [896, 10_000, 10_000]
