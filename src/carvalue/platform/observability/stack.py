"""Configuration and processes of Prometheus, Alertmanager and Grafana, where they are installed."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from carvalue.files import atomic_write
from carvalue.platform.observability.alertmanager import alertmanager_configuration
from carvalue.platform.observability.grafana import DATA_SOURCE_UID, alerting_files, mail_options
from carvalue.platform.spec import LOOPBACK, HealthCheck, ServiceSpec, local_url
from carvalue.settings import Settings
from carvalue.telemetry import (
    AIRFLOW_JOB,
    ALERTMANAGER_JOB,
    METRICS_PATHS,
    PAGE_JOB,
    SERVICE_JOB,
    WATCHER_JOB,
    rule_file,
)

DASHBOARDS = Path(str(files("carvalue.platform.observability") / "resources" / "dashboards"))
"""Folder of the Grafana dashboards within the installed package; their prices are in US dollars."""

SCRAPE_INTERVAL = "5s"
RETENTION = "30d"

Files = Mapping[str, Mapping[str, Any]]
"""File name relative to the tool's folder -> content, written as JSON, which is valid YAML."""


@dataclass(frozen=True, kw_only=True)
class ObservabilityTool:
    """One monitoring tool.

    Attributes:
        programs: Names under which the program may be installed; the first is also the folder's name.
        package: How to install it.
        files: Returns the tool's configuration files.
        service: Returns the tool's process, given the path of the program and the folder of its files.
    """

    programs: tuple[str, ...]
    package: str
    files: Callable[[Settings], Files]
    service: Callable[[Settings, str, Path], ServiceSpec]

    @property
    def program(self) -> str | None:
        """Path of the installed program; None if it is not installed."""
        return next((path for name in self.programs if (path := shutil.which(name))), None)

    def folder(self, settings: Settings) -> Path:
        """Return the folder of the tool's configuration and data.

        Args:
            settings: State directory of the platform.

        Returns:
            The absolute path; the folder may not exist yet.
        """
        return settings.state_dir.resolve() / self.programs[0]


def observability_services(settings: Settings) -> Iterator[ServiceSpec]:
    """List the processes of the installed tools.

    Args:
        settings: Settings of the platform.

    Yields:
        One service per installed tool.
    """
    for tool in TOOLS:
        if tool.program:
            service = tool.service(settings, tool.program, tool.folder(settings))
            # a digest in the environment restarts the tool when its configuration changes
            digest = hashlib.sha256(json.dumps(tool.files(settings)).encode()).hexdigest()
            yield replace(service, environment={**service.environment, "CARVALUE_CONFIGURATION": digest})


def missing_tools() -> tuple[str, ...]:
    """List the tools that are not installed.

    Returns:
        One line per missing tool that says how to install it.
    """
    return tuple(f"{tool.programs[0]} is not installed: {tool.package}" for tool in TOOLS if not tool.program)


def write_tool_configuration(settings: Settings) -> None:
    """Write the configuration files of the installed tools.

    Args:
        settings: Settings of the platform. The files contain the secrets of ALERT_URLS.
    """
    for tool in TOOLS:
        if tool.program:
            write_files(tool.files(settings), folder=tool.folder(settings))


def write_files(files: Files, *, folder: Path) -> None:
    """Write configuration files that only their owner can read.

    Args:
        files: File name -> content.
        folder: Folder to write into; it is created if needed.
    """
    for name, content in files.items():
        with atomic_write(folder / name) as temporary:
            temporary.touch(mode=0o600)
            temporary.write_text(json.dumps(content, indent=1))


def _prometheus_files(settings: Settings) -> Files:
    targets = {
        SERVICE_JOB: settings.service_url,
        WATCHER_JOB: settings.watcher_url,
        PAGE_JOB: local_url(settings.page_port),
        AIRFLOW_JOB: settings.airflow_url,
        ALERTMANAGER_JOB: local_url(settings.alertmanager_port),
    }
    alertmanager = [{"static_configs": [{"targets": [f"{LOOPBACK}:{settings.alertmanager_port}"]}]}]
    configuration = {
        "global": {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": SCRAPE_INTERVAL},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": alertmanager},
        "scrape_configs": [_scrape_config(job, url) for job, url in targets.items()],
    }
    return {"prometheus.yml": configuration, "rules.yml": rule_file()}


def _scrape_config(job: str, url: str) -> Mapping[str, Any]:
    return {
        "job_name": job,
        "scheme": urlsplit(url).scheme,
        "metrics_path": METRICS_PATHS.get(job, "/metrics"),
        "static_configs": [{"targets": [urlsplit(url).netloc]}],
    }


