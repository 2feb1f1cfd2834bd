"""HTTP clients for the services of this machine, and their health checks."""

from datetime import datetime

import httpx

from carvalue.platform.spec import HealthCheck, local_url
from carvalue.registry import NOTHING_YET
from carvalue.settings import Settings

TIMEOUT_S = 5.0


def local_client(port: int | None = None, *, timeout_s: float = TIMEOUT_S) -> httpx.Client:
    """Create an HTTP client for this machine: it loads no certificates and ignores proxy settings.

    Args:
        port: Port of the service; None if each request has a full URL.
        timeout_s: Timeout of one request, in seconds.

    Returns:
        The client; the caller closes it.
    """
    base = local_url(port) if port else ""
    return httpx.Client(base_url=base, timeout=timeout_s, verify=False, trust_env=False)  # noqa: S501


def service_client(settings: Settings) -> httpx.Client:
    """Create an HTTP client for this machine's price service that sends the API key of the settings.

    Args:
        settings: Port and API key of the price service.

    Returns:
        The client; the caller closes it.
    """
    client = local_client(settings.service_port)
    client.headers.update(settings.service_headers)
    return client


def is_healthy(client: httpx.Client, health: HealthCheck, *, since: datetime) -> bool:
    """Run a health check once.

    Args:
        client: HTTP client to use.
        health: The check.
        since: Start of the process. A component whose last heartbeat is older is not healthy: an earlier
            process sent it.

    Returns:
        Whether the service answers 200 and, where the check names a component, reports it as healthy.

    Examples:
        >>> from datetime import UTC
        >>> transport = httpx.MockTransport(lambda request: httpx.Response(200))
        >>> with httpx.Client(transport=transport) as client:
        ...     is_healthy(client, HealthCheck(url="http://127.0.0.1:5000/health"), since=datetime.now(UTC))
        True
    """
    try:
        answer = client.get(health.url)
    except httpx.HTTPError:
        return False
    if answer.status_code != httpx.codes.OK:
        return False
    return health.component is None or _is_component_healthy(answer, health.component, since)


def _is_component_healthy(answer: httpx.Response, component: str, since: datetime) -> bool:
    report = answer.json().get(component) or {}
    beat = report.get(f"latest_{component}_heartbeat")
    return report.get("status") == "healthy" and beat is not None and datetime.fromisoformat(beat) >= since


def not_ready(client: httpx.Client, check: HealthCheck) -> str:
    """Ask a healthy service what it lacks to do its work.

    Args:
        client: Client to send the request with.
        check: Health check of the service.

    Returns:
        What it lacks; empty if it is ready, has no such URL, or only waits for the first model.
    """
    if not check.ready:
        return ""
    try:
        down = client.get(check.ready).json()["down"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ""
    return "; ".join(str(reason) for reason in down.values() if reason != NOTHING_YET)
