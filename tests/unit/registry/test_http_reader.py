"""Unexpected answers of MLflow are reported in one line, with the setting and a hint."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from carvalue.files import BundleCorrupt, BundleIncompatible
from carvalue.registry.http_reader import HttpRegistryReader, RegistryUnavailable
from carvalue.registry.model_version import ModelVersion

VERSION = ModelVersion(name="m", version=1, run_id="r", source="s", bundle_digest="d")


class Answers(BaseHTTPRequestHandler):
    """Gives the same answer to everyone."""

    protocol_version = "HTTP/1.1"
    status: ClassVar[int]
    body: ClassVar[bytes]
    clients: ClassVar[set[object]] = set()
    paths: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.clients.add(self.client_address)
        self.paths.append(self.path)
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
    Answers.paths.clear()
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


REGISTERED = """{"model_version": {
    "name": "m", "version": "3", "run_id": "r", "source": "s",
    "tags": [{"key": "bundle.sha256", "value": "f00d"}, {"key": "data.source", "value": "sample"}]
}}"""


@pytest.mark.parametrize("alias", ["champion", "challenger"])
def test_a_version_is_found_by_its_alias(uri: str, alias: str) -> None:
    answer(200, REGISTERED.encode())

    with HttpRegistryReader(uri) as reader:
        found = getattr(reader, alias)()

    name = {"champion": "production"}.get(alias, alias)
    assert Answers.paths == [
        f"/api/2.0/mlflow/registered-models/alias?name=vehicles-price-model&alias={name}"
    ]
    assert found == ModelVersion(name="m", version=3, run_id="r", source="s", bundle_digest="f00d")
    assert found.data_source == "sample"


def test_a_version_without_run_and_source_is_read(uri: str) -> None:
    answer(
        200,
        b'{"model_version": {"name": "m", "version": 1, "tags": [{"key": "bundle.sha256", "value": "d"}]}}',
    )

    with HttpRegistryReader(uri) as reader:
        assert reader.champion() == ModelVersion(name="m", version=1, run_id="", source="", bundle_digest="d")


def test_a_version_without_a_checksum_is_not_trusted(uri: str) -> None:
    answer(200, b'{"model_version": {"name": "m", "version": 1, "tags": []}}')

    with HttpRegistryReader(uri) as reader, pytest.raises(RegistryUnavailable) as caught:
        reader.champion()

    assert 'answered 200 and \'{"model_version": {"name": "m", ' in str(caught.value)


def test_what_is_wrong_with_an_answer_is_named(uri: str, tmp_path: Path) -> None:
    with HttpRegistryReader(uri) as reader:
        answer(200, b"<html>")
        with pytest.raises(RegistryUnavailable, match="answered 200 and a body that is not a JSON object"):
            reader.champion()
        answer(200, b"{}")
        with pytest.raises(BundleCorrupt, match=r"The downloaded MANIFEST\.json is not a manifest"):
            reader.download(VERSION, into=tmp_path / "live")
        answer(200, b'{"sha256": {"../x": "0"}}')
        with pytest.raises(BundleCorrupt, match=r"names '\.\./x', which is not a file of a bundle"):
            reader.download(VERSION, into=tmp_path / "live")


def test_a_bundle_of_another_version_is_refused(uri: str, tmp_path: Path) -> None:
    answer(200, b'{"format": 5, "sha256": {}}')

    with (
        HttpRegistryReader(uri) as reader,
        pytest.raises(BundleCorrupt, match="is not the one registered as version 1"),
    ):
        reader.download(VERSION, into=tmp_path / "live")

    assert Answers.paths == [
        "/model-versions/get-artifact?name=m&version=1&path=artifacts%2Fbundle%2FMANIFEST.json"
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_downloaded_and_verified(uri: str, tmp_path: Path) -> None:
    manifest = b'{"format": 5, "sha256": {}}'
    answer(200, manifest)
    version = replace(VERSION, bundle_digest=sha256(manifest).hexdigest())

    with HttpRegistryReader(uri) as reader:
        folder = reader.download(version, into=tmp_path / "live")

    assert folder == tmp_path / "live"
    assert [path.name for path in folder.iterdir()] == ["MANIFEST.json"]


def test_a_bundle_of_another_format_is_refused(uri: str, tmp_path: Path) -> None:
    manifest = b'{"format": 4, "sha256": {}}'
    answer(200, manifest)
    version = replace(VERSION, bundle_digest=sha256(manifest).hexdigest())

    with HttpRegistryReader(uri) as reader, pytest.raises(BundleIncompatible):
        reader.download(version, into=tmp_path / "live")
