"""The service as a process: a caller from another machine needs a key."""

import subprocess
import sys
from pathlib import Path

import httpx

from carvalue.platform.processes.ports import free_port
from carvalue.serving.auth.api_keys import key_digest
from production import environment, running
from waiting import until

SERVICE = [sys.executable, "-m", "carvalue.serving"]
KEY = "carvalue.page.tested"


def outside(folder: Path, **values: str) -> dict[str, str]:
    return environment(folder, BIND_HOST="0.0.0.0", AIRFLOW_PASSWORD="of my own", **values)


def test_off_loopback_it_does_not_start_without_keys_and_gives_a_hint(tmp_path: Path) -> None:
    done = subprocess.run(
        SERVICE, env=outside(tmp_path), cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("carvalue: BIND_HOST='0.0.0.0' is reachable from elsewhere, and no client has")
    assert "carvalue keys new CLIENT" in line


def test_off_loopback_it_starts_with_keys_and_requires_one(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    url = f"http://127.0.0.1:{port}"
    given = outside(tmp_path, SERVICE_PORT=str(port), SERVICE_KEYS=f"page sha256:{key_digest(KEY)}")

    with (
        running(SERVICE, log=log, environment=given),
        httpx.Client(base_url=url) as client,
    ):
        until(lambda: _answers(client))
        without, with_key = client.get("/model"), client.get("/model", headers={"X-API-Key": KEY})

        assert without.status_code == 401
        assert with_key.status_code == 503  # there is no model
        assert "server" not in with_key.headers
        until(lambda: '"client": "page"' in log.read_text())
    assert KEY not in log.read_text()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False
