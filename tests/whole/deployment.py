"""The deployment of compose.yaml, started as its how-to guide says, in a folder of its own."""

import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("compose.yaml", "deploy", "src/carvalue/platform/observability/resources/dashboards", "tests/whole")
"""What compose.yaml refers to."""
PROJECT = "carvalue-whole"
ADDRESS = "https://localhost"
FILES = ("compose.yaml", "tests/whole/compose.yaml")
START_LIMIT_S = 1200


class Deployment:
    """A copy of compose.yaml with secrets of its own.

    Args:
        folder: folder of the copy.
        s3_port: port of the S3 server on this host.
    """

    def __init__(self, folder: Path, *, s3_port: int) -> None:
        self.folder = folder
        for part in PARTS:
            _copy(ROOT / part, folder / part)
        for name in ("s3_key_id", "s3_key"):
            _write_secret(folder / "deploy" / "secrets" / name, "fake")
        subprocess.run([sys.executable, "deploy/make_secrets.py"], cwd=folder, check=True)
        settings = {"DATA_SOURCE": os.environ.get("DATA_SOURCE", "sample"), "GENERATED_DATA": "accept"}
        (folder / "deploy" / "settings.env").write_text(
            "".join(f"{name}={value}\n" for name, value in settings.items())
        )
        self._environment = {
            "COMPOSE_FILE": ":".join(FILES),
            **os.environ,
            "COMPOSE_PROJECT_NAME": PROJECT,
            "ARTIFACTS": "s3://models/mlflow",
            "STORAGE": "s3://models/storage",
            "S3_ENDPOINT": f"http://object-store:{s3_port}",
        }

    def compose(self, *words: str, release: str = "local") -> str:
        """Run `docker compose`; give its output."""
        return self._run([*_compose_command(), *words], RELEASE=release)

    def docker(self, *words: str) -> str:
        """Run `docker`; give its output."""
        return self._run(["docker", *words])

    def up(self, *, release: str = "local") -> None:
        """Start what does not run as it should, and wait until every container is healthy."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", str(START_LIMIT_S), release=release)

    def upgrade(self, release: str) -> None:
        """Move to another release as an operator does."""
        self._run([sys.executable, "deploy/upgrade.py"], RELEASE=release)

    def tag(self, release: str) -> None:
        """Give the images of the deployment the name of another release."""
        for name in sorted({item for item in self.compose("config", "--images").split() if ":local" in item}):
            if name.startswith("carvalue-") and "standin" not in name:
                self.docker("tag", name, name.replace(":local", f":{release}"))

    def containers(self, service: str) -> list[str]:
        """Give the ids of the running containers of a service."""
        return self.compose("ps", "--quiet", "--status", "running", service).split()

    def is_healthy(self, container: str) -> bool:
        """Tell whether the health check of a container succeeds."""
        return self.docker("inspect", "--format", "{{.State.Health.Status}}", container).strip() == "healthy"

    def states(self) -> Mapping[str, str]:
        """Give the name of each container and its state, such as `running healthy` or `exited 0`."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        found: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return {item["Name"]: f"{item['State']} {item['Health'] or item['ExitCode']}" for item in found}

    def client(self) -> httpx.Client:
        """Create a client that trusts the proxy's own certificate authority."""
        authority = self.folder / "root.crt"
        if not authority.exists():
            self.compose("cp", "proxy:/data/caddy/pki/authorities/local/root.crt", str(authority))
        return httpx.Client(
            base_url=ADDRESS, timeout=30, trust_env=False, verify=ssl.create_default_context(cafile=authority)
        )

    def new_key(self, client: str) -> str:
        """Create an API key as an operator does."""
        return self.compose("exec", "-T", "service", "carvalue", "keys", "new", client).strip()

    def save_logs(self) -> None:
        """Write the logs of all containers into the folder."""
        (self.folder / "containers.log").write_text(self.compose("logs", "--no-color", "--timestamps"))

    def remove(self) -> None:
        """Remove containers, networks and volumes."""
        self.compose("down", "--volumes", "--timeout", "5")

    def _run(self, command: list[str], **more: str) -> str:
        environment = self._environment | more
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr[-3000:]}"
        return done.stdout


def require_engine() -> None:
    """Skip the test where no container engine answers."""
    if shutil.which("docker") is None:
        pytest.skip("Docker is not installed: the deployment goes untested as a whole")
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(
            f"no container engine answers, the deployment goes untested as a whole: {done.stderr[:200]}"
        )


def _compose_command() -> list[str]:
    return ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        ignored = shutil.ignore_patterns("secrets", ".terraform*", "__pycache__")
        shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def _write_secret(path: Path, value: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.write_text(value)
    path.chmod(0o644)
