"""Start the services of the platform in the order of their dependencies, and stop them all."""

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
from carvalue.settings import InvalidSetting, Settings, StateSettings
from carvalue.urls import without_credentials

HEALTH_LIMIT_S = 900.0  # Airflow alone takes minutes on a slow machine; an ended process is seen at once
STOP_LIMIT_S = 60.0
POLL_S = 0.5
LOG_LINES = 8  # shown of the log of a failed service

Report = Callable[[str], None]
"""Function that takes one line for the console."""


class ServiceFailed(AppError):
    """A service did not start; the message holds its name, the end of its log and the path of the log."""

    status, hint = 503, "`make status` shows the other services; `make down` stops them."


class OwnKeyMissing(AppError):
    """The price service requires API keys, and SERVICE_API_KEY of this machine is not one of them."""

    status, hint = (
        401,
        "Run `carvalue keys new page` and write the key it prints into .env as SERVICE_API_KEY.",
    )


def start_platform(settings: Settings, *, report: Report) -> None:
    """Start the services that do not run or run with other settings, and wait until all are healthy.

    Args:
        settings: Settings of the platform.
        report: Takes a line for each service that is ready and each monitoring tool that is not installed.

    Raises:
        InvalidSetting: MLFLOW_TRACKING_URI is a database, which the price service cannot read from.
        NoKeys: The price service would accept requests of other machines without an API key.
        OwnKeyMissing: The price service would reject this machine's page.
        PortTaken: Another process listens on the port of a service.
        ServiceFailed: A service ended or was not healthy within 15 minutes.
    """
    if not settings.mlflow_tracking_uri.startswith("http"):
        raise InvalidSetting(
            f"MLFLOW_TRACKING_URI is {without_credentials(settings.mlflow_tracking_uri)!r}: the price "
            "service asks MLflow over HTTP. Expected a URL such as http://127.0.0.1:5000, or none for the "
            "platform's own server."
        )
    _check_keys(settings)
    start_services(settings, platform_services(settings), report=report)
    for line in missing_tools(settings):
        report(line)


def start_services(settings: Settings, services: tuple[ServiceSpec, ...], *, report: Report) -> None:
    """Start the given services as `start_platform` does, and stop all other services of the platform.

    Args:
        settings: Settings of the platform.
        services: Services to run, each after those that it needs.
        report: Takes a line for each service that is ready.

    Raises:
        PortTaken: Another process listens on the port of a service.
        ServiceFailed: A service ended or was not healthy within 15 minutes.
    """
    write_passwords(settings)
    write_tool_configuration(settings)
    supervisor = Supervisor(state_dir=settings.state_dir)
    if supervisor.is_running:
        supervisor.update(services)
        states = supervisor.states()
        idle = [service for service in services if states[service.name].pid is None]
        check_ports(idle, host=settings.bind_host)
    else:
        check_ports(services, host=settings.bind_host)
        supervisor.start(services)
    _Startup(supervisor, services, report).run()


def _check_keys(settings: Settings) -> None:
    keys = load_key_store(settings)
    if keys.is_required and keys.client_of(settings.service_api_key.get_secret_value()) is None:
        raise OwnKeyMissing(
            "The price service requires an API key, and SERVICE_API_KEY is not one of its keys."
        )


def stop_platform(settings: StateSettings) -> int:
    """Stop every process of the platform.

    Args:
        settings: Settings of the platform; STATE_DIR identifies its processes.

    Returns:
        Number of orphans, that is of processes that supervisord did not stop.
    """
    supervisor = Supervisor(state_dir=settings.state_dir)
    if supervisor.is_running:
        supervisor.shut_down()
        _wait_until(lambda: not supervisor.is_running, limit_s=STOP_LIMIT_S)
    orphans = stop_orphans(state_dir=settings.state_dir)
    supervisor.socket.unlink(missing_ok=True)
    return orphans


class _Startup:
    """Starts each service as soon as the services that it needs are healthy."""

    def __init__(self, supervisor: Supervisor, services: Iterable[ServiceSpec], report: Report) -> None:
        self._supervisor = supervisor
        self._waiting = {service.name: service for service in services}
        self._launched: set[str] = set()
        self._done: set[str] = set()
        self._report = report
        self._deadline = time.monotonic() + HEALTH_LIMIT_S
        self._client = local_client()

    def run(self) -> None:
        """Poll until every service is healthy or one has failed."""
        while self._waiting:
            states = self._supervisor.states()
            for service in tuple(self._waiting.values()):
                self._advance(service, states)
            if time.monotonic() > self._deadline:
                self._fail_late_service()
            time.sleep(POLL_S)

    def _advance(self, service: ServiceSpec, states: Mapping[str, ProcessState]) -> None:
        process = states[service.name]
        if not self._done.issuperset(service.needs):
            return
        if service.name not in self._launched:
            self._launched.add(service.name)
            if process.pid is None and not self._is_ready(service, process):  # a job may have ended already
                self._supervisor.launch(service.name)
        elif self._is_ready(service, process):
            self._done.add(service.name)
            del self._waiting[service.name]
            self._report(f"{service.name} is ready")
        elif _has_failed(service, process):
            raise ServiceFailed(
                _failure_text(service, f"failed ({process.state})", self._supervisor.log(service.name))
            )

    def _is_ready(self, service: ServiceSpec, process: ProcessState) -> bool:
        if service.health is None:
            return process.state is State.EXITED and process.exit_code == 0
        running = process.state in {State.STARTING, State.RUNNING}
        return running and is_healthy(self._client, service.health, since=process.started_at)

    def _fail_late_service(self) -> None:
        late = next(service for service in self._waiting.values() if service.name in self._launched)
        raise ServiceFailed(
            _failure_text(
                late, f"was not healthy within {HEALTH_LIMIT_S:.0f} s", self._supervisor.log(late.name)
            )
        )


def _has_failed(service: ServiceSpec, process: ProcessState) -> bool:
    ended = service.runs_once and process.state is State.EXITED and process.exit_code != 0
    return ended or process.state is State.FATAL


def _failure_text(service: ServiceSpec, what: str, log: Path) -> str:
    lines = last_lines(log, count=LOG_LINES)
    return "\n".join(
        (f"{service.name} {what}. Its last lines, of {log}:", *(f"  {line}" for line in lines), "")
    )


def _wait_until(condition: Callable[[], bool], *, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(POLL_S)
