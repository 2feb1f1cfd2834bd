"""Images and compose file are well formed and hardened; each role starts as its container starts it."""

import base64
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
import yaml

from carvalue.serving.keys import StoredKey, digest_of, read_keys
from production import START, answers, environment, fake_aws, free_port, postgres, redis, role
from waiting import until

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]


def test_the_dockerfile_has_no_known_fault() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(shutil.which("npx") is None, reason="npx is not installed: compose.yaml goes unlinted")
def test_the_compose_file_has_no_known_fault() -> None:
    done = subprocess.run(
        ["npx", "--yes", "--prefer-offline", "dclint@3", "--config", ".dclintrc.json", "compose.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if "npm error" in done.stderr:
        pytest.skip(f"dclint could not be fetched, compose.yaml goes unlinted: {done.stderr[:200]}")

    assert done.stdout.strip() == ""
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_compose_understands_its_file() -> None:
    done = subprocess.run(
        ["docker-compose", "--file", "compose.yaml", "config", "--quiet"],
        cwd=ROOT,
        env=os.environ | {"ARTIFACTS": "s3://models/mlflow"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_what_others_publish_is_pinned_by_digest() -> None:
    bases = re.findall(r"^FROM (\S+/?\S*:\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    images = [item["image"] for item in SERVICES.values() if not item["image"].startswith("carvalue-")]

    assert bases
    assert images
    assert not [name for name in (*bases, *images) if not re.search(r"@sha256:[0-9a-f]{64}$", name)]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_no_rights_it_does_not_need(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_stands_in_the_compose_file(name: str) -> None:
    given = SERVICES[name].get("environment", {})

    assert not [key for key in given if re.search("PASSWORD$|SECRET|TOKEN|_KEY$|CONN$", key)]


def test_only_the_proxy_is_published_and_only_its_visitors_port_to_everyone() -> None:
    published = {name: item["ports"] for name, item in SERVICES.items() if "ports" in item}

    assert set(published) == {"proxy"}
    assert [port for port in published["proxy"] if not port.startswith("127.0.0.1:")] == ["0.0.0.0:443:443"]


def test_the_page_can_reach_neither_database_nor_mlflow() -> None:
    reached = set(SERVICES["page"]["networks"])

    assert not [name for name in ("postgres", "mlflow", "redis") if reached & set(SERVICES[name]["networks"])]


def test_every_role_of_compose_and_aws_is_one_that_start_knows() -> None:
    names = set(_start().ROLES)
    asked = {word for item in SERVICES.values() if item.get("build") for word in item.get("command", [])}

    assert asked <= names
    assert {"service", "page", "mlflow", "airflow-api", "airflow-scheduler", "airflow-dag-processor"} <= names


def test_secrets_mounted_as_files_become_variables(tmp_path: Path) -> None:
    (tmp_path / "MLFLOW_BACKEND_STORE_URI").write_text("postgresql://one\n")

    assert _start().mounted_secrets(tmp_path) == {"MLFLOW_BACKEND_STORE_URI": "postgresql://one"}


def test_an_unknown_role_is_refused_with_those_that_exist() -> None:
    done = subprocess.run([sys.executable, START, "nobody"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "expected one of service, page, watcher" in done.stderr


def test_every_secret_of_compose_is_drawn_or_asked_for(tmp_path: Path) -> None:
    program = ROOT / "deploy" / "make_secrets.py"
    done = subprocess.run([sys.executable, program, tmp_path], capture_output=True, text=True, check=False)

    drawn = {path.name for path in tmp_path.iterdir()}

    assert done.returncode == 1
    assert "s3_key_id and s3_key" in done.stderr
    assert drawn | {"s3_key_id", "s3_key"} == set(COMPOSE["secrets"])
    assert (tmp_path / "airflow_database").read_text() in (tmp_path / "celery_results").read_text()


def test_the_price_service_knows_the_key_that_is_drawn_for_the_page(tmp_path: Path) -> None:
    (tmp_path / "page_key").write_text("carvalue.page.mine\n")  # a person wrote it
    subprocess.run([sys.executable, ROOT / "deploy" / "make_secrets.py", tmp_path], check=False)

    (kept,) = read_keys((tmp_path / "service_keys").read_text(), source="service_keys")

    assert kept == StoredKey(client="page", digest=digest_of("carvalue.page.mine"))


def test_a_drawn_secret_is_not_drawn_again(tmp_path: Path) -> None:
    for name in ("s3_key_id", "s3_key", "airflow_password"):
        (tmp_path / name).write_text("mine")
    program = ROOT / "deploy" / "make_secrets.py"

    subprocess.run([sys.executable, program, tmp_path], check=True)

    assert (tmp_path / "airflow_password").read_text() == "mine"


def _start() -> Any:
    import importlib.util

    spec = importlib.util.spec_from_file_location("start", START)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "fake")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with (
        fake_aws(tmp_path_factory.mktemp("aws")) as address,
        closing(boto3.client("s3", endpoint_url=address)) as client,
    ):
        client.create_bucket(Bucket="models")
        yield client


@pytest.mark.deploy
def test_production_runs_as_its_containers_start_it(tmp_path: Path, s3: Any) -> None:
    """Migrations twice, MLflow on PostgreSQL and S3, and a DAG whose tasks a Celery worker runs."""
    for module in ("psycopg", "celery"):
        pytest.importorskip(
            module, reason="uv sync --extra platform --extra postgres --extra aws --extra celery"
        )
    with ExitStack() as stack:
        port, password = stack.enter_context(postgres(tmp_path))
        given = _given(tmp_path, postgres_port=port, redis_port=stack.enter_context(redis(tmp_path)), s3=s3)
        owner = {
            "DATABASE_HOST": f"127.0.0.1:{port}",
            "DATABASE_OWNER": "owner",
            "DATABASE_PASSWORD": password,
        }
        _migrate(given | owner)
        for name, url in _addresses(given).items():
            stack.enter_context(role(name, log=tmp_path / f"{name}.log", environment=given))
            if url:
                until(partial(answers, url), within_s=180)
        _migrate(given | owner)

        _log_an_artifact(given)
        assert [item["Key"] for item in s3.list_objects_v2(Bucket="models")["Contents"]]
        _run_a_dag(given)
        assert "succeeded" in (tmp_path / "airflow-worker.log").read_text()


def _given(folder: Path, *, postgres_port: int, redis_port: int, s3: Any) -> dict[str, str]:
    ports = {
        name: str(free_port())
        for name in ("AIRFLOW_PORT", "MLFLOW_PORT", "SERVICE_PORT", "PAGE_PORT", "WATCHER_PORT")
    }
    database = {
        name: f"postgresql://{name}:{secrets.token_hex()}@127.0.0.1:{postgres_port}/{name}"
        for name in ("airflow", "mlflow", "journal")
    }
    return environment(
        folder,
        **ports,
        AIRFLOW_PASSWORD="tested",
        AIRFLOW__CORE__EXECUTOR="CeleryExecutor",
        AIRFLOW__CORE__DAGS_FOLDER=str(ROOT / "dags"),
        AIRFLOW__CORE__FERNET_KEY=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        AIRFLOW__API_AUTH__JWT_SECRET=secrets.token_hex(),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database["airflow"],
        AIRFLOW__CELERY__RESULT_BACKEND=f"db+{database['airflow']}",
        AIRFLOW__CELERY__BROKER_URL=f"redis://127.0.0.1:{redis_port}/0",
        AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=str(free_port()),
        JOURNAL_URL=database["journal"],
        MLFLOW_BACKEND_STORE_URI=database["mlflow"],
        MLFLOW_ARTIFACTS_DESTINATION="s3://models/mlflow",
        MLFLOW_S3_ENDPOINT_URL=s3.meta.endpoint_url,
        MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false",
        AWS_ACCESS_KEY_ID="fake",
        AWS_SECRET_ACCESS_KEY="fake",
        AWS_DEFAULT_REGION="us-east-1",
        DATA_SOURCE="sample",
        SAMPLE_ROWS="2000",
    )


def _addresses(given: dict[str, str]) -> dict[str, str]:
    airflow = f"http://127.0.0.1:{given['AIRFLOW_PORT']}/api/v2/version"
    return {
        "mlflow": f"http://127.0.0.1:{given['MLFLOW_PORT']}/health",
        "service": f"http://127.0.0.1:{given['SERVICE_PORT']}/healthz",
        "page": f"http://127.0.0.1:{given['PAGE_PORT']}/_stcore/health",
        "watcher": f"http://127.0.0.1:{given['WATCHER_PORT']}/healthz",
        "airflow-api": airflow,
        "airflow-scheduler": "",
        "airflow-dag-processor": "",
        "airflow-worker": "",
    }


def _migrate(given: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, START, "migrate"],
        env=given,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def _log_an_artifact(given: dict[str, str]) -> None:
    words = "import mlflow; mlflow.start_run(); mlflow.log_text('priced', 'said.txt'); mlflow.end_run()"
    uri = f"http://127.0.0.1:{given['MLFLOW_PORT']}"
    kept = {name: value for name, value in given.items() if not name.startswith(("MLFLOW_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-c", words],
        env=kept | {"MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def _run_a_dag(given: dict[str, str]) -> None:
    address = f"http://127.0.0.1:{given['AIRFLOW_PORT']}"
    login = httpx.post(f"{address}/auth/token", json={"username": "airflow", "password": "tested"})
    known = {"Authorization": f"Bearer {login.json()['access_token']}"}
    with httpx.Client(base_url=f"{address}/api/v2/dags", headers=known, timeout=30) as client:
        until(lambda: client.get("/creates_datasets_dag").is_success, within_s=180)
        started = client.post("/creates_datasets_dag/dagRuns", json={"logical_date": None})
        run = f"/creates_datasets_dag/dagRuns/{started.raise_for_status().json()['dag_run_id']}"
        until(lambda: client.get(run).json()["state"] in {"success", "failed"}, within_s=300)

        assert client.get(run).json()["state"] == "success"
