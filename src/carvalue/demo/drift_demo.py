"""Demonstrate drift detection in one terminal: drift, an alert with its report, the end of the alert."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import digits
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, ClassVar, Protocol

import httpx

from carvalue.demo.scenarios import SimulatedDrift, parse_drift
from carvalue.demo.traffic import Traffic, simulate
from carvalue.errors import AppError
from carvalue.files import open_folder
from carvalue.listings.datasets import DATASETS, DatasetStore
from carvalue.monitoring.drift import REFERENCE
from carvalue.platform import (
    ServiceSpec,
    local_client,
    price_service_spec,
    service_client,
    watcher_spec,
)
from carvalue.platform.processes import free_port
from carvalue.settings import Settings

RATE = 300.0  # listings per second
CLEAN_REQUESTS, DRIFTED_REQUESTS = 1_500, 600
MAX_RECOVERY_REQUESTS = 6_000  # enough to fill the longest window of the drift detector
DRIFTS = ("odometer*1.3@0", "year+2@0")
LIMIT_S = 600.0
POLL_S = 0.5
LOCAL_CLIENT = "local"  # the name of callers on this machine in the journal

LOG_PREFIXES = (*digits, "{")  # first characters of log lines and of access-log lines
STYLES = {"WARNING:": "bold red", "CRITICAL:": "bold red", "RESOLVED:": "bold green"}


class StyledReport(Protocol):
    """Function that takes one line for the console."""

    def __call__(self, line: str, *, style: str = "") -> None:
        """Show a line.

        Args:
            line: The line.
            style: Style of Rich (https://rich.readthedocs.io/en/stable/style.html); empty for plain text.
        """


class DemoFailed(AppError):
    """An expected event did not happen; the message names it."""

    status, hint = 500, "Run `make build` first, and `carvalue doctor` to find other problems."


@dataclass(frozen=True, kw_only=True)
class DemoServices:
    """A separate price service and watcher on the platform's MLflow and datasets.

    Attributes:
        settings: Settings of both services.
        service: HTTP client of the price service.
        watcher: HTTP client of the watcher.
    """

    settings: Settings
    service: httpx.Client
    watcher: httpx.Client

    def drift(self) -> dict[str, Any]:
        """Read the drift state from the watcher.

        Returns:
            Body of `GET /drift`.
        """
        body: dict[str, Any] = self.watcher.get("/drift").json()
        return body

    def firing(self) -> list[dict[str, Any]]:
        """List the firing alerts about quotes; alerts about retrainings belong to the platform.

        Returns:
            Alerts of `GET /alerts`.
        """
        alerts: list[dict[str, Any]] = self.watcher.get("/alerts").json()["firing"]
        return [alert for alert in alerts if alert["kind"] != "retraining"]


class _Webhook(BaseHTTPRequestHandler):
    """Shows the messages that a chat system would receive."""

    report: ClassVar[StyledReport]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()
        type(self).report(f"the webhook received: {body['title']}")

    def log_message(self, *_: object) -> None:
        """Suppress the access log."""


def demo_drift(settings: Settings, *, report: StyledReport) -> None:
    """Run the demonstration with the platform's model and held-out cars, without changing the platform.

    Args:
        settings: Settings of a platform on which `make build` ran.
        report: Takes the lines for the console.

    Raises:
        DemoFailed: An expected event did not happen within ten minutes, or clean traffic raised an alert.
    """
    dataset = DatasetStore(open_folder(settings, DATASETS).read()).current()
    with _demo_services(settings, report=report) as demo:

        def send(requests: int, drifts: Sequence[SimulatedDrift] = ()) -> Traffic:
            return simulate(
                demo.service,
                dataset,
                rate=RATE,
                requests=requests,
                drifts=drifts,
                sales=0,
                on_tick=lambda _: None,
            )

        report(f"requesting {CLEAN_REQUESTS:,} quotes for cars like those of the training data")
        send(CLEAN_REQUESTS)
        _wait("the drift check", lambda: demo.drift().get("rows_seen", 0) >= CLEAN_REQUESTS * 0.95)
        if demo.firing():
            raise DemoFailed(f"Clean traffic raised an alert: {demo.firing()[0]['title']}.")
        report("no drift: no alert")
        report(f"requesting {DRIFTED_REQUESTS} quotes for newer cars with more miles ({', '.join(DRIFTS)})")
        send(DRIFTED_REQUESTS, [parse_drift(text) for text in DRIFTS])
        _wait("the alert", lambda: bool(demo.firing()))
        _save_report(demo, settings.state_dir / "demo", report)
        report("requesting quotes without drift; the alert ends once the windows hold no drifted quotes")
        for _ in range(MAX_RECOVERY_REQUESTS // DRIFTED_REQUESTS):
            send(DRIFTED_REQUESTS)
            if not demo.firing():
                break
        _wait("the end of the alert", lambda: not demo.firing())
        report("the alert has ended")


def _save_report(demo: DemoServices, folder: Path, report: StyledReport) -> None:
    """Copy the report out of the demonstration's temporary state."""
    _wait("the report", lambda: any(item["why"] == "drift" for item in demo.watcher.get("/reports").json()))
    (alert,) = demo.firing()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / alert["report"]
    path.write_bytes(demo.watcher.get(f"/reports/{alert['report']}").content)
    report(f"Evidently wrote a report ({path.stat().st_size / 1e6:.1f} MB); open it in a browser: {path}")


@contextmanager
def _demo_services(settings: Settings, *, report: StyledReport) -> Iterator[DemoServices]:
    with TemporaryDirectory(prefix="carvalue-demo-") as folder, _webhook(report) as webhook:
        own = _own_settings(settings, Path(folder), webhook=webhook)
        with (
            _running(price_service_spec(own), report=report),
            _running(watcher_spec(own), report=report),
            service_client(own) as service,
            local_client(own.watcher_port) as watcher,
        ):
            _wait("the price service to load a model", lambda: service.get("/readyz").is_success)
            yield DemoServices(settings=own, service=service, watcher=watcher)


def _own_settings(settings: Settings, folder: Path, *, webhook: str) -> Settings:
    (folder / "storage").mkdir()
    for name in (DATASETS, REFERENCE):
        (folder / "storage" / name).symlink_to(open_folder(settings, name).read())
    defaults = dict.fromkeys(
        ("journal_url", "storage_url", "service_url", "watcher_url", "service_keys_file")
    )
    ports = {"bind_host": "127.0.0.1", "service_port": free_port(), "watcher_port": free_port()}
    own = {
        "state_dir": folder,
        "alert_urls": f"console:,{webhook}",
        "alertmanager_url": "",
        "retrain_on_alarm": False,
        "verified_sales_clients": LOCAL_CLIENT,
    }
    return Settings(**settings.model_dump() | defaults | ports | own)


@contextmanager
def _webhook(report: StyledReport) -> Iterator[str]:
    handler = type("Webhook", (_Webhook,), {"report": staticmethod(report)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"json://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _running(service: ServiceSpec, *, report: StyledReport) -> Iterator[None]:
    environment = {**os.environ, **service.environment}
    with subprocess.Popen(  # noqa: S603
        service.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        reader = Thread(target=_report_alerts, args=(process.stdout, report))
        reader.start()
        try:
            with local_client() as client:
                _wait(service.name, lambda: _answers(client, service))
            yield
        finally:
            process.terminate()
            reader.join()


def _report_alerts(output: Iterable[str], report: StyledReport) -> None:
    """Show the alerts that the watcher prints, without log lines."""
    style = ""
    for line in output:
        if not line.startswith(LOG_PREFIXES):
            style = STYLES.get(line.split(" ")[0], style)  # lines below a headline have its style
            report(f"on the watcher's console: {line.rstrip()}", style=style)


def _answers(client: httpx.Client, service: ServiceSpec) -> bool:
    try:
        return service.health is not None and client.get(service.health.url).is_success
    except httpx.HTTPError:
        return False


def _wait(event: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailed(f"Waited {LIMIT_S:.0f} s for {event}.")
        time.sleep(POLL_S)
