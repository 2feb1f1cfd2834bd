"""The whole platform on one machine: up in order of need, down without a trace."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from carvalue.errors import AppError
from carvalue.platform.airflow import write_passwords
from carvalue.platform.health import is_healthy, local_client
from carvalue.platform.observability import missing_tools, write_tool_configuration
from carvalue.platform.processes import ProcessState, State, Supervisor, check_ports, last_lines, stop_orphans
from carvalue.platform.services import platform_services
from carvalue.platform.spec import ServiceSpec
from carvalue.serving.auth import load_key_store
from carvalue.settings import InvalidSetting, Settings

HEALTH_LIMIT_S = 240.0  # a cold, busy machine needs more than a minute for Airflow alone
STOP_LIMIT_S = 60.0
POLL_S = 0.5
LOG_LINES = 8  # of a failed service, on the console

Say = Callable[[str], None]


class ServiceFailed(AppError):
    """A service did not come up: says which, its last lines, and where the whole log is."""

    status, hint = 503, "`make status` shows the others; `make down` stops them."


class OwnKeyMissing(AppError):
    """The price service has keys, and neither the page nor the commands of this machine has one of them."""

    status, hint = 401, "Run `carvalue keys new page`; write what it prints into .env as SERVICE_API_KEY."


def start_platform(settings: Settings, *, say: Say) -> None:
    """Start what does not run yet or runs with other settings, and wait until everything is healthy.

    Raises:
        InvalidSetting: MLflow is a database, which the price service cannot read from.
        NoKeys: the price service would be reachable from elsewhere without asking for a key.
        OwnKeyMissing: it would ask the page for a key that the page has not.
        PortTaken: another process listens where a service would.
        ServiceFailed: a service ended, or was not healthy in time.
    """
    if not settings.mlflow_tracking_uri.startswith("http"):
        raise InvalidSetting(
            f"MLFLOW_TRACKING_URI is {settings.mlflow_tracking_uri!r}: the price service asks MLflow over "
            "HTTP; expected a URL such as http://127.0.0.1:5000, or none for a server of the platform's own."
        )
    _check_keys(settings)
    start_services(settings, platform_services(settings), say=say)
    for line in missing_tools():
        say(line)


def start_services(settings: Settings, wanted: tuple[ServiceSpec, ...], *, say: Say) -> None:
    """Do what `start_platform` does, for the given services."""
    write_passwords(settings)
    write_tool_configuration(settings)
    supervisor = Supervisor(state_dir=settings.state_dir)
    if supervisor.is_running:
        supervisor.update(wanted)
        states = supervisor.states()
        idle = [service for service in wanted if states[service.name].pid is None]
        check_ports(idle, host=settings.bind_host)
    else:
        check_ports(wanted, host=settings.bind_host)
        supervisor.start(wanted)
    _Start(supervisor, wanted, say).run()


def _check_keys(settings: Settings) -> None:
    ring = load_key_store(settings)
    if ring.is_required and ring.client_of(settings.service_api_key.get_secret_value()) is None:
        raise OwnKeyMissing("The price service asks for a key, and SERVICE_API_KEY is none that it knows.")


def stop_platform(settings: Settings) -> int:
    """Stop every process of the platform; tell how many its process manager did not stop."""
    supervisor = Supervisor(state_dir=settings.state_dir)
    if supervisor.is_running:
        supervisor.shut_down()
        _wait_until(lambda: not supervisor.is_running, limit_s=STOP_LIMIT_S)
    strays = stop_orphans(state_dir=settings.state_dir)
    supervisor.socket.unlink(missing_ok=True)
    return strays


class _Start:
    """One start of several services, each as soon as what it needs is healthy."""

    def __init__(self, supervisor: Supervisor, wanted: Iterable[ServiceSpec], say: Say) -> None:
        self._supervisor = supervisor
        self._waiting = {service.name: service for service in wanted}
        self._launched: set[str] = set()
        self._done: set[str] = set()
        self._say = say
        self._deadline = time.monotonic() + HEALTH_LIMIT_S
        self._client = local_client()

    def run(self) -> None:
        """Go on until every service is healthy or one has failed."""
        while self._waiting:
            states = self._supervisor.states()
            for service in tuple(self._waiting.values()):
                self._advance(service, states)
            if time.monotonic() > self._deadline:
                self._give_up()
            time.sleep(POLL_S)

    def _advance(self, service: ServiceSpec, states: Mapping[str, ProcessState]) -> None:
        process = states[service.name]
        if not self._done.issuperset(service.needs):
            return
        if service.name not in self._launched:
            self._launched.add(service.name)
            if process.pid is None and not self._is_ready(service, process):  # a job may be done already
                self._supervisor.launch(service.name)
        elif self._is_ready(service, process):
            self._done.add(service.name)
            del self._waiting[service.name]
            self._say(f"{service.name} is ready")
        elif _has_failed(service, process):
            raise ServiceFailed(
                _story(service, f"failed ({process.state})", self._supervisor.log(service.name))
            )

    def _is_ready(self, service: ServiceSpec, process: ProcessState) -> bool:
        if service.health is None:
            return process.state is State.EXITED and process.exit_code == 0
        running = process.state in {State.STARTING, State.RUNNING}
        return running and is_healthy(self._client, service.health, since=process.started_at)

    def _give_up(self) -> None:
        late = next(service for service in self._waiting.values() if service.name in self._launched)
        raise ServiceFailed(
            _story(late, f"was not healthy within {HEALTH_LIMIT_S:.0f} s", self._supervisor.log(late.name))
        )


def _has_failed(service: ServiceSpec, process: ProcessState) -> bool:
    ended = service.runs_once and process.state is State.EXITED and process.exit_code != 0
    return ended or process.state is State.FATAL


def _story(service: ServiceSpec, what: str, log: Path) -> str:
    lines = last_lines(log, count=LOG_LINES)
    return "\n".join(
        (f"{service.name} {what}. Its last lines, of {log}:", *(f"  {line}" for line in lines), "")
    )


def _wait_until(condition: Callable[[], bool], *, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(POLL_S)
