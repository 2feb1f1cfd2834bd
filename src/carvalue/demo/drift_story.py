"""The story of drift in one terminal: silence, drift, an alert with a report, and its end."""

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
from carvalue.listings.datasets import DatasetStore
from carvalue.platform import (
    ServiceSpec,
    local_client,
    local_url,
    price_service_spec,
    service_client,
    watcher_spec,
)
from carvalue.platform.processes import free_port
from carvalue.settings import Settings

RATE = 300.0  # listings a second
CLEAN, DRIFTED = 1_500, 600
BACK_AT_MOST = 6_000  # the longest window must have forgotten
DRIFTS = ("odometer*1.3@0", "year+2@0")
LIMIT_S = 120.0
POLL_S = 0.5

LOGGED = (*digits, "{")  # how the lines of a program's log begin, and those of the access log
STYLES = {"WARNING:": "bold red", "CRITICAL:": "bold red", "RESOLVED:": "bold green"}


class Say(Protocol):
    """Takes one line of the story."""

    def __call__(self, line: str, *, style: str = "") -> None:
        """Tell it."""


class DemoFailed(AppError):
    """The story went another way: says where."""

    status, hint = 500, "`make build` must have run; `carvalue doctor` looks for what is amiss."


@dataclass(frozen=True, kw_only=True)
class DemoServices:
    """A price service and a watcher of the demonstration's own, over the platform's MLflow and datasets."""

    settings: Settings
    service: httpx.Client
    watcher: httpx.Client

    def drift(self) -> dict[str, Any]:
        """Ask the watcher what it has found."""
        found: dict[str, Any] = self.watcher.get("/drift").json()
        return found

    def firing(self) -> list[dict[str, Any]]:
        """Ask the watcher which alerts of these quotes last; retrainings are the platform's own."""
        found: list[dict[str, Any]] = self.watcher.get("/alerts").json()["firing"]
        return [alert for alert in found if alert["kind"] != "retraining"]


class _Webhook(BaseHTTPRequestHandler):
    """Shows what a chat would be sent."""

    say: ClassVar[Say]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.end_headers()
        type(self).say(f"the webhook got: {body['status']}, {body['text'].splitlines()[0]}")

    def log_message(self, *_: object) -> None:
        """Say nothing else."""


def demo_drift(settings: Settings, *, say: Say) -> None:
    """Tell the story with the platform's model and held-out cars; the platform itself sees nothing of it.

    Raises:
        DemoFailed: something did not happen that should have.
    """
    dataset = DatasetStore(settings.storage_root / "datasets").current()
    with _stage(settings, say=say) as stage:

        def send(requests: int, drifts: Sequence[SimulatedDrift] = ()) -> Traffic:
            return simulate(
                stage.service,
                dataset,
                rate=RATE,
                requests=requests,
                drifts=drifts,
                sales=0,
                on_tick=lambda _: None,
            )

        say(f"{CLEAN:,} people ask for the prices of cars like those of the training")
        send(CLEAN)
        _wait("quotes to be judged", lambda: stage.drift().get("rows_seen", 0) >= CLEAN * 0.95)
        if stage.firing():
            raise DemoFailed(f"clean traffic raised an alert: {stage.firing()[0]['title']}.")
        say("nothing drifts: no alert")
        say(f"now {DRIFTED} people ask for cars that are newer and were driven further ({', '.join(DRIFTS)})")
        send(DRIFTED, [parse_drift(text) for text in DRIFTS])
        _wait("the alert", lambda: bool(stage.firing()))
        _keep_report(stage, settings.state_dir / "demo", say)
        say("the cars are as before again; the alert ends once the windows have forgotten")
        for _ in range(BACK_AT_MOST // DRIFTED):
            send(DRIFTED)
            if not stage.firing():
                break
        _wait("the end of the alert", lambda: not stage.firing())
        say("resolved")


def _keep_report(stage: DemoServices, folder: Path, say: Say) -> None:
    """Put the report where it can still be read when the demonstration's own state is gone."""
    _wait("the report", lambda: any(item["why"] == "drift" for item in stage.watcher.get("/reports").json()))
    (alert,) = stage.firing()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / alert["report"]
    path.write_bytes(stage.watcher.get(f"/reports/{alert['report']}").content)
    say(f"Evidently drew a report ({path.stat().st_size / 1e6:.1f} MB), to be opened in a browser: {path}")


@contextmanager
def _stage(settings: Settings, *, say: Say) -> Iterator[DemoServices]:
    with TemporaryDirectory(prefix="carvalue-demo-") as folder, _webhook(say) as webhook:
        own = _own_settings(settings, Path(folder), webhook=webhook)
        with (
            _running(price_service_spec(own), say=say),
            _running(watcher_spec(own), say=say),
            service_client(own) as service,
            local_client(own.watcher_port) as watching,
        ):
            _wait("a model to quote with", lambda: service.get("/readyz").is_success)
            yield DemoServices(settings=own, service=service, watcher=watching)


def _own_settings(settings: Settings, folder: Path, *, webhook: str) -> Settings:
    (folder / "storage").symlink_to(settings.storage_root.resolve())
    chosen = settings.model_dump(
        exclude={"journal_url", "alert_urls", "service_url", "watcher_url", "service_keys_file"}
    )
    ports = {"bind_host": "127.0.0.1", "service_port": free_port(), "watcher_port": free_port()}
    return Settings.model_validate(
        chosen | ports | {"state_dir": folder, "alert_urls": f"console:,{webhook}", "retrain_on_alarm": False}
    )


@contextmanager
def _webhook(say: Say) -> Iterator[str]:
    handler = type("Webhook", (_Webhook,), {"say": staticmethod(say)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield local_url(server.server_port)
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _running(service: ServiceSpec, *, say: Say) -> Iterator[None]:
    environment = {**os.environ, **service.environment}
    with subprocess.Popen(  # noqa: S603
        service.command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        teller = Thread(target=_tell, args=(process.stdout, say))
        teller.start()
        try:
            with local_client() as client:
                _wait(service.name, lambda: _answers(client, service))
            yield
        finally:
            process.terminate()
            teller.join()


def _tell(output: Iterable[str], say: Say) -> None:
    """Show what the watcher tells on its console; what programs log is no part of the story."""
    style = ""
    for line in output:
        if not line.startswith(LOGGED):
            style = STYLES.get(line.split(" ")[0], style)  # the lines below a headline look like it
            say(f"on the watcher's console: {line.rstrip()}", style=style)


def _answers(client: httpx.Client, service: ServiceSpec) -> bool:
    try:
        return service.health is not None and client.get(service.health.url).is_success
    except httpx.HTTPError:
        return False


def _wait(what: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > deadline:
            raise DemoFailed(f"Waited {LIMIT_S:.0f} s for {what}.")
        time.sleep(POLL_S)
