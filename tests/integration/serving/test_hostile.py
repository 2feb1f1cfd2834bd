"""Arbitrary bytes on a socket of the real service: each is answered with a problem or ends the connection;
none causes status 500, a hang or a leak of memory.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain, repeat
from typing import NamedTuple

import httpx
import psutil
import pytest

from carvalue.platform.processes.ports import free_port
from carvalue.serving.model.bundle_cache import BundleCache, CachedBundle
from fakes import FakeRegistry
from markets import a_bundle
from waiting import until

pytestmark = pytest.mark.platform

MUCH = 100 * 2**20
GROWN_MB = 48  # what a few requests of the largest size that is taken leave in the allocator
NEST = b'{"make": ' * 50_000
CAR = b'"make": "ford", "model": "focus"'


class Service(NamedTuple):
    """The service's port and its process."""

    port: int
    process: psutil.Process

    def memory_mb(self) -> float:
        return float(self.process.memory_info().rss) / 2**20


class Answer(NamedTuple):
    """Status, content type and body; 0 where the connection ended without an answer."""

    status: int
    kind: str
    body: bytes


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder, port = tmp_path_factory.mktemp("service"), free_port()
    registry, cache = FakeRegistry(), BundleCache(folder / "state" / "service" / "bundles")
    version = registry.promote(a_bundle(folder / "market"), version=1)
    cache.set_last_good(
        CachedBundle(version=version, folder=registry.download(version, into=cache.folder_of(version)))
    )
    environment = os.environ | {
        "STATE_DIR": str(folder / "state"),
        "SERVICE_PORT": str(port),
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}",
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "carvalue.serving"], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: _is_ready(port), within_s=90)
        yield Service(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(timeout=30)
    said = (folder / "log").read_text()
    assert "Traceback" not in said
    assert '"status": 500' not in said


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").is_success
    except httpx.TransportError:
        return False


def send(service: Service, pieces: Iterable[bytes], *, half_close: bool = False) -> Answer:
    """Send until the other side has enough, then read what it says."""
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=20)) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                connection.sendall(piece)
        if half_close:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_WR)
        came = bytearray()
        with suppress(ConnectionResetError):
            while not _is_whole(bytes(came)):
                piece = connection.recv(65_536)
                if not piece:
                    break
                came += piece
        return _answer(bytes(came))


def _is_whole(came: bytes) -> bool:
    head, _, body = came.partition(b"\r\n\r\n")
    length = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(length) and len(body) >= int(length[0])


def _answer(came: bytes) -> Answer:
    head, _, body = came.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return Answer(int(lines[0].split()[1]) if head else 0, headers.get("content-type", ""), body)


def head(route: str = "/predict", **headers: object) -> bytes:
    lines = {"Host": "localhost", "Content-Type": "application/json", **headers}
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"POST {route} HTTP/1.1\r\n{told}\r\n".encode()


def posted(body: bytes, route: str = "/predict", **headers: object) -> list[bytes]:
    return [head(route, Content_Length=len(body), **headers), body]


