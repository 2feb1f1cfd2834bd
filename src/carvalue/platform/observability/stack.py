"""Run Prometheus, Alertmanager and Grafana where they are installed, or download them."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from carvalue.files import atomic_write
from carvalue.platform.observability.download import DownloadFailed, download_release
from carvalue.platform.observability.tools import ALERTMANAGER, GRAFANA, TOOLS, Files, program_folder
from carvalue.platform.spec import ServiceSpec, local_url
from carvalue.settings import Settings, StateSettings

Show = Callable[[str], None]
"""Function that shows a line to the operator."""


def observability_services(settings: Settings) -> Iterator[ServiceSpec]:
    """List the processes of the installed tools.

    Args:
        settings: Settings of the platform.

    Yields:
        One service per installed tool.
    """
    for tool in TOOLS:
        if program := tool.program(settings):
            service = tool.service(settings, program, tool.folder(settings))
            # a digest in the environment restarts the tool when its configuration changes
            digest = hashlib.sha256(json.dumps(tool.files(settings)).encode()).hexdigest()
            yield replace(service, environment={**service.environment, "CARVALUE_CONFIGURATION": digest})


def missing_tools(settings: StateSettings) -> tuple[str, ...]:
    """List the tools that are neither installed nor downloaded.

    Args:
        settings: State directory of the platform.

    Returns:
        One line per missing tool that says how to install it.
    """
    return tuple(
        f"{tool.programs[0]} is not installed: {tool.package}" for tool in TOOLS if not tool.program(settings)
    )


def download_missing_tools(settings: Settings, *, report: Show, update: Show) -> None:
    """Download the tools that are not installed. What cannot be downloaded is reported and left out.

    Args:
        settings: State directory of the platform, and MONITORING_DOWNLOAD.
        report: Takes a line that stays visible.
        update: Takes the present activity, in place of the previous one.
    """
    missing = [tool.release for tool in TOOLS if not tool.program(settings)]
    if not missing or not settings.monitoring_download:
        return
    names = ", ".join(f"{release.name} {release.version}" for release in missing)
    size = sum(release.megabytes for release in missing)
    report(f"downloading {names} ({size} MB) to {program_folder(settings)}; MONITORING_DOWNLOAD=false: no")
    for release in missing:
        try:
            download_release(release, program_folder(settings), progress=update)
        except DownloadFailed as error:
            report(f"the platform starts without {release.name}: {error.message}")
        else:
            report(f"{release.name} {release.version} is downloaded, its checksum is correct")


def write_tool_configuration(settings: Settings) -> None:
    """Write the configuration files of the installed tools.

    Args:
        settings: Settings of the platform. The files contain the secrets of ALERT_URLS.
    """
    for tool in TOOLS:
        if tool.program(settings):
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


def own_alertmanager_url(settings: Settings) -> str:
    """Return the address of the platform's own Alertmanager.

    Args:
        settings: Its port.

    Returns:
        The URL; empty if Alertmanager is neither installed nor downloaded.
    """
    return local_url(settings.alertmanager_port) if ALERTMANAGER.program(settings) else ""


def own_grafana_url(settings: Settings) -> str:
    """Return the address of the platform's own Grafana.

    Args:
        settings: Its port.

    Returns:
        The URL; empty if Grafana is neither installed nor downloaded.
    """
    return local_url(settings.grafana_port) if GRAFANA.program(settings) else ""
