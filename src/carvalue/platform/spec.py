"""One process of the platform, as data: what runs, where it listens, how it shows health."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LOOPBACK = "127.0.0.1"  # where whatever asks nobody for a password, or all for the same one, stays


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """Where a service shows that it works.

    Attributes:
        url: answers 200 when it does.
        component: the part of a JSON answer that speaks for this service, where one URL speaks for several.
    """

    url: str
    component: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceSpec:
    """One process.

    Attributes:
        name: what `make status` and `make logs` call it.
        does: what it is for, in a few words.
        command: program and arguments.
        environment: what it needs beyond the environment that the platform was started in.
        health: None for a job that runs once and ends; then its exit code speaks.
        needs: services that must be healthy before this one starts.
        port: where it listens, and the setting that moves it.
        address: what a person opens in a browser.
        has_access_log: whether it writes a line for each request to standard output, and all else to standard
            error; then these have a file of their own, since requests would push everything else out.
    """

    name: str
    does: str
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
        """Whether it is a job that ends, rather than a server."""
        return self.health is None


def local_url(port: int) -> str:
    """Tell where this machine reaches a service of its own, whatever else the service binds."""
    return f"http://127.0.0.1:{port}"