def chunked(pieces: Iterable[bytes], route: str = "/predict", **headers: object) -> Iterator[bytes]:
    framed = (b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return chain([head(route, Transfer_Encoding="chunked", **headers)], framed, [b"0\r\n\r\n"])


@pytest.mark.parametrize("route", ["/predict", "/explain", "/distribution", "/curves"])
@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        pytest.param(b"{%s, " % CAR, 400, "character", id="cut off"),
        pytest.param(NEST, 400, "nested", id="deep"),
        pytest.param(b'{%s, "year": NaN}' % CAR, 400, "NaN", id="NaN"),
        pytest.param(b'{%s, "year": -Infinity}' % CAR, 400, "-Infinity", id="Infinity"),
        pytest.param(b'{%s, "year": 1, "year": 2}' % CAR, 400, '"year" twice', id="twice"),
        pytest.param(b'{%s, "year": %s}' % (CAR, b"9" * 5_000), 400, "digits", id="digits"),
        pytest.param(b"\xff\xfe{\x00}\x00", 400, "byte 0", id="UTF-16"),
        pytest.param(b'{%s, "year": 1e309}' % CAR, 422, "/year", id="1e309"),
        pytest.param(b'{%s, "year": -2015}' % CAR, 422, "/year", id="negative"),
        pytest.param(b'{%s, "year": 90000}' % CAR, 422, "/year", id="absurd year"),
        pytest.param(b'{%s, "year": true}' % CAR, 422, "/year", id="bool"),
        pytest.param(b'{%s, "year": null}' % CAR, 422, "/year", id="null"),
        pytest.param(b'{"make": "\\ud800", "model": "x", "year": 2015}', 422, "/make", id="surrogate"),
        pytest.param(b'{"make": "ford", "model": "\\u0000", "year": 2015}', 422, "/model", id="NUL"),
        pytest.param(b'{%s, "year": {"year": [2015]}}' % CAR, 422, "/year", id="object"),
    ],
)
def test_an_invalid_value_is_named(service: Service, route: str, body: bytes, status: int, said: str) -> None:
    answer = send(service, posted(body, route))

    told = json.loads(answer.body)
    assert (answer.status, answer.kind) == (status, "application/problem+json")
    assert said in told["detail"] or said in [error["pointer"] for error in told.get("errors", ())]


def test_chunks_without_a_length_are_a_body(service: Service) -> None:
    car = b'{"make": "ford", "model": "focus", "year": 2015}'

    answer = send(service, chunked(car[at : at + 1] for at in range(len(car))))

    assert answer.status == 200


@pytest.mark.parametrize("route", ["/predict", "/explain", "/feedback"])
def test_a_body_above_the_limit_is_refused_while_it_is_received(service: Service, route: str) -> None:
    before, million = service.memory_mb(), b"x" * 2**20
    text = [b'{"make": "', *repeat(million, 10), b'"}']
    ways = {
        "declared": [head(route, Content_Length=MUCH)],
        "10 MB text": [head(route, Content_Length=sum(map(len, text))), *text],
        "chunked": chunked(repeat(million, MUCH // 2**20), route),
    }

    answers = {name: send(service, pieces) for name, pieces in ways.items()}

    assert {name: answer.status for name, answer in answers.items()} == dict.fromkeys(ways, 413)
    assert all(answer.kind == "application/problem+json" for answer in answers.values())
    assert service.memory_mb() - before < GROWN_MB


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([head(Content_Length=100), b'{"make": '], id="less than declared"),
        pytest.param([head(Transfer_Encoding="chunked"), b"5\r\n{"], id="within a chunk"),
        pytest.param([b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Le"], id="within the head"),
        pytest.param([], id="nothing"),
    ],
)
def test_a_client_that_disconnects_halfway_is_ignored(service: Service, pieces: list[bytes]) -> None:
    answer = send(service, pieces, half_close=True)

    assert answer.status in {0, 400}


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20], id="TLS"),
        pytest.param([b"POST /predict HTTP/9.9\r\n\r\n"], id="version"),
        pytest.param([b"\x00" * 4_096], id="NULs"),
        pytest.param([head(Content_Length="many")], id="no length"),
        pytest.param([head(Content_Length=-1)], id="negative length"),
        pytest.param([head(Transfer_Encoding="chunked"), b"zz\r\n"], id="no chunk"),
    ],
)
def test_invalid_http_is_refused(service: Service, pieces: list[bytes]) -> None:
    answer = send(service, pieces, half_close=True)

    assert answer.status in {0, 400}


def test_after_all_requests_it_still_quotes_and_memory_has_not_grown(service: Service) -> None:
    before, most = service.memory_mb(), json.dumps([{"make": "a" * 100, "model": "b", "year": 0}] * 1_000)

    for _ in range(30):
        assert send(service, posted(most.encode())).status == 422
        assert send(service, posted(NEST)).status == 400

    assert service.memory_mb() - before < GROWN_MB
    assert send(service, posted(b'{"make": "ford", "model": "focus", "year": 2015}')).status == 200
