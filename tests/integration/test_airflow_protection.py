"""Airflow's API server, as the platform configures it, refuses requests of foreign web pages."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from carvalue.platform.airflow.config import airflow_environment, write_passwords
from carvalue.settings import Settings

pytestmark = pytest.mark.platform

REQUESTS = """
import json
from airflow.api_fastapi.app import create_app
from fastapi.testclient import TestClient

login = {"username": "airflow", "password": "airflow"}
with TestClient(create_app(apps="core"), base_url="http://localhost:8080") as api:
    answers = {
        "own": api.post("/auth/token", json=login),
        "rebound": api.post("/auth/token", json=login, headers={"host": "evil.example:8080"}),
        "rebound read": api.get("/api/v2/version", headers={"host": "evil.example:8080"}),
        "cross-site": api.post("/auth/token", json=login, headers={"origin": "http://localhost:8000"}),
        "preflight": api.options("/auth/token", headers={
            "origin": "http://evil.example", "access-control-request-method": "POST"}),
    }
    assert not [answer for answer in answers.values() if "access-control-allow-origin" in answer.headers]
    print(json.dumps({name: answer.status_code for name, answer in answers.items()}))
"""


def test_foreign_web_pages_cannot_log_in(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    write_passwords(settings)
    environment = os.environ | airflow_environment(settings) | {"STATE_DIR": str(tmp_path)}
    migrate = "from airflow.utils.db import initdb; initdb()"

    for code in (migrate, REQUESTS):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )
        assert not done.returncode, done.stderr[-3000:]

    statuses = json.loads(done.stdout.splitlines()[-1])
    assert statuses == {
        "own": 201,
        "rebound": 421,
        "rebound read": 421,
        "cross-site": 403,
        "preflight": 405,
    }
