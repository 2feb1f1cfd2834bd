"""Check and find TCP ports."""

import errno
import socket
from collections.abc import Iterable

import psutil

from carvalue.errors import AppError
from carvalue.platform.spec import ServiceSpec


class PortTaken(AppError):
    """Another process listens on the port of a service; the message names both."""

    status, hint = (
        409,
        "Stop that process, or set another port. `make down` stops processes of an earlier run.",
    )


def check_ports(services: Iterable[ServiceSpec], *, host: str) -> None:
    """Check that every service can bind its port.

    Args:
        services: Services to check; those without a port are ignored.
        host: Address that the services bind.

    Raises:
        PortTaken: Names each occupied port, the process that holds it and the setting that changes it.
    """
    blocked = [service for service in services if service.port and not _is_free(host, service.port)]
    if blocked:
        raise PortTaken(" ".join(_describe(service) for service in blocked))


def free_port() -> int:
    """Find a TCP port of the loopback address on which no process listens at the moment.

    Returns:
        The port number.

    Examples:
        >>> free_port() > 1_024
        True
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # closed connections do not block the port
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def _describe(service: ServiceSpec) -> str:
    return (
        f"Port {service.port} of {service.name} ({service.port_setting}) is held by "
        f"{_holder(service.port or 0)}."
    )


def _holder(port: int) -> str:
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return _process_text(connection.pid)
    return "a process of another user"


def _process_text(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        return f"pid {pid}, {process.name()}: {' '.join(process.cmdline())[:160]}"
    except psutil.Error:
        return f"pid {pid}"
