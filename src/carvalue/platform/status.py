"""What every service does right now: what the process manager says, and what the service itself answers."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx

from carvalue.platform.health import is_healthy, local_client
from carvalue.platform.processes import ProcessState, State, Supervisor, last_lines
from carvalue.platform.services import platform_services
from carvalue.platform.spec import ServiceSpec
from carvalue.settings import Settings

STATES_WITHOUT_AN_ANSWER = {
    State.STARTING: "starting",
    State.BACKOFF: "starting",
    State.RUNNING: "unhealthy",
}


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """One service at one moment.

    Attributes:
        state: healthy, done (a job that ended well), starting, unhealthy (runs without answering), or down.
        uptime: since its process started.
        last_line: the end of its log, where it is not well.
    """

    service: ServiceSpec
    state: str
    pid: int | None = None
    uptime: timedelta | None = None
    last_line: str = ""

    @property
    def is_well(self) -> bool:
        """Whether it does what it is for."""
        return self.state in {"healthy", "done"}


def platform_status(settings: Settings) -> tuple[ServiceStatus, ...]:
    """Look at every service of the platform."""
    return status_of(platform_services(settings), supervisor=Supervisor(state_dir=settings.state_dir))


def status_of(wanted: tuple[ServiceSpec, ...], *, supervisor: Supervisor) -> tuple[ServiceStatus, ...]:
    """Look at the given services."""
    states = supervisor.states()
    with local_client() as client:
        return tuple(
            _status(service, states.get(service.name), client=client, supervisor=supervisor)
            for service in wanted
        )


def _status(
    service: ServiceSpec, process: ProcessState | None, *, client: httpx.Client, supervisor: Supervisor
) -> ServiceStatus:
    if process is None:
        return ServiceStatus(service=service, state="down")
    state = _state(service, process, client)
    well = state in {"healthy", "done"}
    return ServiceStatus(
        service=service,
        state=state,
        pid=process.pid,
        uptime=datetime.now(UTC) - process.started_at if process.pid else None,
        last_line="" if well else next(iter(last_lines(supervisor.log(service.name), count=1)), ""),
    )


def _state(service: ServiceSpec, process: ProcessState, client: httpx.Client) -> str:
    if service.health is None:
        return "done" if process.state is State.EXITED and process.exit_code == 0 else "down"
    if process.pid and is_healthy(client, service.health, since=process.started_at):
        return "healthy"
    return STATES_WITHOUT_AN_ANSWER.get(process.state, "down")
