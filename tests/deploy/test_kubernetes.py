"""Kubernetes manifests are valid and hardened, and match the roles and secrets of compose.yaml."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import indent
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dotenv import dotenv_values

from carvalue.settings import Settings
from production import START, environment

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.37")  # the oldest that Airflow's chart supports, the newest there is
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "airflow-values.yaml").read_text())
NO_MANIFESTS = {"kustomization.yaml", "airflow-values.yaml"}
MANIFESTS = [
    item
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name not in NO_MANIFESTS
    for item in yaml.safe_load_all(path.read_text())
]


def task_pod() -> dict[str, Any]:
    """Fill Airflow's pod template as Helm would."""
    text = re.sub(
        r"\{\{ toYaml \.Values\.(\w+) .*?\}\}",
        lambda found: json.dumps(VALUES[found[1]]),
        VALUES["podTemplate"],
    )
    text = text.replace(
        "{{ .Values.extraEnvFrom | nindent 10 }}", f"\n{indent(VALUES['extraEnvFrom'], ' ' * 10)}"
    )
    image = "{repository}:{tag}".format_map(VALUES["images"]["airflow"])
    pod: dict[str, Any] = yaml.safe_load(re.sub(r'image: ".*"', f"image: {image}", text))
    return pod


def name_of(item: dict[str, Any]) -> str:
    return f"{item['kind']} {item['metadata']['name']}"


WORKLOADS = [item for item in MANIFESTS if item["kind"] in {"Deployment", "StatefulSet", "Job"}]
PODS = {item["metadata"]["name"]: item["spec"]["template"]["spec"] for item in WORKLOADS}
ALL_PODS = PODS | {"task": task_pod()["spec"]}


def of_kind(kind: str) -> dict[str, Any]:
    return {item["metadata"]["name"]: item["spec"] for item in MANIFESTS if item["kind"] == kind}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("item", [*MANIFESTS, task_pod()], ids=name_of)
def test_manifests_conform_to_the_kubernetes_schemas(item: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(item, version, strict=True)


@pytest.mark.parametrize("name", ALL_PODS)
def test_a_pod_has_no_rights_it_does_not_need(name: str) -> None:
    pod = ALL_PODS[name]

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert set(container["resources"]["limits"]) == {"cpu", "memory"}


@pytest.mark.parametrize("name", PODS)
def test_a_role_starts_as_in_compose_with_the_same_secrets(name: str) -> None:
    (container,) = PODS[name]["containers"]
    compose = COMPOSE["services"][name]
    mounted = next(volume["secret"] for volume in PODS[name]["volumes"] if volume["name"] == "secrets")

    assert container["image"].split(":")[0] == compose["image"].split(":")[0]
    assert container["args"] == compose.get("command", [name])
    assert {(item["key"], item["path"]) for item in mounted["items"]} == {
        (secret["source"], secret["target"]) for secret in compose["secrets"]
    }


def test_airflow_has_the_secrets_of_compose_except_celerys() -> None:
    (mounted,) = [volume["secret"] for volume in VALUES["volumes"] if volume["name"] == "secrets"]
    compose = {secret["target"]: secret["source"] for secret in COMPOSE["x-airflow"]["secrets"]}

    assert {item["path"]: item["key"] for item in mounted["items"]} == {
        target: source for target, source in compose.items() if "CELERY" not in target
    }


def test_no_two_pods_share_a_volume() -> None:
    claims = {
        name: [volume for volume in pod["volumes"] if "persistentVolumeClaim" in volume]
        for name, pod in (ALL_PODS | {"airflow": VALUES}).items()
    }
    templates = [
        claim for item in of_kind("StatefulSet").values() for claim in item.get("volumeClaimTemplates", [])
    ]

    assert not [name for name, shared in claims.items() if shared]
    assert {mode for claim in templates for mode in claim["spec"]["accessModes"]} == {"ReadWriteOnce"}


def test_tasks_and_watcher_exchange_files_in_one_bucket() -> None:
    readers = [PODS["watcher"]["containers"][0], task_pod()["spec"]["containers"][0]]

    assert [reader["envFrom"] for reader in readers] == [[{"configMapRef": {"name": "settings"}}]] * 2
    assert dotenv_values(FOLDER / "cluster.env")["STORAGE_URL"].startswith("s3://")


def test_service_environment_variables_do_not_override_settings() -> None:
    set_by_kubernetes = {f"{name.upper()}_PORT" for name in of_kind("Service")}
    disturbing = {name.upper() for name in Settings.model_fields} & set_by_kubernetes

    assert disturbing
    assert not [name for name, pod in ALL_PODS.items() if pod["enableServiceLinks"] is not False]
    assert disturbing <= {variable["name"] for variable in VALUES["env"]}


def test_the_price_service_scales_and_survives_the_loss_of_a_node() -> None:
    scaling, budget = of_kind("HorizontalPodAutoscaler")["service"], of_kind("PodDisruptionBudget")["service"]

    assert "replicas" not in of_kind("Deployment")["service"]
    assert scaling["minReplicas"] >= 2
    assert budget["maxUnavailable"] == 1


def test_there_is_one_watcher_at_most() -> None:
    assert of_kind("StatefulSet")["watcher"]["replicas"] == 1
    assert "watcher" not in of_kind("HorizontalPodAutoscaler")


def test_connections_are_denied_by_default_and_only_page_and_service_are_public() -> None:
    policies = of_kind("NetworkPolicy")
    public = {
        name
        for name, policy in policies.items()
        for rule in policy.get("ingress", [])
        for source in rule["from"]
        if "ingress-nginx" in str(source)
    }

    assert policies["nothing-by-itself"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert set(PODS) < set(policies)
    assert public == {"page", "service"}
    assert "/metrics" not in {
        path["path"] for rule in of_kind("Ingress")["public"]["rules"] for path in rule["http"]["paths"]
    }


def test_the_rules_and_the_monitors_use_the_same_jobs() -> None:
    rules = (FOLDER / "monitoring" / "rules.yaml").read_text()
    jobs = {item["metadata"]["labels"].get("job") for item in MANIFESTS if item["kind"] == "Service"}

    assert {"price-service", "watcher"} <= set(re.findall(r'up\{job="(.+?)"\}', rules))
    assert {"price-service", "watcher", "page"} <= jobs


def test_a_task_of_airflow_runs_with_our_options(tmp_path: Path) -> None:
    command = task_pod()["spec"]["containers"][0]["command"]
    names = ("AIRFLOW__LOGGING__BASE_LOG_FOLDER", "AIRFLOW__CORE__EXECUTOR")
    asked = f"import os; print(*(os.environ[name] for name in {names}))"
    given = environment(tmp_path, AIRFLOW__CORE__EXECUTOR="KubernetesExecutor")

    done = subprocess.run(
        [sys.executable, START, command[-1], "python", "-c", asked],
        env=given,
        capture_output=True,
        text=True,
        check=True,
    )

    assert command[1] == "/app/containers/start.py"
    assert done.stdout.split() == [str(tmp_path / "state" / "logs" / "tasks"), "KubernetesExecutor"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed: nothing is rendered")
@pytest.mark.parametrize("part", [".", "monitoring"])
def test_kustomize_renders_it(part: str) -> None:
    done = subprocess.run(
        ["kubectl", "kustomize", FOLDER / part],
        env=os.environ | {"KUBECONFIG": os.devnull},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    rendered = list(yaml.safe_load_all(done.stdout))
    assert {item["metadata"].get("namespace", item["metadata"]["name"]) for item in rendered} == {"carvalue"}
