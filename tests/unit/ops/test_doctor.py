"""The doctor names what is amiss and what to do, and is silent about what is well."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from carvalue.ops.doctor import Finding, examine
from carvalue.settings import Settings
from platforms import platform_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return platform_settings(tmp_path / "var")


def _findings(settings: Settings) -> dict[str, Finding]:
    return {item.subject: item for item in examine(settings)}


@contextmanager
def a_service(port: int, body: str) -> Iterator[None]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Answer)
    Thread(target=server.serve_forever).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_an_installation_that_was_never_built_says_what_to_run(settings: Settings) -> None:
    found = _findings(settings)

    assert found["ports"].is_well
    assert "make up" in found["platform"].remedy
    assert "make build" in found["datasets"].remedy
    assert "make up" in found["model"].remedy
    assert "make up" in found["price service"].remedy


def test_a_taken_port_is_named_with_the_setting_that_moves_it(settings: Settings) -> None:
    with a_service(settings.page_port, ""):
        ports = _findings(settings)["ports"]

    assert not ports.is_well
    assert "PAGE_PORT" in ports.found


def test_a_part_that_the_service_misses_is_named(settings: Settings) -> None:
    body = json.dumps({"down": {}, "degraded": {"journal": "down"}})

    with a_service(settings.service_port, body):
        found = _findings(settings)

    assert found["price service: journal"].found == "down"
    assert not found["price service: journal"].is_well


def test_a_service_that_quotes_is_well(settings: Settings) -> None:
    with a_service(settings.service_port, json.dumps({"down": {}, "degraded": {}})):
        assert _findings(settings)["price service"].is_well


def test_another_program_on_the_port_is_no_price_service(settings: Settings) -> None:
    with a_service(settings.service_port, "<html>"):
        assert "does not answer" in _findings(settings)["price service"].found
