"""Images and compose file are valid and hardened, and each role starts with the command of its container."""

import base64
import json
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

from carvalue.platform.airflow.config import DAGS_FOLDER
from carvalue.platform.processes.ports import free_port
from carvalue.serving.auth.api_keys import StoredKey, key_digest, read_keys
from production import START, answers, environment, fake_aws, postgres, redis, role, running
from released import put_into_production
from waiting import until

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
CADDYFILE = ROOT / "deploy" / "proxy" / "Caddyfile"
CADDY = Path(sys.executable).with_name("caddy")
SERVICES: dict[str, Any] = COMPOSE["services"]
UV = shutil.which("uv", path=f"{os.environ['PATH']}:{ROOT / '.tools' / 'bin'}")


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
def test_the_compose_file_is_valid() -> None:
    done = subprocess.run(
        ["docker-compose", "--file", "compose.yaml", "config", "--quiet"],
        cwd=ROOT,
        env=os.environ | {"ARTIFACTS": "s3://models/mlflow", "STORAGE": "s3://models/storage"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_third_party_images_are_pinned_by_digest() -> None:
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
def test_the_compose_file_contains_no_secret(name: str) -> None:
    given = SERVICES[name].get("environment", {})

    assert not [key for key in given if re.search("PASSWORD$|SECRET|TOKEN|_KEY$|CONN$", key)]


def test_only_the_proxys_public_port_is_published_beyond_loopback() -> None:
    published = {name: item["ports"] for name, item in SERVICES.items() if "ports" in item}

    assert set(published) == {"proxy"}
    assert [port for port in published["proxy"] if not port.startswith("127.0.0.1:")] == ["0.0.0.0:443:443"]


def test_the_page_can_reach_neither_database_nor_mlflow() -> None:
    reached = set(SERVICES["page"]["networks"])

    assert not [name for name in ("postgres", "mlflow", "redis") if reached & set(SERVICES[name]["networks"])]


def test_every_role_of_compose_and_aws_is_a_role_of_start() -> None:
    names = set(_start().ROLES)
    asked = {item["command"][0] for item in SERVICES.values() if item.get("build") and "command" in item}

    assert asked <= names
    assert {"service", "page", "mlflow", "airflow-api", "airflow-scheduler", "airflow-dag-processor"} <= names


def test_roles_exchange_files_in_a_bucket_and_not_in_a_shared_volume() -> None:
    roles = [name for name in SERVICES if name.startswith("airflow")] + ["watcher", "backup"]
    mounts = {name: SERVICES[name].get("volumes", []) for name in SERVICES}
    of_the_watcher = [volume.split(":")[0] for volume in mounts["watcher"]]
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}

    assert not [name for name in mounts if name.startswith("airflow") and mounts[name]]
    assert not [
        name
        for name in mounts
        if name != "watcher" and set(of_the_watcher) & {str(mount).split(":")[0] for mount in mounts[name]}
    ]
    assert all(keys <= {secret["target"] for secret in SERVICES[name]["secrets"]} for name in roles)


def test_the_price_service_has_no_key_that_may_write_to_the_bucket(tmp_path: Path) -> None:
    """It has keys of its own, which are empty until somebody makes them."""
    holders = {
        name: {secret["source"] for secret in item.get("secrets", []) if isinstance(secret, dict)}
        for name, item in SERVICES.items()
    }
    subprocess.run(
        [sys.executable, ROOT / "deploy" / "make_secrets.py", tmp_path], capture_output=True, check=False
    )

    assert {name for name, sources in holders.items() if "s3_read_key" in sources} == {"service"}
    assert not {"s3_key_id", "s3_key"} & holders["service"]
    assert [(tmp_path / name).read_text() for name in ("s3_read_key_id", "s3_read_key")] == ["", ""]


def test_secrets_mounted_as_files_become_variables(tmp_path: Path) -> None:
    (tmp_path / "MLFLOW_BACKEND_STORE_URI").write_text("postgresql://one\n")

    assert _start().mounted_secrets(tmp_path) == {"MLFLOW_BACKEND_STORE_URI": "postgresql://one"}


def test_a_part_of_airflow_that_has_stopped_is_unhealthy_though_the_api_answers(tmp_path: Path) -> None:
    stopped = {"scheduler": {"status": "unhealthy"}, "dag_processor": {"status": "healthy"}}
    (tmp_path / "health").write_text(json.dumps(stopped))
    port = free_port()
    url = f"http://127.0.0.1:{port}/health"
    api = [
        sys.executable,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        "--directory",
        str(tmp_path),
    ]
    with running(api, log=tmp_path / "api.log"):
        until(partial(answers, url))

        assert _healthcheck("airflow-scheduler", url) == 1
        assert _healthcheck("airflow-dag-processor", url) == 0


def _healthcheck(service: str, url: str) -> int:
    """Run the check of compose.yaml against another address; give its exit code."""
    *_, component = SERVICES[service]["healthcheck"]["test"]
    command = [sys.executable, START, "healthy", url, component]
    return subprocess.run(command, capture_output=True, check=False).returncode


@pytest.mark.parametrize("password", ["", "airflow"])
def test_airflow_does_not_start_off_loopback_with_a_default_password(password: str) -> None:
    given = {"PATH": os.environ["PATH"], "AIRFLOW_PASSWORD": password}
    command = [sys.executable, START, "airflow-api"]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "expected an AIRFLOW_PASSWORD other than the well-known default" in done.stderr


def test_airflow_in_containers_has_users_and_a_shared_session_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_PASSWORD", "tested")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "signs what parts say")

    first, second = (_start().environment("airflow-api") for _ in range(2))

    assert first["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
    assert first["AIRFLOW__API__SECRET_KEY"] == second["AIRFLOW__API__SECRET_KEY"] != "signs what parts say"


def test_airflow_in_containers_answers_to_the_names_of_its_containers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The plugins of one machine refuse every Host but loopback names, those that workers send included."""
    monkeypatch.setenv("AIRFLOW_PASSWORD", "tested")

    assert "AIRFLOW__CORE__PLUGINS_FOLDER" not in _start().environment("airflow-api")


def test_mlflow_is_behind_a_password_at_the_proxy(tmp_path: Path) -> None:
    """The proxy's own command and its own block of the Caddyfile, on other ports and without TLS."""
    (tmp_path / "password").write_text("let me in")
    block = re.search(r"^{\$PUBLIC_NAME}:5443 {.*?^}", CADDYFILE.read_text(), re.DOTALL | re.MULTILINE)
    port, upstream = free_port(), free_port()
    ours = {"{$PUBLIC_NAME}:5443": f"http://127.0.0.1:{port}", "mlflow:5000": f"127.0.0.1:{upstream}"}
    (tmp_path / "Caddyfile").write_text("{\nadmin off\n}\n" + _replaced(block[0] if block else "", ours))
    paths = {"/run/secrets/mlflow_password": str(tmp_path / "password"), "/etc/caddy": str(tmp_path)}
    command = [_replaced(word, paths).replace("$$", "$") for word in SERVICES["proxy"]["command"]]
    given = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    url = f"http://127.0.0.1:{port}/"

    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "index.html").write_text("experiments")
    mlflow = [sys.executable, "-m", "http.server", str(upstream), "--bind", "127.0.0.1"]
    with (
        running([*mlflow, "--directory", str(tmp_path / "page")], log=tmp_path / "mlflow.log"),
        running(command, log=tmp_path / "caddy.log", environment=given),
    ):
        until(partial(answers_with, url, 401), within_s=60)
        until(partial(answers, f"http://127.0.0.1:{upstream}/"))
        wrong = httpx.get(url, auth=("operator", "mlflow"), timeout=30)
        right = httpx.get(url, auth=("operator", "let me in"), timeout=30)

    assert wrong.status_code == 401
    assert right.text == "experiments"


def test_the_whole_configuration_of_the_proxy_is_valid(tmp_path: Path) -> None:
    given = {
        "PUBLIC_NAME": "cars.example.com",
        "MLFLOW_PASSWORD_HASH": "$2a$14$" + "x" * 53,
        "HOME": str(tmp_path),
    }
    command = [CADDY, "validate", "--adapter", "caddyfile", "--config", CADDYFILE]
    done = subprocess.run(command, env=given, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def answers_with(url: str, status: int) -> bool:
    try:
        return httpx.get(url, timeout=5).status_code == status
    except httpx.HTTPError:
        return False


def _replaced(text: str, words: dict[str, str]) -> str:
    for old, new in words.items():
        text = text.replace(old, new)
    return text


def test_an_unknown_role_is_refused_with_a_list_of_roles() -> None:
    done = subprocess.run([sys.executable, START, "nobody"], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "expected one of service, page, watcher" in done.stderr


def test_a_container_moves_old_quotes_to_the_archive(tmp_path: Path) -> None:
    given = environment(tmp_path, JOURNAL_KEEP_DAYS="30")

    done = subprocess.run(
        [sys.executable, START, "journal", "archive"], env=given, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "0 quotes from before" in done.stdout
    assert "/storage/journal-archive" in done.stdout


@pytest.mark.slow
@pytest.mark.platform
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:.*type hint:UserWarning")  # MLflow's own
def test_a_container_publishes_the_version_in_production(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # MLflow's folder of artifacts
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    put_into_production(uri, tmp_path / "first", price_share=1.0)
    given = environment(tmp_path, MLFLOW_TRACKING_URI=uri, BUNDLE_URL=f"file://{tmp_path}/published")

    done = subprocess.run(
        [sys.executable, START, "publish"], env=given, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "version 1 is published at" in done.stdout
    assert (tmp_path / "published" / "production.json").is_file()


def test_every_secret_of_compose_is_generated_or_required(tmp_path: Path) -> None:
    program = ROOT / "deploy" / "make_secrets.py"
    folder = tmp_path / "secrets"
    words = [sys.executable, program, folder, "--database", "db.example.com:5433"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)

    drawn = {path.name for path in folder.iterdir()}

    assert done.returncode == 1
    assert "s3_key_id and s3_key" in done.stderr
    assert drawn | {"s3_key_id", "s3_key"} == set(COMPOSE["secrets"])
    assert (folder / "airflow_database").read_text() in (folder / "celery_results").read_text()
    assert "@db.example.com:5433/journal" in (folder / "journal_database").read_text()


def test_the_price_service_accepts_the_generated_key_of_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "page_key").write_text("carvalue.page.mine\n")  # a person wrote it
    subprocess.run([sys.executable, ROOT / "deploy" / "make_secrets.py", folder], check=False)

    (kept,) = read_keys((folder / "service_keys").read_text(), source="service_keys")

    assert kept == StoredKey(client="page", digest=key_digest("carvalue.page.mine"))


def test_an_existing_secret_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name in ("s3_key_id", "s3_key", "airflow_password"):
        (folder / name).write_text("mine")
    program = ROOT / "deploy" / "make_secrets.py"

    subprocess.run([sys.executable, program, folder], check=True)

    assert (folder / "airflow_password").read_text() == "mine"


def _output(command: list[str]) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


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
def test_the_production_stack_runs_with_the_commands_of_its_containers(tmp_path: Path, s3: Any) -> None:
    """Migrations twice, MLflow on PostgreSQL and S3, and a DAG whose tasks a Celery worker runs."""
    for module in ("psycopg", "celery", "airflow.providers.fab"):
        pytest.importorskip(
            module,
            reason="uv sync --extra platform --extra postgres --extra aws --extra celery --extra login",
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
        assert not _logs_in(given, password="airflow")
        import psycopg

        with closing(psycopg.connect(given["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"])) as database:
            ((kept,),) = database.execute("select password from ab_user").fetchall()
        assert kept.startswith(("scrypt:", "pbkdf2:"))
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
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS_FOLDER),
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
        GENERATED_DATA="accept",
        FIRST_MODEL="manual",
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


def _logs_in(given: dict[str, str], *, password: str) -> str:
    address = f"http://127.0.0.1:{given['AIRFLOW_PORT']}/auth/token"
    answer = httpx.post(address, json={"username": "airflow", "password": password}, timeout=30)
    return answer.json()["access_token"] if answer.is_success else ""


def _run_a_dag(given: dict[str, str]) -> None:
    address = f"http://127.0.0.1:{given['AIRFLOW_PORT']}"
    known = {"Authorization": f"Bearer {_logs_in(given, password='tested')}"}
    with httpx.Client(base_url=f"{address}/api/v2/dags", headers=known, timeout=30) as client:
        until(lambda: client.get("/creates_datasets_dag").is_success, within_s=180)
        started = client.post("/creates_datasets_dag/dagRuns", json={"logical_date": None})
        run = f"/creates_datasets_dag/dagRuns/{started.raise_for_status().json()['dag_run_id']}"
        until(lambda: client.get(run).json()["state"] in {"success", "failed"}, within_s=300)

        assert client.get(run).json()["state"] == "success"


def test_with_a_training_cluster_airflows_workers_share_the_files_of_the_storage_folder() -> None:
    overlay = yaml.safe_load((ROOT / "deploy" / "compose.cluster.yaml").read_text())
    (name,) = overlay["services"]
    worker = overlay["services"][name]
    volume, folder = worker["volumes"][0].split(":")

    assert name in SERVICES
    assert volume in overlay["volumes"]
    assert folder == "/var/lib/carvalue/storage"
    assert f"{folder}\n" in (ROOT / "Dockerfile").read_text()  # with the owner that the volume takes over
    assert worker["deploy"]["replicas"] > 1
