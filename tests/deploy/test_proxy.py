"""The proxy publishes every documented route, and no client can take the price service out of service."""

import importlib.util
import json
import re
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest
import yaml

from carvalue.api import ROUTES
from carvalue.platform.processes.ports import free_port
from carvalue.serving.server.workers import KEEP_ALIVE_S
from production import answers, proxy, running
from waiting import until

ROOT = Path(__file__).parents[2]


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_edge", ROOT / "deploy" / "generate_edge.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


generate_edge = _generator()
REPLICA = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Replica(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.send_header("X-Replica", sys.argv[2])
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Replica).serve_forever()
"""


PATHS = [path.replace("{quote_id}", "0" * 32) for route in ROUTES for path in route.paths]
PRIVATE_PATHS = {path for route in ROUTES if route.access == "private" for path in route.paths}
DOCUMENTATION = {"/openapi.json", "/docs", "/docs/start.js", "/docs/assets/swagger-ui.css"}


def aws_paths() -> list[str]:
    listed: list[str] = json.loads((ROOT / "deploy/aws/routes.tf.json").read_text())["locals"][
        "service_paths"
    ]
    return listed


def kubernetes_paths() -> list[str]:
    documents = yaml.safe_load_all((ROOT / "deploy" / "kubernetes" / "ingress.yaml").read_text())
    routes = [item for ingress in documents for item in ingress["spec"]["rules"][0]["http"]["paths"]]
    to_service = [item for item in routes if item["backend"]["service"]["name"] == "service"]
    prefixes = [item["path"] + "/*" for item in to_service if item["pathType"] == "Prefix"]
    return [item["path"] for item in to_service] + prefixes


def test_generated_files_are_committed() -> None:
    assert {path: path.read_text() for path in generate_edge.files()} == generate_edge.files()


@pytest.mark.parametrize("paths", [aws_paths(), kubernetes_paths()], ids=["aws", "kubernetes"])
def test_every_documented_route_is_public(paths: list[str]) -> None:
    published = re.compile("|".join(re.escape(path).replace(r"\*", ".*") for path in paths))

    found = {path for path in {*PATHS, *DOCUMENTATION} if published.fullmatch(path)}

    assert found == {*PATHS, *DOCUMENTATION} - PRIVATE_PATHS


def test_the_service_keeps_an_idle_connection_longer_than_a_load_balancer() -> None:
    text = (ROOT / "deploy" / "aws" / "edge.tf").read_text()
    found = re.search(r"idle_timeout *= *(\d+)", text)

    assert (int(found[1]) if found else 60) < KEEP_ALIVE_S  # 60 is AWS's default


def test_no_page_has_the_address_of_a_route() -> None:
    pages = re.findall(r'url_path="(.+?)"', (ROOT / "src" / "carvalue" / "web" / "page.py").read_text())

    assert pages
    assert not {f"/{page}" for page in pages} & {*PATHS, *DOCUMENTATION}


def test_the_proxy_passes_public_routes_to_the_service_and_all_else_to_the_page(tmp_path: Path) -> None:
    others = {"/", "/_stcore/health", "/predictions", "/v1", "/docs/../metrics"}
    with (
        replica(tmp_path, "service") as service,
        replica(tmp_path, "page") as page,
        proxy(tmp_path, service, page=page) as client,
    ):
        paths = {*PATHS, *DOCUMENTATION, *others}
        answered = {path: client.get(path).headers["x-replica"] for path in paths}

    to_service = {path for path, name in answered.items() if name == "service"}
    assert to_service == {*PATHS, *DOCUMENTATION} - PRIVATE_PATHS


@pytest.mark.parametrize(("path", "status"), [("/v1/predict", 413), ("/v1/predict/batch", 200), ("/", 200)])
def test_only_files_may_be_large(tmp_path: Path, path: str, status: int) -> None:
    with (
        replica(tmp_path, "service") as service,
        replica(tmp_path, "page") as page,
        proxy(tmp_path, service, page=page) as client,
    ):
        assert client.post(path, content=b"x" * 3_000_000).status_code == status


@contextmanager
def replica(folder: Path, name: str = "service") -> Iterator[int]:
    port = free_port()
    with running([sys.executable, "-c", REPLICA, str(port), name], log=folder / f"replica-{port}.log"):
        until(partial(answers, f"http://127.0.0.1:{port}/"))
        yield port


def test_a_body_that_is_too_large_takes_no_replica_out_of_service(tmp_path: Path) -> None:
    with ExitStack() as stack:
        replicas = [stack.enter_context(replica(tmp_path)) for _ in range(2)]
        client = stack.enter_context(proxy(tmp_path, *replicas))
        received = []
        for _ in range(3):
            received.append(client.post("/predict", content=b"x" * 3_000_000).status_code)
            received += [client.post("/predict", content=json.dumps({})).status_code for _ in range(4)]

    assert received == [413, 200, 200, 200, 200] * 3


def test_a_request_to_a_replica_that_is_gone_reaches_the_other_one(tmp_path: Path) -> None:
    with replica(tmp_path) as alive, proxy(tmp_path, free_port(), alive) as client:
        received = {client.post("/predict", content=b"{}").status_code for _ in range(20)}

    assert received == {200}


def dripped(port: int, begun: bytes, drop: bytes) -> bytes:
    """Send a few bytes now and then until the proxy closes the connection; return its answer."""
    received = bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=0.05) as connection, suppress(ConnectionError):
        connection.sendall(begun)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                piece = connection.recv(65_536)
                if not piece:
                    return bytes(received)
                received += piece
            except TimeoutError:
                if drop:
                    connection.sendall(drop)
        raise AssertionError("the connection is still held")
    return bytes(received)


@pytest.mark.parametrize(
    ("begun", "drop"),
    [(b"", b""), (b"", b"\r\n"), (b"G", b""), (b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nX: ", b"x")],
    ids=["silence", "empty lines", "one byte", "head"],
)
def test_a_client_that_sends_its_head_slowly_is_disconnected(
    tmp_path: Path, begun: bytes, drop: bytes
) -> None:
    with replica(tmp_path) as service, proxy(tmp_path, service, read_header="1s") as client:
        assert b" 200 " not in dripped(client.base_url.port or 80, begun, drop)
        assert client.get("/readyz").is_success


def test_a_client_that_waits_between_requests_keeps_its_connection(tmp_path: Path) -> None:
    with replica(tmp_path) as service, proxy(tmp_path, service, read_header="1s") as client:
        address = ("127.0.0.1", client.base_url.port or 80)
        with socket.create_connection(address, timeout=30) as connection:
            for _ in range(2):
                connection.sendall(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % address[1])
                assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
                time.sleep(1.5)  # longer than a head may take


def test_a_head_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with replica(tmp_path) as service, proxy(tmp_path, service) as client:
        assert client.get("/readyz", headers={"X-Large": "x" * 100_000}).status_code == 431
        assert client.get("/readyz", headers={"X-Large": "x" * 30_000}).is_success
