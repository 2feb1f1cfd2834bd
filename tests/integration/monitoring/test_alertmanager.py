"""The watcher's alerts go through a real Alertmanager: with their text, silenced, inhibited, and resolved."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from carvalue.monitoring.alerting import Alert, Alertmanager, AlertStore
from carvalue.platform.observability.stack import observability_services, write_tool_configuration
from carvalue.platform.processes.ports import free_port
from carvalue.settings import Settings
from production import answers, running
from waiting import until

from .conftest import program

WATCHER = "http://watcher.example:9697"
DRIFT = Alert(
    key="drift:page",
    kind="drift",
    severity="warning",
    title="Page: other cars are asked for",
    text="model: <!channel> & 1.0 % -> 9.0 %\nWhat to do: retrain.",
    since=datetime.now(UTC),
    report="drift.html",
)
ERROR = replace(DRIFT, key="live_accuracy", kind="live_accuracy", severity="critical", report="")
COVERAGE = replace(ERROR, key="coverage", kind="coverage", severity="warning")
RETRAINING = replace(ERROR, key="retraining", kind="retraining", severity="warning")


@dataclass
class Running:
    """A running Alertmanager and what its receivers got.

    Attributes:
        api: Client of its API.
        store: Alerts that are sent to it.
        hook: The bodies that the webhook got.
        slack: The bodies that Slack's webhook got.
    """

    api: httpx.Client
    store: AlertStore
    hook: list[dict[str, Any]]
    slack: list[dict[str, Any]]

    def update(self, *alerts: Alert) -> None:
        """Let exactly these alerts fire."""
        self.store.update(alerts, now=datetime.now(UTC))

    def states(self) -> dict[str, dict[str, Any]]:
        """Return the state of each alert that Alertmanager knows."""
        alerts = self.api.get("/alerts").json()
        return {alert["labels"]["key"]: alert["status"] for alert in alerts}

    def told(self, key: str, status: str) -> bool:
        """Ask whether the webhook was told of an alert."""
        told = ((alert["labels"]["key"], alert["status"]) for body in self.hook for alert in body["alerts"])
        return (key, status) in told


@contextmanager
def _receiving() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    bodies = list[dict[str, Any]]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever).start()
    try:
        yield f"127.0.0.1:{server.server_port}", bodies
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Running]:
    """An Alertmanager with the platform's configuration, two receivers that answer and a dead one."""
    program("alertmanager", "prometheus-alertmanager")
    slack_url = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    with _receiving() as (hook, hook_bodies), _receiving() as (slack, slack_bodies):
        urls = f"json://127.0.0.1:{free_port()}/dead,json://{hook}/hook,{slack_url}"
        settings = Settings.model_validate(
            {"state_dir": tmp_path, "alert_urls": urls, "alertmanager_port": free_port()}
        )
        write_tool_configuration(settings)
        _adapt(tmp_path / "alertmanager" / "alertmanager.yml", {slack_url: f"http://{slack}/slack"})
        (service,) = [item for item in observability_services(settings) if item.name == "alertmanager"]
        assert service.health is not None
        address, health = service.address, service.health.url
        client = Alertmanager(address, source_url=WATCHER)
        store = AlertStore(tmp_path / "alerts.db", [], state_receiver=client)
        with (
            running(list(service.command), log=tmp_path / "alertmanager.log"),
            httpx.Client(base_url=f"{address}/api/v2") as api,
        ):
            until(lambda: answers(health))
            yield Running(api, store, hook_bodies, slack_bodies)
            store.close()


def _adapt(file: Path, addresses: dict[str, str]) -> None:
    """Lead addresses to this machine, and let Alertmanager tell of changes at once."""
    text = file.read_text()
    for real, local in addresses.items():
        text = text.replace(real, local)
    content = json.loads(text)
    content["route"] |= {"group_wait": "0s", "group_interval": "1s"}
    file.write_text(json.dumps(content))


def test_an_alert_has_its_text_and_its_links(alertmanager: Running) -> None:
    alertmanager.update(DRIFT)

    until(lambda: alertmanager.told("drift:page", "firing"))  # although another receiver is dead
    (body, *_) = alertmanager.hook
    (alert,) = body["alerts"]
    assert alert["labels"] == {
        "alertname": "CarvalueDriftConfirmed",
        "severity": "warning",
        "kind": "drift",
        "key": "drift:page",
    }
    assert alert["annotations"]["summary"] == DRIFT.title
    assert alert["annotations"]["description"] == DRIFT.text
    assert alert["annotations"]["runbook_url"].endswith("respond-to-alerts.html#carvaluedriftconfirmed")
    assert alert["generatorURL"] == f"{WATCHER}/reports/drift.html"
    assert datetime.fromisoformat(alert["startsAt"]) - DRIFT.since < timedelta(milliseconds=1)

    until(lambda: bool(alertmanager.slack))
    text = alertmanager.slack[0]["attachments"][0]["text"]
    assert "model: &lt;!channel&gt; &amp; 1.0 % -&gt; 9.0 %" in text
    assert "respond-to-alerts.html#carvaluedriftconfirmed" in text


def test_the_end_of_an_alert_is_told(alertmanager: Running) -> None:
    alertmanager.update(DRIFT)
    until(lambda: alertmanager.told("drift:page", "firing"))

    alertmanager.update()

    until(lambda: alertmanager.told("drift:page", "resolved"))
    assert alertmanager.states() == {}


def test_silences_and_inhibition_apply_to_the_watchers_alerts(alertmanager: Running) -> None:
    now = datetime.now(UTC)
    silence = {
        "matchers": [{"name": "kind", "value": "drift", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "test",
        "comment": "a client is being corrected",
    }
    assert alertmanager.api.post("/silences", json=silence).is_success
    alertmanager.update(DRIFT, ERROR)
    until(lambda: alertmanager.told("live_accuracy", "firing"))
    alertmanager.update(DRIFT, ERROR, COVERAGE, RETRAINING)
    until(lambda: alertmanager.told("retraining", "firing"))

    states = alertmanager.states()
    assert states["drift:page"]["state"] == "suppressed"
    assert states["drift:page"]["silencedBy"]
    assert states["coverage"]["inhibitedBy"]
    assert states["live_accuracy"]["state"] == "active"
    assert not alertmanager.told("drift:page", "firing")
    assert not alertmanager.told("coverage", "firing")


def test_it_knows_whether_its_configuration_names_receivers(alertmanager: Running, tmp_path: Path) -> None:
    assert alertmanager.store.receivers() == ["alertmanager"]

    settings = Settings.model_validate({"state_dir": tmp_path, "alertmanager_port": free_port()})
    write_tool_configuration(settings)  # the default: only the console
    (service,) = [item for item in observability_services(settings) if item.name == "alertmanager"]
    nobody = Alertmanager(service.address, source_url=WATCHER)
    assert not nobody.has_receivers()  # it does not answer
    command = [part.replace("/data", "/other") for part in service.command]
    with running(command, log=tmp_path / "nobody.log"):
        until(lambda: answers(f"{service.address}/-/ready"))
        assert not nobody.has_receivers()
    nobody.close()
