"""Where the parts of the platform listen, and where they find each other."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from carvalue.settings.base import LOOPBACK_HOSTS, ONE_MACHINE, SettingsGroup
from carvalue.settings.state import MlflowSettings
from carvalue.settings.values import HttpUrl, Port, loopback_url, optional_url


def _host_names(value: str) -> str:
    for name in filter(None, map(str.strip, value.split(","))):
        if not re.fullmatch(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+", name):
            raise ValueError("expected names such as prices.example.com, without scheme and port")
    return value


class TracingSettings(SettingsGroup):
    """Where the price service, the page and the watcher send their spans."""

    otlp_url: Annotated[str, AfterValidator(optional_url)] = ""
    """The base URL of an OpenTelemetry collector, such as http://localhost:4318, to which the price service,
    the page and the watcher send their spans (OTLP over HTTP; needs `uv sync --extra tracing`). Empty: spans
    are not exported; logs and the journal have trace ids all the same."""
    otlp_share: float = Field(default=1, ge=0, le=1)
    """The share of the traces that are exported, from 0 to 1."""


class NetworkSettings(TracingSettings, MlflowSettings):
    """The addresses of all parts."""

    bind_host: Annotated[str, ONE_MACHINE] = "127.0.0.1"
    """The address that the price service, the page and the watcher listen on. Any address other than
    loopback requires an AIRFLOW_PASSWORD other than the default, and keys for the price service. Everything
    else listens on loopback only. Clients must come through a proxy that limits how long a request head may
    take (deploy/proxy/Caddyfile): the services have no such limit."""
    allowed_hosts: Annotated[str, AfterValidator(_host_names)] = ""
    """The host names, separated by commas, under which the price service, the page and the watcher answer; a
    web page could otherwise reach them by DNS rebinding. Loopback names are always accepted, and off
    loopback every IP address. Empty: only loopback names while BIND_HOST is loopback, otherwise every
    name."""
    airflow_port: Port = 8080
    """The port of Airflow."""
    service_port: Port = 9696
    """The port of the price service."""
    page_port: Port = 8501
    """The port of the page."""
    watcher_port: Port = 9697
    """The port of the watcher."""
    prometheus_port: Port = 9090
    """The port of Prometheus."""
    alertmanager_port: Port = 9093
    """The port of Alertmanager."""
    grafana_port: Port = 3000
    """The port of Grafana."""
    service_url: HttpUrl = Field(default_factory=lambda chosen: loopback_url(chosen, "service_port"))
    """The URL of the price service for the page and the commands. Empty: the platform's own on
    SERVICE_PORT."""
    watcher_url: HttpUrl = Field(default_factory=lambda chosen: loopback_url(chosen, "watcher_port"))
    """The URL of the watcher for the page. Empty: the platform's own on WATCHER_PORT."""
    airflow_url: HttpUrl = Field(default_factory=lambda chosen: loopback_url(chosen, "airflow_port"))
    """The URL of Airflow, from which the watcher reads the state of pipeline runs. Empty: the platform's own
    on AIRFLOW_PORT."""

    data_old_days: int = Field(default=180, ge=1)
    """The age in days of the newest training listing from which the page warns, beside each price, that
    prices may have changed, and from which the alert CarvalueDataOld fires."""

    @property
    def is_loopback(self) -> bool:
        """Whether BIND_HOST can be reached from this machine only."""
        return self.bind_host in LOOPBACK_HOSTS

    @property
    def allowed_host_names(self) -> frozenset[str]:
        """The names of ALLOWED_HOSTS, in lower case."""
        names = (name.strip().lower() for name in self.allowed_hosts.split(","))
        return frozenset(name for name in names if name)
