"""Description of one process of the platform: command, environment, port and health check."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"  # services without logins, or with one shared login, bind this address only


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """HTTP check of a service.

    Attributes:
        url: URL that answers 200 while the service works.
        component: Key of this service in the JSON answer, where one URL reports on several services, such
            as Airflow's `/api/v2/monitor/health`. None: the status code alone decides.
        ready: URL that tells what a healthy service lacks, as `down` in a JSON object; empty if it has none.
    """

    url: str
    component: str | None = None
    ready: str = ""


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One process of the platform.

    Attributes:
        name: Name in `make status` and `make logs`.
        purpose: What the service does, in a few words.
        command: Program and arguments.
        environment: Variables set on top of the environment in which the platform was started.
        health: Check that decides whether the service works. None for a job that runs once: its exit code
            decides.
        needs: Names of services that must be healthy before this one starts.
        port: TCP port on which the service listens; None if it listens on none.
        port_setting: Environment variable that sets the port; empty without a port.
        address: URL for people; empty if there is nothing to open in a browser.
        has_access_log: Whether the service writes one line per request to standard output and all else to
            standard error. The access log then has its own file: in a common file, requests would rotate all
            other lines out.

    Examples:
        >>> job = ServiceSpec(name="migrate", purpose="migrates the tables", command=("carvalue", "migrate"))
        >>> job.runs_once
        True
    """

    name: str
    purpose: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    health: HealthCheck | None = None
    needs: tuple[str, ...] = ()
    port: int | None = None
    port_setting: str = ""
    address: str = ""
    has_access_log: bool = False

    @property
    def runs_once(self) -> bool:
        """Whether this is a job that ends rather than a server."""
        return self.health is None


def local_url(port: int) -> str:
    """Return the URL of a service of this machine; services listen on loopback whatever else they bind.

    Args:
        port: TCP port of the service.

    Returns:
        The URL without a trailing slash.

    Examples:
        >>> local_url(9696)
        'http://127.0.0.1:9696'
    """
    return f"http://{LOOPBACK}:{port}"
