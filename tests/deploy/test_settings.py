"""Every setting can be chosen on every target, from one list; secrets and unknown names are refused."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from carvalue.settings import DEPLOYABLE, RENAMED, SECRETS, Settings
from production import START, environment, load_program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SECRET = {name.upper() for name in SECRETS}
PLAIN = DEPLOYABLE - SECRET
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
OURS = {
    name: item
    for name, item in SERVICES.items()
    if item["image"].startswith("carvalue-") and not item["image"].startswith("carvalue-mlflow")
}
"""The containers that read settings."""
VALUES: dict[str, Any] = yaml.safe_load((DEPLOY / "kubernetes" / "airflow-values.yaml").read_text())
STORAGE = {"AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"}


def _pods() -> dict[str, dict[str, Any]]:
    """Read the containers on Kubernetes that read settings."""
    documents = [
        item
        for path in (DEPLOY / "kubernetes").glob("*.yaml")
        if path.name not in {"kustomization.yaml", "airflow-values.yaml"}
        for item in yaml.safe_load_all(path.read_text())
    ]
    return {
        item["metadata"]["name"]: item["spec"]["template"]["spec"]["containers"][0]
        for item in documents
        if item["kind"] in {"Deployment", "StatefulSet", "Job"} and item["metadata"]["name"] != "mlflow"
    }


def test_generated_files_are_committed() -> None:
    generated = load_program(DEPLOY / "generate_settings.py").files()

    assert {path: path.read_text() for path in generated} == generated


def test_what_only_one_machine_can_choose_is_marked() -> None:
    marked = {name.upper() for name in Settings.model_fields} - DEPLOYABLE

    assert {name for name in marked if not name.endswith("_PORT")} == {
        "BIND_HOST",
        "STATE_DIR",
        "SERVICE_KEYS_FILE",
        "MONITORING_DOWNLOAD",
    }


def test_the_example_has_every_setting_of_containers_and_chooses_nothing() -> None:
    text = (DEPLOY / "settings.env.example").read_text()

    assert set(re.findall(r"^# ([A-Z0-9_]+)=", text, re.MULTILINE)) == PLAIN
    assert dotenv_values(DEPLOY / "settings.env.example") == {}


def test_the_example_shows_the_defaults_of_containers() -> None:
    shown = dict(
        re.findall(r"^# ([A-Z0-9_]+)=(.*)$", (DEPLOY / "settings.env.example").read_text(), re.MULTILINE)
    )
    defaults = load_program(START).DEFAULTS
    chosen = {name: value for name, value in defaults.items() if name in PLAIN}

    assert set(chosen) == {"DATA_SOURCE", "GENERATED_DATA", "FIRST_MODEL"}
    assert chosen.items() <= shown.items()


@pytest.mark.parametrize("name", OURS)
def test_a_container_of_compose_has_every_setting(name: str) -> None:
    first, second = OURS[name]["env_file"]

    assert (first, second["path"]) == ("./deploy/compose.env", "./deploy/settings.env")
    assert not set(OURS[name].get("environment", {})) & DEPLOYABLE  # it would override the file


def test_a_pod_has_every_setting() -> None:
    pods = _pods()
    airflow = {"envFrom": yaml.safe_load(VALUES["extraEnvFrom"]), "env": VALUES["env"]}

    assert {"service", "page", "watcher", "migrate"} == set(pods)
    for container in (*pods.values(), airflow):
        assert {"configMapRef": {"name": "settings"}} in container["envFrom"]
        assert not {item["name"] for item in container.get("env", ())} & DEPLOYABLE


def test_a_task_on_aws_has_every_setting() -> None:
    services = (DEPLOY / "aws" / "services.tf").read_text()
    names = json.loads((DEPLOY / "aws" / "settings.tf.json").read_text())["locals"]["setting_names"]
    beside_the_map = re.sub(r"settings = merge\(\{.*?\}, var\.settings\)", "", services, flags=re.DOTALL)

    assert set(names) == PLAIN | RENAMED.keys()
    assert 'name => chosen if item.image != "mlflow" }, item.environment)' in services  # all with our code
    assert (
        not set(re.findall(r"^ +([A-Z0-9_]+) += \"(?![a-z-]+\")", beside_the_map, re.MULTILINE)) & DEPLOYABLE
    )


def test_the_addresses_of_a_deployment_are_settings() -> None:
    given = dotenv_values(DEPLOY / "compose.env").keys() | dotenv_values(
        DEPLOY / "kubernetes" / "cluster.env"
    )

    assert given - STORAGE <= PLAIN


def test_every_secret_setting_is_mounted_and_none_is_in_plain_text() -> None:
    compose = {secret["target"] for item in OURS.values() for secret in item["secrets"]}
    terraform = "".join((DEPLOY / "aws" / name).read_text() for name in ("services.tf", "secrets.tf"))
    example = (DEPLOY / "settings.env.example").read_text()

    assert compose >= SECRET  # those of Kubernetes are compared with Compose's
    assert [name for name in SECRET if not re.search(rf"\b{name} += [\"\[]", terraform)] == []
    assert not [name for name in SECRET if f"{name}=" in example]


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("DATA_SOURSE", "did you mean DATA_SOURCE?"),
        ("RETENTION", "RETENTION is not a setting."),
        ("JOURNAL_URL", "JOURNAL_URL is a secret"),
        ("SERVICE_PORT", "SERVICE_PORT has no effect in a container"),
    ],
)
def test_the_migration_before_a_release_refuses_it(
    tmp_path: Path, kind: str, name: str, problem: str
) -> None:
    given = tmp_path / "settings"
    if kind == "file":
        given.write_text(f"RETRAIN_SCHEDULE=@weekly\nAWS_DEFAULT_REGION=x\n{name}=secret-value\n")
    else:  # as Kubernetes mounts a ConfigMap
        given.mkdir()
        for key in ("RETRAIN_SCHEDULE", "AWS_DEFAULT_REGION", name):
            (given / key).write_text("secret-value")

    done = subprocess.run(
        [sys.executable, START, "migrate", given],
        env=environment(tmp_path, AIRFLOW_PASSWORD="tested"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert problem in done.stderr
    assert "RETRAIN_SCHEDULE" not in done.stderr
    assert "secret-value" not in done.stderr


@pytest.mark.parametrize("chosen", ["", "accept"])
def test_containers_train_the_first_model_on_real_listings(
    monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    monkeypatch.setenv("GENERATED_DATA", chosen)
    for name in ("DATA_SOURCE", "FIRST_MODEL"):
        monkeypatch.delenv(name, raising=False)

    given = load_program(START).environment("service")

    assert given["GENERATED_DATA"] == (chosen or "refuse")
    assert (given["DATA_SOURCE"], given["FIRST_MODEL"]) == ("kaggle", "automatic")


def test_the_settings_are_beside_the_secrets_and_are_kept(tmp_path: Path) -> None:
    command = [sys.executable, DEPLOY / "make_secrets.py", tmp_path / "secrets"]
    subprocess.run(command, capture_output=True, check=False)
    first = (tmp_path / "settings.env").read_text()
    (tmp_path / "settings.env").write_text("RETRAIN_SCHEDULE=@weekly\n")
    subprocess.run(command, capture_output=True, check=False)

    assert first == (DEPLOY / "settings.env.example").read_text()
    assert dotenv_values(tmp_path / "settings.env") == {"RETRAIN_SCHEDULE": "@weekly"}


@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
def test_compose_gives_a_container_what_the_file_says(tmp_path: Path) -> None:
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    shutil.copytree(DEPLOY, tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets", ".terraform*"))
    (tmp_path / "deploy" / "settings.env").write_text("PARALLEL_TASKS=5\nWATCHER_URL=http://other:9697\n")

    done = subprocess.run(
        ["docker-compose", "config", "--format", "json"],
        cwd=tmp_path,
        env=os.environ | {"ARTIFACTS": "s3://models/mlflow", "STORAGE": "s3://models/storage"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    given = {
        name: json.loads(done.stdout)["services"][name]["environment"] for name in OURS if name != "backup"
    }

    assert {
        (item["PARALLEL_TASKS"], item["WATCHER_URL"], item["STORAGE_URL"]) for item in given.values()
    } == {("5", "http://other:9697", "s3://models/storage")}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: nothing is rendered")
def test_an_overlay_merges_the_file_into_the_settings_of_every_pod(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "base")
    example = (DEPLOY / "settings.env.example").read_text()
    (tmp_path / "settings.env").write_text(f"{example}\nPARALLEL_TASKS=5\nWATCHER_URL=http://other:9697\n")
    generator = {"name": "settings", "behavior": "merge", "envs": ["settings.env"]}
    overlay = {"resources": ["base"], "namespace": "carvalue", "configMapGenerator": [generator]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))

    done = subprocess.run(
        ["kubectl", "kustomize", tmp_path], capture_output=True, text=True, timeout=60, check=True
    )
    maps = {
        item["metadata"]["name"]: item["data"]
        for item in yaml.safe_load_all(done.stdout)
        if item["kind"] == "ConfigMap"
    }

    assert maps["settings"] | {"PARALLEL_TASKS": "5", "WATCHER_URL": "http://other:9697"} == maps["settings"]
    assert maps["settings"]["SERVICE_URL"] == "http://service:9696"
