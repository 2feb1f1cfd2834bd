"""Whether a service works, by its own word."""

from datetime import datetime

import httpx

from carvalue.platform.spec import HealthCheck, local_url
from carvalue.settings import Settings

TIMEOUT_S = 5.0


def local_client(port: int | None = None, *, timeout_s: float = TIMEOUT_S) -> httpx.Client:
    """Make a client to ask this machine with: it loads no certificates and takes no proxy.

    Args:
        port: whom to ask; None: every request names it.
        timeout_s: how long one answer may take.
    """
    base = local_url(port) if port else ""
    return httpx.Client(base_url=base, timeout=timeout_s, verify=False, trust_env=False)  # noqa: S501


def service_client(settings: Settings) -> httpx.Client:
    """Make a client, as above, for the price service, with the key of the settings."""
    client = local_client(settings.service_port)
    client.headers.update(settings.service_headers)
    return client


def is_healthy(client: httpx.Client, health: HealthCheck, *, since: datetime) -> bool:
    """Ask a service, or the part of Airflow's answer that speaks for it.

    Args:
        client: what to ask with.
        health: where to ask.
        since: when the process started; a heartbeat of an earlier process says nothing about this one.
    """
    try:
        answer = client.get(health.url)
    except httpx.HTTPError:
        return False
    if answer.status_code != httpx.codes.OK:
        return False
    return health.component is None or _component_is_healthy(answer, health.component, since)


def _component_is_healthy(answer: httpx.Response, component: str, since: datetime) -> bool:
    report = answer.json().get(component) or {}
    beat = report.get(f"latest_{component}_heartbeat")
    return report.get("status") == "healthy" and beat is not None and datetime.fromisoformat(beat) >= since
