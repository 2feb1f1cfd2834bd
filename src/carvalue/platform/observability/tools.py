"""Prometheus, Alertmanager and Grafana: their programs, configuration files and processes."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from carvalue.platform.observability.alertmanager import alertmanager_configuration
from carvalue.platform.observability.dashboards import dashboard_files
from carvalue.platform.observability.download import downloaded_program
from carvalue.platform.observability.grafana import DATA_SOURCE_UID, alerting_files, mail_options
from carvalue.platform.observability.releases import (
    ALERTMANAGER_RELEASE,
    GRAFANA_RELEASE,
    PROMETHEUS_RELEASE,
    Release,
)
from carvalue.platform.spec import LOOPBACK, HealthCheck, ServiceSpec, local_url
from carvalue.settings import Settings, StateSettings
from carvalue.telemetry import (
    AIRFLOW_JOB,
    ALERTMANAGER_JOB,
    METRICS_PATHS,
    PAGE_JOB,
    SERVICE_JOB,
    WATCHER_JOB,
    rule_file,
)

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
        release: The official release that `make build` downloads.
        files: Returns the tool's configuration files.
        service: Returns the tool's process, given the path of the program and the folder of its files.
    """

    programs: tuple[str, ...]
    package: str
    release: Release
    files: Callable[[Settings], Files]
    service: Callable[[Settings, str, Path], ServiceSpec]

    def program(self, settings: StateSettings) -> str | None:
        """Find the program: an installed one, otherwise the one that `make build` has downloaded.

        Args:
            settings: State directory of the platform.

        Returns:
            The path; None if there is neither.
        """
        installed = next((path for name in self.programs if (path := shutil.which(name))), None)
        return installed or downloaded_program(self.release, program_folder(settings))

    def folder(self, settings: Settings) -> Path:
        """Return the folder of the tool's configuration and data.

        Args:
            settings: State directory of the platform.

        Returns:
            The absolute path; the folder may not exist yet.
        """
        return settings.state_dir.resolve() / self.programs[0]


def program_folder(settings: StateSettings) -> Path:
    """Return the folder of downloaded programs.

    Args:
        settings: State directory of the platform.

    Returns:
        The absolute path; the folder may not exist yet.
    """
    return settings.state_dir.resolve() / "programs"


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
        **dashboard_files(settings),
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
    return ServiceSpec(
        name="grafana",
        purpose="shows dashboards of drift, prices and health",
        command=(
            *((program, "server") if Path(program).name == "grafana" else (program,)),
            f"--homepath={_grafana_home(program)}",
            *(f"cfg:default.{name}={value}" for name, value in options.items()),
        ),
        environment=login | mail,  # not as arguments, which every user of the machine can read
        health=HealthCheck(url=f"{address}/api/health"),
        port=settings.grafana_port,
        port_setting="GRAFANA_PORT",
        address=address,
    )


def _grafana_home(program: str) -> Path:
    """Return the folder of Grafana's own files: that of its archive, or the one that its packages use."""
    unpacked = Path(program).resolve().parents[1]
    return unpacked if (unpacked / "conf" / "defaults.ini").is_file() else Path("/usr/share/grafana")


ALERTMANAGER = ObservabilityTool(
    programs=("alertmanager", "prometheus-alertmanager"),
    package="apt install prometheus-alertmanager (then `make up`)",
    release=ALERTMANAGER_RELEASE,
    files=_alertmanager_files,
    service=_alertmanager,
)
GRAFANA = ObservabilityTool(
    programs=("grafana", "grafana-server"),
    package="https://grafana.com/docs/grafana/latest/setup-grafana/installation (then `make up`)",
    release=GRAFANA_RELEASE,
    files=_grafana_files,
    service=_grafana,
)
TOOLS = (
    ObservabilityTool(
        programs=("prometheus",),
        package="apt install prometheus (then `make up`)",
        release=PROMETHEUS_RELEASE,
        files=_prometheus_files,
        service=_prometheus,
    ),
    ALERTMANAGER,
    GRAFANA,
)
