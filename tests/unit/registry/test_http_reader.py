"""Unexpected answers of MLflow are reported in one line, with the setting and a hint."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from carvalue.files.bundle import BundleCorrupt
from carvalue.registry.http_reader import HttpRegistryReader, RegistryUnavailable
from carvalue.registry.model_version import ModelVersion

VERSION = ModelVersion(name="m", version=1, run_id="r", source="s", bundle_digest="d")


class Answers(BaseHTTPRequestHandler):
    """Gives the same answer to everyone."""

    protocol_version = "HTTP/1.1"
    status: ClassVar[int]
    body: ClassVar[bytes]
    clients: ClassVar[set[object]] = set()

    def do_GET(self) -> None:
        self.clients.add(self.client_address)
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def uri() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def answer(status: int, body: bytes) -> None:
    Answers.status, Answers.body = status, body


@pytest.mark.parametrize("code", [b"RESOURCE_DOES_NOT_EXIST", b"INVALID_PARAMETER_VALUE"])
def test_no_model_and_no_alias_mean_that_nothing_is_in_production(uri: str, code: bytes) -> None:
    answer(404, b'{"error_code": "%s"}' % code)

    with HttpRegistryReader(uri) as reader:
        assert reader.champion() is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"model_version": 3}'),
        (200, b'{"model_version": {"name": "m", "version": "x", "tags": []}}'),
        (403, b"Invalid Host header"),
        (500, b'{"error_code": "INTERNAL_ERROR"}'),
    ],
)
def test_an_unexpected_response_is_not_an_empty_registry(uri: str, status: int, body: bytes) -> None:
    answer(status, body)

    with (
        HttpRegistryReader(uri) as reader,
        pytest.raises(RegistryUnavailable, match=f"MLFLOW_TRACKING_URI={uri} answered {status}"),
    ):
        reader.champion()


def test_polls_share_a_connection_that_is_closed_in_the_end(uri: str) -> None:
    answer(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')
    Answers.clients.clear()

    with HttpRegistryReader(uri) as reader:
        for _ in range(3):
            reader.champion()

    assert len(Answers.clients) == 1


def test_an_unavailable_registry_is_named_with_a_hint() -> None:
    with (
        HttpRegistryReader("http://127.0.0.1:1") as reader,
        pytest.raises(RegistryUnavailable, match=r"MLFLOW_TRACKING_URI=http://127.0.0.1:1 .*make up"),
    ):
        reader.champion()


@pytest.mark.parametrize(
    "manifest", [b"x", b"{}", b'{"sha256": {"../../etc/cron.d/x": "0"}}', b'{"sha256": 1}']
)
def test_a_manifest_path_outside_the_folder_is_refused(uri: str, tmp_path: Path, manifest: bytes) -> None:
    answer(200, manifest)

    with HttpRegistryReader(uri) as reader, pytest.raises(BundleCorrupt):
        reader.download(VERSION, into=tmp_path / "live")
    assert list(tmp_path.iterdir()) == []


def test_an_artifact_that_is_missing_is_named(uri: str, tmp_path: Path) -> None:
    answer(404, b"{}")

    with (
        HttpRegistryReader(uri) as reader,
        pytest.raises(RegistryUnavailable, match=r"artifacts/bundle/MANIFEST\.json of version 1"),
    ):
        reader.download(VERSION, into=tmp_path / "live")


def test_reading_needs_no_mlflow() -> None:
    code = "import sys, carvalue.registry.http_reader; sys.exit('mlflow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
