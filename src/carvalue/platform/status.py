"""State of every service: what supervisord reports and what the service itself answers."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from carvalue.platform.health import is_healthy, local_client, not_ready
from carvalue.platform.processes import ProcessState, State, Supervisor, last_lines
from carvalue.platform.services import platform_services
from carvalue.platform.spec import ServiceSpec
from carvalue.settings import Settings

UNHEALTHY_STATES = {
    State.STARTING: "starting",
    State.BACKOFF: "starting",
    State.RUNNING: "unhealthy",
}
"""State to show for a process whose health check fails."""


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """State of one service at one moment.

    Attributes:
        service: The service.
        state: `healthy`, `done` (a job that succeeded), `starting`, `unhealthy` (runs, health check fails),
            `not ready` (healthy, but the model in production cannot be used) or `down`.
        pid: Process id; None while it does not run.
        uptime: Time since the process started; None while it does not run.
        last_line: What is not ready, or the last line of its log; empty if the service is all right.
    """

    service: ServiceSpec
    state: str
    pid: int | None = None
    uptime: timedelta | None = None
    last_line: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether the state is `healthy` or `done`."""
        return self.state in {"healthy", "done"}


def platform_status(settings: Settings) -> tuple[ServiceStatus, ...]:
    """Read the state of every service of the platform.

    Args:
        settings: Settings of the platform.

    Returns:
        One state per service, in the order of `platform_services`.
    """
    return status_of(platform_services(settings), supervisor=Supervisor(state_dir=settings.state_dir))


def status_of(services: tuple[ServiceSpec, ...], *, supervisor: Supervisor) -> tuple[ServiceStatus, ...]:
    """Read the state of the given services.

    Args:
        services: Services to check.
        supervisor: Process manager that runs them.

    Returns:
        One state per service, in the given order.
    """
    processes = supervisor.states()
    with local_client() as client:
        return tuple(
            _status(service, processes.get(service.name), client=client, supervisor=supervisor)
            for service in services
        )


def _status(
    service: ServiceSpec, process: ProcessState | None, *, client: httpx.Client, supervisor: Supervisor
) -> ServiceStatus:
    if process is None:
        return ServiceStatus(service=service, state="down")
    state = _state(service, process, client)
    problem = not_ready(client, service.health) if state == "healthy" and service.health else ""
    is_ok = state in {"healthy", "done"}
    line = problem if is_ok else next(iter(last_lines(supervisor.log(service.name), count=1)), "")
    return ServiceStatus(
        service=service,
        state="not ready" if problem else state,
        pid=process.pid,
        uptime=datetime.now(UTC) - process.started_at if process.pid else None,
        last_line=line,
    )


def _state(service: ServiceSpec, process: ProcessState, client: httpx.Client) -> str:
    if service.health is None:
        return "done" if process.state is State.EXITED and process.exit_code == 0 else "down"
    if process.pid and is_healthy(client, service.health, since=process.started_at):
        return "healthy"
    return UNHEALTHY_STATES.get(process.state, "down")
