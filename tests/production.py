"""Real servers for a test: a throw-away PostgreSQL and Redis, and any role of the platform as a process."""

import importlib.util
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from carvalue.platform.processes.ports import free_port
from waiting import until

DEPLOY = Path(__file__).parents[1] / "deploy"
START = DEPLOY / "containers" / "start.py"
CADDY = Path(sys.executable).with_name("caddy")


def load_program(path: Path) -> Any:
    """Import a program of deploy/, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def running(
    command: list[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    end_by: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """Run a process with its children in a group of their own, and leave none of them behind."""
    with log.open("w") as file:
        process = subprocess.Popen(
            command, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            _end(process, end_by)


@contextmanager
def proxy(folder: Path, *replicas: int, page: int = 9, read_header: str = "10s") -> Iterator[httpx.Client]:
    """Start Caddy with the public part of the Caddyfile, without TLS, in front of replicas here."""
    port, caddyfile = free_port(), (DEPLOY / "proxy" / "Caddyfile").read_text()
    public = caddyfile[: caddyfile.index("# Operators connect")]
    upstreams = " ".join(f"127.0.0.1:{replica}" for replica in replicas)
    ours = re.sub(r"dynamic a service 9696 {.*?}", f"to {upstreams}", public, flags=re.DOTALL)
    ours = ours.replace("page:8501", f"127.0.0.1:{page}").replace(
        "{$PUBLIC_NAME}", f"http://127.0.0.1:{port}"
    )
    ours = ours.replace("read_header 10s", f"read_header {read_header}")
    (folder / "Caddyfile").write_text(ours)
    shutil.copy(DEPLOY / "proxy" / "service.caddy", folder)
    command = [str(CADDY), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]
    with (
        running(command, log=folder / "caddy.log", environment={"HOME": str(folder)}),
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        until(partial(answers, f"http://127.0.0.1:{port}/readyz"))
        yield client


def _end(process: subprocess.Popen[bytes], first: signal.Signals) -> None:
    for sign in (first, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=20)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait(timeout=5)


def environment(folder: Path, **values: str) -> dict[str, str]:
    """Give a role what its container would have, and nothing of this shell's own settings."""
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "STATE_DIR": str(folder / "state"),
        "BIND_HOST": "127.0.0.1",
        **values,
    }


@contextmanager
def role(name: str, *, log: Path, environment: Mapping[str, str]) -> Iterator[None]:
    with running([sys.executable, str(START), name], log=log, environment=environment):
        yield


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[int, str]]:
    """Start PostgreSQL; give its port and its owner's password."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("PostgreSQL is not installed (apt install postgresql): migrations go untested")
    password, port = secrets.token_hex(8), free_port()
    initdb, become = programs[-1], []
    # not in `folder`: pytest lets only its own user into its folders
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        home = Path(name)
        (home / "password").write_text(password)
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            for path in (home, home / "password"):
                shutil.chown(path, "postgres")
            become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]
        data, keyed = home / "data", ("--pwfile", home / "password")
        subprocess.run(
            [*become, initdb, "-D", data, "-U", "owner", "-A", "scram-sha-256", "--no-sync", *keyed],
            check=True,
            capture_output=True,
        )
        server = [*become, str(initdb.with_name("postgres")), "-D", str(data), "-p", str(port)]
        log, at_once = folder / "postgres.log", signal.SIGINT  # SIGTERM would wait for every client to leave
        with running([*server, "-k", "", "-h", "127.0.0.1"], log=log, end_by=at_once):
            ready = [initdb.with_name("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-q"]
            until(lambda: subprocess.run(ready, check=False).returncode == 0)
            yield port, password


@contextmanager
def redis(folder: Path, *configuration: Path) -> Iterator[int]:
    """Start Redis, with a file of configuration if there is one; give its port."""
    if shutil.which("redis-server") is None:
        pytest.skip("Redis is not installed (apt install redis-server): Celery goes untested")
    port = free_port()
    with running(
        [
            *("redis-server", *map(str, configuration), "--port", str(port)),
            *("--bind", "127.0.0.1", "--save", "", "--dir", str(folder)),
        ],
        log=folder / "redis.log",
    ):
        until(lambda: _listens(port))
        yield port


@contextmanager
def fake_aws(folder: Path, *, host: str = "127.0.0.1") -> Iterator[str]:
    """Start a fake AWS; give its address. A process of its own: no test finds what another one left."""
    port = free_port()
    program = Path(sys.executable).with_name("moto_server")
    with running(
        [str(program), "--host", host, "--port", str(port)],
        log=folder / "aws.log",
        environment=os.environ | {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
    ):
        until(lambda: _listens(port))
        yield f"http://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
