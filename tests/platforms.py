"""A platform under test: small replacements of its services, free ports, and its commands."""

import os
import subprocess
import sys
from pathlib import Path

from carvalue.platform.processes.ports import free_port
from carvalue.platform.spec import HealthCheck, ServiceSpec
from carvalue.settings import SECRETS, Settings

ROOT = Path(__file__).parents[1]
COMMAND_LIMIT_S = 1_500  # on a slow, busy machine
SERVER = """
import http.server, subprocess, sys
if "--with-child" in sys.argv:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
handler = http.server.SimpleHTTPRequestHandler
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), handler).serve_forever()
"""


PORTS = ("airflow", "mlflow", "service", "page", "watcher", "prometheus", "alertmanager", "grafana")


def a_server(name: str, *arguments: str, needs: tuple[str, ...] = ()) -> ServiceSpec:
    """Make a service that answers on a free port; `--with-child` leaves a child in a session of its own."""
    port = free_port()
    return ServiceSpec(
        name=name,
        purpose="answers",
        command=(sys.executable, "-c", SERVER, str(port), *arguments),
        health=HealthCheck(url=f"http://127.0.0.1:{port}/"),
        port=port,
        port_setting=f"{name.upper()}_PORT",
        needs=needs,
    )


def a_job(name: str, code: str = "print('done')") -> ServiceSpec:
    """Make a service that runs once and ends."""
    return ServiceSpec(name=name, purpose="ends", command=(sys.executable, "-c", code))


def platform_settings(state_dir: Path, **changes: object) -> Settings:
    """Make settings of a platform of its own, on free ports."""
    ports = {f"{name}_port": free_port() for name in PORTS}
    own = {"state_dir": state_dir, "monitoring_download": False}
    return Settings.model_validate(ports | own | changes)


def environment_of(settings: Settings) -> dict[str, str]:
    """Write settings, without secrets, into a copy of the environment."""
    chosen = settings.model_dump(mode="json", exclude=set(SECRETS))
    return os.environ | {name.upper(): str(value) for name, value in chosen.items()}


def carvalue(settings: Settings, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person would, by these settings."""
    return subprocess.run(
        [sys.executable, "-m", "carvalue", *words],
        env=environment_of(settings),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_LIMIT_S,
    )
