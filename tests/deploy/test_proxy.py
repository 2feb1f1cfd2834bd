"""The proxy publishes every documented route, and no client can take the price service out of service."""

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from carvalue.platform.processes.ports import free_port
from carvalue.serving.app import create_app
from carvalue.settings import Settings
from fakes import FakeRegistry
from production import answers, running
from waiting import until

ROOT = Path(__file__).parents[2]
CADDY = Path(sys.executable).with_name("caddy")
CADDYFILE = (ROOT / "deploy" / "proxy" / "Caddyfile").read_text()
PRIVATE = {"/healthz", "/metrics"}
REPLICA = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Replica(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Replica).serve_forever()
"""


def documented_routes() -> set[str]:
    app = create_app(Settings(state_dir=Path("nowhere")), registry=FakeRegistry(), access_log=StringIO())

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.get("/openapi.json")

    document: dict[str, Any] = asyncio.run(ask()).json()
    return set(document["paths"]) - PRIVATE | {
        "/docs",
        "/openapi.json",
        "/static-offline-docs/swagger-ui.css",
    }


def caddy_paths() -> list[str]:
    (found,) = re.findall(r"@service path (.*)", CADDYFILE)
    return str(found).split()


def aws_paths() -> list[str]:
    text = (ROOT / "deploy" / "aws" / "edge.tf").read_text()
    (listed,) = re.findall(r'ready = "/healthz"\n\s+paths = \[(.*?)\]', text, re.DOTALL)
    return re.findall(r'"(.*?)"', listed)


def kubernetes_paths() -> list[str]:
    ingress = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "ingress.yaml").read_text())
    routes = ingress["spec"]["rules"][0]["http"]["paths"]
    to_service = [item for item in routes if item["backend"]["service"]["name"] == "service"]
    prefixes = [item["path"] + "/*" for item in to_service if item["pathType"] == "Prefix"]
    return [item["path"] for item in to_service] + prefixes


@pytest.mark.parametrize(
    "paths", [caddy_paths(), aws_paths(), kubernetes_paths()], ids=["compose", "aws", "kubernetes"]
)
def test_every_documented_route_is_public(paths: list[str]) -> None:
    published = re.compile("|".join(re.escape(path).replace(r"\*", ".*") for path in paths))

    assert {route for route in documented_routes() if not published.fullmatch(route)} == set()
    assert not [route for route in PRIVATE if published.fullmatch(route)]


def test_no_page_has_the_address_of_a_route() -> None:
    pages = re.findall(r'url_path="(.+?)"', (ROOT / "src" / "carvalue" / "web" / "page.py").read_text())

    assert pages
    assert not {f"/{page}" for page in pages} & documented_routes()


@contextmanager
def proxy(folder: Path, *replicas: int) -> Iterator[httpx.Client]:
    """Start Caddy with the public block of the Caddyfile, without TLS, in front of replicas here."""
    port = free_port()
    snippet = re.search(r"^\(headers\) {.*?^}", CADDYFILE, re.DOTALL | re.MULTILINE)
    block = re.search(r"^{\$PUBLIC_NAME} {.*?^}", CADDYFILE, re.DOTALL | re.MULTILINE)
    assert snippet
    assert block
    upstreams = " ".join(f"127.0.0.1:{replica}" for replica in replicas)
    ours = re.sub(r"dynamic a service 9696 {.*?}", f"to {upstreams}", block[0], flags=re.DOTALL)
    ours = ours.replace("{$PUBLIC_NAME}", f"http://127.0.0.1:{port}")
    (folder / "Caddyfile").write_text(f"{{\nadmin off\n}}\n{snippet[0]}\n{ours}\n")
    command = [str(CADDY), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with (
        running(command, log=folder / "caddy.log", environment={"HOME": str(folder)}),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        until(partial(answers, f"http://127.0.0.1:{port}/readyz"))
        yield client


@contextmanager
def replica(folder: Path) -> Iterator[int]:
    port = free_port()
    with running([sys.executable, "-c", REPLICA, str(port)], log=folder / f"replica-{port}.log"):
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
