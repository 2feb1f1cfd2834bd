"""The monitoring configuration of the containers matches the services, networks and receivers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dotenv import dotenv_values

from carvalue.platform.observability.dashboards import dashboard_files
from carvalue.settings import Settings
from carvalue.telemetry.alert_rules import (
    AIRFLOW_JOB,
    ALERTMANAGER_JOB,
    METRICS_PATHS,
    PAGE_JOB,
    SERVICE_JOB,
    WATCHER_JOB,
)
from production import START, environment

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "deploy" / "monitoring"
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
PROMETHEUS: dict[str, Any] = yaml.safe_load((MONITORING / "prometheus.yml").read_text())


def test_prometheus_scrapes_the_jobs_of_the_rules_at_their_ports() -> None:
    jobs = {job.pop("job_name"): job for job in PROMETHEUS["scrape_configs"]}

    (replicas,) = jobs[SERVICE_JOB]["dns_sd_configs"]
    assert (replicas["names"], replicas["port"]) == (["service"], 9696)
    assert jobs[WATCHER_JOB]["static_configs"] == [{"targets": ["watcher:9697"]}]
    assert jobs.keys() == {SERVICE_JOB, WATCHER_JOB, PAGE_JOB, AIRFLOW_JOB, ALERTMANAGER_JOB}
    assert {name: job["metrics_path"] for name, job in jobs.items() if "metrics_path" in job} == METRICS_PATHS


@pytest.mark.parametrize(
    "name", ["service", "watcher", "page", "airflow-api", "alertmanager", "grafana", "proxy"]
)
def test_prometheus_shares_a_network_with_its_targets_and_alertmanager(name: str) -> None:
    assert SERVICES["prometheus"]["networks"] == ["metrics"]
    assert "metrics" in SERVICES[name]["networks"]


def test_the_data_source_of_the_dashboards_exists() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    (boards,) = yaml.safe_load((provisioning / "dashboards" / "carvalue.yaml").read_text())["providers"]

    assert source["url"] == "http://prometheus:9090"
    assert boards["options"]["path"] == "/var/lib/carvalue/grafana/dashboards"
    for name, board in dashboard_files(Settings()).items():
        for panel in board["panels"]:
            if panel["type"] != "row":
                assert panel["datasource"]["uid"] == source["uid"], (name, panel["title"])


@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed: apt install prometheus"
)
def test_the_prometheus_configuration_is_valid() -> None:
    done = subprocess.run(
        ["promtool", "check", "config", MONITORING / "prometheus.yml"], capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    shutil.which("amtool") is None, reason="amtool is not installed: apt install prometheus-alertmanager"
)
def test_alertmanager_sends_to_the_receivers_of_the_watcher(tmp_path: Path) -> None:
    urls = "jsons://hooks.example.com/one,mailtos://me:secret@mail.example.com?from=a@example.com&to=b@example.com"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBLIC_NAME", "localhost")
        links = dotenv_values(ROOT / "deploy" / "compose.env")["OPERATOR_LINKS"] or ""
    variables = environment(tmp_path, ALERT_URLS=urls, OPERATOR_LINKS=links)
    subprocess.run([sys.executable, START, "alerting"], env=variables, check=True)

    # below STATE_DIR, where compose.yaml has Alertmanager look
    (option,) = [word for word in SERVICES["alertmanager"]["command"] if word.startswith("--config.file=")]
    file = tmp_path / "state" / option.removeprefix("--config.file=/var/lib/carvalue/")
    checked = subprocess.run(["amtool", "check-config", file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "hooks.example.com/one" in file.read_text()
    assert "mail.example.com" in file.read_text()
    provisioning = SERVICES["grafana"]["environment"]["GF_PATHS_PROVISIONING"]
    found = tmp_path / "state" / provisioning.removeprefix("/var/lib/carvalue/")
    links = json.loads((found.parent / "dashboards" / "carvalue-drift.json").read_text())["links"]
    assert "https://localhost:8443" in [link.get("url") for link in links]
    points = found / "alerting" / "contact_points.yaml"
    assert "hooks.example.com/one" in points.read_text()
