"""`make build` downloads monitoring programs that are not installed, from a local file server here."""

import hashlib
import io
import shutil
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from carvalue.platform.observability import releases, stack
from carvalue.platform.observability.download import DownloadFailed, download_release, downloaded_program
from carvalue.platform.observability.releases import PROMETHEUS_RELEASE, Release, architecture
from carvalue.platform.observability.tools import TOOLS, ObservabilityTool, program_folder
from carvalue.platform.processes.ports import free_port
from carvalue.settings import Settings
from platforms import platform_settings
from production import answers, running
from waiting import until

from .conftest import program

ROOT = Path(__file__).parents[3]
# As Grafana's archive: the program finds its own files by --homepath and serves on the port of its options.
GRAFANA = f"""#!{sys.executable}
import http.server, pathlib, sys
options = dict(word.partition("=")[::2] for word in sys.argv[2:])
assert sys.argv[1] == "server" and pathlib.Path(options["--homepath"], "conf", "defaults.ini").is_file()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
port = int(options["cfg:default.server.http_port"])
http.server.ThreadingHTTPServer((options["cfg:default.server.http_addr"], port), Handler).serve_forever()
"""


class Archives(SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Archives, directory=str(folder)))
    Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


def pack(folder: Path, release: Release, files: Mapping[str, bytes]) -> Release:
    """Write an archive as the publishers do; give the release that refers to it by file name."""
    path = folder / f"{release.name}.tar.gz"
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"{release.name}-{release.version}/{name}")
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(release, url=f"/{path.name}", sha256={architecture(): digest})


def small(folder: Path, **changes: str) -> Release:
    return replace(pack(folder, PROMETHEUS_RELEASE, {"prometheus": b"#!/bin/sh\n"}), **changes)


def at(address: str, release: Release) -> Release:
    return replace(release, url=f"{address}{release.url}")


def test_the_downloaded_programs_run_as_services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = {
        "prometheus": {"prometheus": Path(program("prometheus")).read_bytes()},
        "alertmanager": {
            "alertmanager": Path(program("alertmanager", "prometheus-alertmanager")).read_bytes()
        },
        "grafana": {"bin/grafana": GRAFANA.encode(), "conf/defaults.ini": b""},
    }
    monkeypatch.setenv("PATH", "")
    settings, lines = platform_settings(tmp_path / "var", monitoring_download=True), list[str]()
    packed = [pack(tmp_path, tool.release, contents[tool.release.name]) for tool in TOOLS]
    with file_server(tmp_path) as address:
        tools = [replace(tool, release=at(address, item)) for tool, item in zip(TOOLS, packed, strict=True)]
        monkeypatch.setattr(stack, "TOOLS", tools)
        assert list(stack.observability_services(settings)) == []

        stack.download_missing_tools(settings, report=lines.append, update=lines.append)

    assert "prometheus 3.5.0 is downloaded, its checksum is correct" in lines
    assert stack.missing_tools(settings) == ()
    stack.write_tool_configuration(settings)
    for service in stack.observability_services(settings):
        assert service.command[0].startswith(str(settings.state_dir))
        log = tmp_path / f"{service.name}.log"
        with running(list(service.command), log=log, environment={"PATH": "/usr/bin:/bin"}):
            assert service.health is not None
            until(lambda url=service.health.url: answers(url))  # type: ignore[misc]


def test_an_archive_with_another_checksum_is_not_unpacked(tmp_path: Path) -> None:
    release, folder = small(tmp_path), tmp_path / "programs"
    release = replace(release, sha256=dict.fromkeys(release.sha256, "0" * 64))

    with file_server(tmp_path) as address, pytest.raises(DownloadFailed, match=r"SHA-256 .*: expected 0{64}"):
        download_release(at(address, release), folder, progress=lambda _: None)

    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_an_archive_is_downloaded_once_and_replaces_an_older_version(tmp_path: Path) -> None:
    release, folder, shown = small(tmp_path), tmp_path / "programs", list[str]()
    left = [folder / "prometheus-3.4.0", folder / "download.aside-killed", folder / "grafana-12.0.0"]
    for path in left:
        path.mkdir(parents=True)
    with file_server(tmp_path) as address:
        for _ in range(2):
            download_release(at(address, release), folder, progress=shown.append)

    assert downloaded_program(release, folder) == str(folder / "prometheus-3.5.0" / "prometheus")
    assert {path.name for path in folder.iterdir()} == {".lock", "prometheus-3.5.0", "grafana-12.0.0"}
    assert shown.count("unpacking prometheus 3.5.0") == 1


@pytest.mark.parametrize("name", ["other", "../../prometheus"])
def test_an_archive_of_another_form_is_refused(tmp_path: Path, name: str) -> None:
    release, folder = pack(tmp_path, PROMETHEUS_RELEASE, {name: b"", "x": b""}), tmp_path / "programs"

    with file_server(tmp_path) as address, pytest.raises(DownloadFailed):
        download_release(at(address, release), folder, progress=lambda _: None)

    assert [path.name for path in folder.iterdir()] == [".lock"]


@pytest.mark.usefixtures("no_programs")
def test_a_build_goes_on_where_there_is_no_internet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    tools = [replace(tool, release=replace(tool.release, url=nobody)) for tool in TOOLS]
    monkeypatch.setattr(stack, "TOOLS", tools)
    settings, lines = platform_settings(tmp_path, monitoring_download=True), list[str]()

    stack.download_missing_tools(settings, report=lines.append, update=lines.append)

    assert "(336 MB)" in lines[0]
    assert [line.split(":")[0] for line in lines if line.startswith("the platform")] == [
        f"the platform starts without {tool.release.name}" for tool in TOOLS
    ]
    assert "ConnectError" in lines[1]
    assert len(stack.missing_tools(settings)) == 3


@pytest.mark.usefixtures("no_programs")
def test_nothing_is_downloaded_where_it_is_turned_off(tmp_path: Path) -> None:
    lines = list[str]()

    stack.download_missing_tools(platform_settings(tmp_path), report=lines.append, update=lines.append)

    assert lines == []
    assert not program_folder(Settings(state_dir=tmp_path)).exists()


def test_a_machine_without_a_release_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases.platform, "machine", lambda: "riscv64")

    with pytest.raises(DownloadFailed, match="prometheus has no release for this machine"):
        download_release(PROMETHEUS_RELEASE, tmp_path, progress=lambda _: None)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.release.name)
def test_containers_run_the_same_versions(tool: ObservabilityTool) -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    image = services[tool.release.name]["image"].split("@")[0]

    assert image.split(":")[1].removeprefix("v") == tool.release.version
    assert tool.release.version in tool.release.url
    assert {len(digest) for digest in tool.release.sha256.values()} == {64}


def test_an_installed_program_is_preferred(tmp_path: Path) -> None:
    for tool in TOOLS:
        if installed := shutil.which(tool.programs[0]):
            assert tool.program(Settings(state_dir=tmp_path)) == installed
