"""Kubernetes manifests are valid and hardened, and match the roles and secrets of compose.yaml."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from types import MappingProxyType
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dotenv import dotenv_values

from carvalue.platform.observability.dashboards import DASHBOARDS
from carvalue.settings import Settings
from production import START, environment

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.37")  # the oldest that Airflow's chart supports, the newest there is
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
VALUES: dict[str, Any] = yaml.safe_load((FOLDER / "airflow-values.yaml").read_text())
CLUSTER = FOLDER / "training-cluster"
NO_MANIFESTS = {"kustomization.yaml", "airflow-values.yaml"}
MANIFESTS = [
    item
    for path in sorted(FOLDER.glob("*.yaml"))
    if path.name not in NO_MANIFESTS
    for item in yaml.safe_load_all(path.read_text())
]


def task_pod(workers: Mapping[str, Any] = MappingProxyType({})) -> dict[str, Any]:
    """Fill Airflow's pod template as Helm would.

    Args:
        workers: The values `workers` of a further file; the chart's own are empty lists.
    """
    text = re.sub(
        r"\{\{ toYaml \(concat \.Values\.(\w+) \.Values\.workers\.(\w+)\) .*?\}\}",
        lambda match: json.dumps(VALUES[match[1]] + workers.get(match[2], [])),
        VALUES["podTemplate"],
    )
    text = re.sub(r"\{\{ toYaml \.Values\.(\w+) .*?\}\}", lambda match: json.dumps(VALUES[match[1]]), text)
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


def test_with_a_training_cluster_the_pods_of_tasks_share_files_and_reach_each_other() -> None:
    claim, policy = (yaml.safe_load((CLUSTER / name).read_text()) for name in ("files.yaml", "network.yaml"))
    workers = yaml.safe_load((CLUSTER / "airflow-values.yaml").read_text())["workers"]
    pod = task_pod(workers)
    for item in (claim, policy, pod):
        kubernetes_validate.validate(item, VERSIONS[-1], strict=True)
    (container,) = pod["spec"]["containers"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    shared = volumes[mounts["/var/lib/carvalue/storage"]]

    assert shared["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert policy["spec"]["podSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()


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


@pytest.mark.parametrize("name", [name for name in PODS if name != "migrate"])
def test_a_container_may_take_as_long_to_start_as_in_compose(name: str) -> None:
    (container,) = PODS[name]["containers"]
    (allowed,) = set(re.findall(r"--start-period=(\d+)s", (ROOT / "Dockerfile").read_text()))

    assert _starts_within(container["startupProbe"]) >= int(allowed)


def test_the_parts_of_airflow_may_take_minutes_to_start_and_are_probed_by_our_program() -> None:
    scheduler = VALUES["scheduler"]

    assert _starts_within(VALUES["apiServer"]["startupProbe"]) >= 300
    assert _starts_within(scheduler["startupProbe"]) >= 300
    for probe in (
        scheduler["startupProbe"],
        scheduler["livenessProbe"],
        VALUES["dagProcessor"]["livenessProbe"],
    ):
        assert probe["command"][:3] == ["python", "/app/containers/start.py", "healthy"]


def _starts_within(probe: dict[str, Any]) -> int:
    seconds: int = probe["periodSeconds"] * probe["failureThreshold"]
    return seconds


def test_a_node_that_is_drained_takes_one_replica_at_a_time() -> None:
    several = {name for name, item in of_kind("Deployment").items() if item.get("replicas", 2) > 1}
    budgets = of_kind("PodDisruptionBudget")

    assert several == set(budgets) == {"service", "page", "mlflow"}
    assert {item["maxUnavailable"] for item in budgets.values()} == {1}
    assert all(PODS[name]["topologySpreadConstraints"] for name in several)


def test_a_gateway_has_the_routes_of_the_ingresses_with_their_time_limits() -> None:
    gateway, route = yaml.safe_load_all((FOLDER / "gateway" / "routes.yaml").read_text())
    rules = route["spec"]["rules"]
    ingresses = [item for item in MANIFESTS if item["kind"] == "Ingress"]
    kinds = {"PathPrefix": "Prefix", "Exact": "Exact"}

    assert route["spec"]["parentRefs"] == [{"name": gateway["metadata"]["name"]}]
    for rule, ingress in zip(rules, ingresses, strict=True):
        paths = ingress["spec"]["rules"][0]["http"]["paths"]
        limit = ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-read-timeout"]
        (backend,) = rule["backendRefs"]
        assert [(match["path"]["value"], kinds[match["path"]["type"]]) for match in rule["matches"]] == [
            (path["path"] or "/", path["pathType"]) for path in paths
        ]
        assert len(rule["matches"]) <= 64  # the limit of the Gateway API
        assert rule.get("timeouts") in ({"request": f"{limit}s"}, None)
        assert {"name": backend["name"], "port": backend["port"]} == {
            "name": paths[0]["backend"]["service"]["name"],
            "port": of_kind("Service")[backend["name"]]["ports"][0]["port"],
        }


def test_the_operator_and_grafana_find_monitors_rules_and_dashboards() -> None:
    kustomization = yaml.safe_load((FOLDER / "monitoring" / "kustomization.yaml").read_text())
    boards = list(yaml.safe_load_all((FOLDER / "monitoring" / "dashboards.yaml").read_text()))

    assert kustomization["labels"] == [{"pairs": {"release": "kube-prometheus-stack"}}]
    assert {"monitors.yaml", "rules.yaml", "dashboards.yaml"} == set(kustomization["resources"])
    for board in boards:
        ((name, text),) = board["data"].items()
        assert board["metadata"]["labels"] == {"grafana_dashboard": "1"}
        assert json.loads(text) == json.loads((DASHBOARDS / name).read_text())
        assert len(text) < 256 * 1024  # `kubectl apply` keeps a copy in an annotation
    assert len(boards) == len(list(DASHBOARDS.glob("*.json")))


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
@pytest.mark.parametrize("part", [".", "monitoring", "gateway"])
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