def _prometheus(settings: Settings, program: str, folder: Path) -> ServiceSpec:
    address = local_url(settings.prometheus_port)
    return ServiceSpec(
        name="prometheus",
        purpose="collects metrics, evaluates alert rules",
        command=(
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address={LOOPBACK}:{settings.prometheus_port}",
        ),
        health=HealthCheck(url=f"{address}/-/ready"),
        port=settings.prometheus_port,
        port_setting="PROMETHEUS_PORT",
        address=address,
    )


def _alertmanager_files(settings: Settings) -> Files:
    return {"alertmanager.yml": alertmanager_configuration(settings.notifier_urls)}


def own_alertmanager_url(settings: Settings) -> str:
    """Return the address of the platform's own Alertmanager.

    Args:
        settings: Its port.

    Returns:
        The URL; empty if Alertmanager is not installed.
    """
    return local_url(settings.alertmanager_port) if ALERTMANAGER.program else ""


def _alertmanager(settings: Settings, program: str, folder: Path) -> ServiceSpec:
    address = local_url(settings.alertmanager_port)
    return ServiceSpec(
        name="alertmanager",
        purpose="sends the alerts of Prometheus and the watcher",
        command=(
            program,
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{settings.alertmanager_port}",
            "--cluster.listen-address=",  # a single instance has no cluster
        ),
        health=HealthCheck(url=f"{address}/-/ready"),
        port=settings.alertmanager_port,
        port_setting="ALERTMANAGER_PORT",
        address=address,
    )


def _grafana_files(settings: Settings) -> Files:
    source = {
        "name": "Prometheus",
        "uid": DATA_SOURCE_UID,
        "type": "prometheus",
        "access": "proxy",
        "url": local_url(settings.prometheus_port),
        "isDefault": True,
    }
    folder = GRAFANA.folder(settings) / "dashboards"
    boards = {"name": "carvalue", "type": "file", "folder": "carvalue", "options": {"path": str(folder)}}
    return {
        "provisioning/datasources/prometheus.yaml": {"apiVersion": 1, "datasources": [source]},
        "provisioning/dashboards/carvalue.yaml": {"apiVersion": 1, "providers": [boards]},
        **alerting_files(settings.notifier_urls),
        **_dashboards(),
    }


def _dashboards() -> Files:
    """Give the dashboards the currency of the market, as Grafana names it, such as `currencyEUR`."""
    from carvalue.listings import CURRENCY  # noqa: PLC0415  # an invalid MARKET must not stop other commands

    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted(DASHBOARDS.glob("*.json"))}
    currency = f"currency{CURRENCY.code}"
    return {
        f"dashboards/{name}": json.loads(text.replace("currencyUSD", currency))
        for name, text in texts.items()
    }


def _grafana(settings: Settings, program: str, folder: Path) -> ServiceSpec:
    address, sinks = local_url(settings.grafana_port), settings.notifier_urls
    options = {
        "paths.data": folder / "data",
        "paths.logs": folder / "logs",
        "paths.provisioning": folder / "provisioning",
        "server.http_addr": LOOPBACK,
        "server.http_port": settings.grafana_port,
        "auth.anonymous.enabled": "true",  # read-only and on loopback; changes require a login
        "analytics.reporting_enabled": "false",
        "analytics.check_for_updates": "false",
    }
    # the first start creates the user `admin`; Grafana's default password is well-known
    login = {"GF_SECURITY_ADMIN_PASSWORD": settings.airflow_password.get_secret_value()}
    mail = {f"GF_{name.upper().replace('.', '_')}": value for name, value in mail_options(sinks).items()}
    home = "/usr/share/grafana"  # the path that Grafana's packages use
    return ServiceSpec(
        name="grafana",
        purpose="shows dashboards of drift, prices and health",
        command=(
            *((program, "server") if Path(program).name == "grafana" else (program,)),
            f"--homepath={home}",
            *(f"cfg:default.{name}={value}" for name, value in options.items()),
        ),
        environment=login | mail,  # not as arguments, which every user of the machine can read
        health=HealthCheck(url=f"{address}/api/health"),
        port=settings.grafana_port,
        port_setting="GRAFANA_PORT",
        address=address,
    )


ALERTMANAGER = ObservabilityTool(
    programs=("alertmanager", "prometheus-alertmanager"),
    package="apt install prometheus-alertmanager (then `make up`)",
    files=_alertmanager_files,
    service=_alertmanager,
)
GRAFANA = ObservabilityTool(
    programs=("grafana", "grafana-server"),
    package="https://grafana.com/docs/grafana/latest/setup-grafana/installation (then `make up`)",
    files=_grafana_files,
    service=_grafana,
)
TOOLS = (
    ObservabilityTool(
        programs=("prometheus",),
        package="apt install prometheus (then `make up`)",
        files=_prometheus_files,
        service=_prometheus,
    ),
    ALERTMANAGER,
    GRAFANA,
)
