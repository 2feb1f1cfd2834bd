"""The configuration of Prometheus and Alertmanager delivers an alert, with the real programs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from carvalue.platform.observability.stack import (
    missing_tools,
    observability_services,
    write_tool_configuration,
)
from carvalue.platform.processes.ports import free_port
from carvalue.platform.spec import ServiceSpec
from carvalue.settings import Settings
from platforms import PORTS
from production import answers, running
from waiting import until

from .conftest import program


class Target(BaseHTTPRequestHandler):
    """A price service that drops quotes."""

    dropped: ClassVar[Iterator[int]] = count()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(
            f'carvalue_journal_dropped_total{{reason="disk"}} {next(self.dropped)}\n'
            "carvalue_drift_state 2\n".encode()
        )

    def log_message(self, *_: object) -> None:
        pass


class Receiver(BaseHTTPRequestHandler):
    """A person's chat."""

    messages: ClassVar[list[Any]] = []

    def do_POST(self) -> None:
        self.messages.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def observing(settings: Settings, *names: str) -> Iterator[None]:
    write_tool_configuration(settings)
    found = {service.name: service for service in observability_services(settings)}
    with _process(found[names[0]], settings.state_dir):
        if names[1:]:
            with observing(settings, *names[1:]):
                yield
        else:
            yield


@contextmanager
def _process(service: ServiceSpec, folder: Path) -> Iterator[None]:
    with running(list(service.command), log=folder / f"{service.name}.log"):
        assert service.health is not None
        url = service.health.url
        until(lambda: answers(url))
        yield


def some_settings(folder: Path, **changes: str) -> Settings:
    ports = {f"{name}_port": free_port() for name in PORTS}
    return Settings.model_validate({"state_dir": folder, **ports, **changes})


def test_alertmanager_sends_the_alerts_of_prometheus(tmp_path: Path) -> None:
    program("prometheus")
    program("alertmanager", "prometheus-alertmanager")
    with served(Target) as target, served(Receiver) as receiver:
        urls = receiver.replace("http:", "json:")
        settings = some_settings(tmp_path, service_url=target, watcher_url=target, alert_urls=urls)
        with observing(settings, "alertmanager", "prometheus"):
            until(lambda: bool(Receiver.messages), within_s=90)

    told = json.dumps(Receiver.messages)
    assert "CarvalueQuotesDropped" in told
    assert "respond-to-alerts.html#carvaluequotesdropped" in told
    assert "CarvalueDriftConfirmed" not in told  # the watcher sends it itself


def test_a_password_in_an_alert_url_is_readable_only_by_its_owner(tmp_path: Path) -> None:
    program("alertmanager", "prometheus-alertmanager")
    url = "mailtos://me:secret@mail.example.com?from=cars@example.com&to=you@example.com"

    write_tool_configuration(some_settings(tmp_path, alert_urls=url))

    file = tmp_path / "alertmanager" / "alertmanager.yml"
    (mail,) = json.loads(file.read_text())["receivers"][1]["email_configs"]
    assert (mail["smarthost"], mail["auth_password"]) == ("mail.example.com:587", "secret")
    assert file.stat().st_mode & 0o077 == 0


def test_a_missing_program_is_named_with_its_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    settings = Settings(state_dir=tmp_path)

    missing = missing_tools(settings)

    assert [line.split(" is not installed: ")[0] for line in missing] == [
        "prometheus",
        "alertmanager",
        "grafana",
    ]
    assert "apt install prometheus" in missing[0]
    assert list(observability_services(settings)) == []
