"""The infrastructure is valid, has the planned resources, and can be applied to a fake AWS and destroyed."""

import json
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest

from carvalue.logs import log_formatter
from carvalue.monitoring.alerting.store import Alert, AlertStore
from production import fake_aws, load_program

ROOT = Path(__file__).parents[2]
release = load_program(ROOT / "deploy" / "release.py")
INFRASTRUCTURE = ROOT / "deploy" / "aws"
FRAMEWORKS = ("terraform", "dockerfile", "kubernetes")
NO_TERRAFORM = "terraform is not installed"
NO_PROVIDER = "set TF_PLUGIN_DIR to a folder with the AWS provider (terraform providers mirror)"
GROWN = {
    "mlflow": {"cpu": 512, "memory": 2048, "copies": 2},
    "airflow-worker": {"cpu": 2048, "memory": 8192, "copies": 2},
}
SETTINGS = {"RETRAIN_SCHEDULE": "@weekly", "JOURNAL_KEEP_DAYS": "90"}
DIGEST = f"sha256:{'0' * 64}"
needs_terraform = pytest.mark.skipif(shutil.which("terraform") is None, reason=NO_TERRAFORM)


def terraform(*words: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["terraform", f"-chdir={folder}", *words],
        env=os.environ
        | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": os.devnull}
        | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _initialised(folder: Path, *options: str) -> Path:
    plugins = os.environ.get("TF_PLUGIN_DIR")
    if shutil.which("terraform") is None or plugins is None:
        pytest.skip(NO_TERRAFORM if plugins else NO_PROVIDER)
    shutil.copytree(INFRASTRUCTURE, folder, ignore=shutil.ignore_patterns(".terraform*"), dirs_exist_ok=True)
    done = terraform("init", f"-plugin-dir={plugins}", "-no-color", *options, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def infrastructure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _initialised(tmp_path_factory.mktemp("infrastructure"), "-backend=false")


@needs_terraform
def test_is_in_its_format() -> None:
    done = terraform("fmt", "-check", "-recursive", "-diff", folder=INFRASTRUCTURE)

    assert done.returncode == 0, done.stdout


def test_is_valid(infrastructure: Path) -> None:
    done = terraform("validate", "-json", folder=infrastructure)

    assert json.loads(done.stdout)["diagnostics"] == []


def test_the_planned_infrastructure_passes_its_checks(infrastructure: Path) -> None:
    done = terraform("test", "-no-color", folder=infrastructure)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alarm_counts_the_watchers_log_line_of_a_new_alert(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pattern = re.search(r"pattern += \"({.+})\"", (INFRASTRUCTURE / "alarms.tf").read_text())
    counted = dict(re.findall(r'\$\.(\w+) = \\"([^"\\]+)\\"', pattern[1] if pattern else ""))
    began = datetime(2026, 1, 2, tzinfo=UTC)
    alert = Alert(key="drift", kind="drift", severity="warning", title="Drift", text="", since=began)

    with caplog.at_level("INFO"), closing(AlertStore(tmp_path / "alerts.db", ())) as desk:
        desk.update((alert,), now=began)
        desk.update((), now=began)
    events = [json.loads(log_formatter().format(record)) for record in caplog.records]

    assert counted.keys() == {"logger", "message"}
    assert [counted.items() <= event.items() for event in events] == [True, False]


@pytest.mark.deploy
@pytest.mark.skipif(shutil.which("uv") is None, reason="uv is not installed: infrastructure goes unscanned")
def test_every_skipped_security_check_has_a_reason() -> None:
    """Scan with checkov, in an environment of its own: its requirements clash with ours."""
    scanner = ["uv", "tool", "run", "--isolated", "checkov@3.3.30", "--skip-download", "--compact", "--quiet"]
    done = subprocess.run(
        [*scanner, "--directory", "deploy", "--file", "Dockerfile", "--framework", *FRAMEWORKS],
        cwd=ROOT,
        env=os.environ | {"LOG_LEVEL": "CRITICAL"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    for name, value in {"AWS_ACCESS_KEY_ID": "fake", "AWS_SECRET_ACCESS_KEY": "fake"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with fake_aws(tmp_path_factory.mktemp("aws")) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield


@pytest.mark.deploy
@pytest.mark.skipif("TF_PLUGIN_DIR" not in os.environ, reason=NO_PROVIDER)
def test_apply_release_and_grow_with_an_empty_plan_after_each_then_destroy(
    fake: None, tmp_path: Path
) -> None:
    """Apply to moto, which accepts tasks and names but runs no container and answers no DNS.

    What it does not know at all, such as the queue of Airflow's workers, or forgets, is in
    fake_aws_override.tf; `terraform test` checks that queue as planned.
    """
    shutil.copy(Path(__file__).with_name("fake_aws_override.tf"), tmp_path)
    folder = _initialised(tmp_path)
    inputs = _inputs(certificate=_certificate())

    _apply(folder, inputs)
    _assert_that_the_plan_is_empty(folder, inputs)
    _assert_no_secret_in(folder / "terraform.tfstate")
    with closing(boto3.client("ssm")) as ssm, closing(boto3.client("ecs")) as ecs:
        services = _services(ecs)
        assert services == {"airflow": 0, "page": 0, "service": 0, "watcher": 0}
        released = _release(ecs, ssm)
        _assert_that_the_plan_is_empty(folder, inputs)

        host = _hosts()
        assert len(host) == 1
        inputs |= {"TF_VAR_sizes": json.dumps(GROWN), "TF_VAR_settings": json.dumps(SETTINGS)}
        _apply(folder, inputs)
        _assert_that_the_plan_is_empty(folder, inputs)
        assert _services(ecs) == services | {"mlflow": 2, "airflow-worker": 2}
        assert len(_hosts()) == 1
        assert not host & _hosts()  # the new one has no MLflow
        kept = ssm.get_parameter(Name="/carvalue/mlflow/image")["Parameter"]["Value"]
        assert kept.endswith(DIGEST)  # for a host that has it again
        _assert_that_images_and_revisions_are_kept(ecs, released)
    destroy = partial(terraform, "destroy", "-auto-approve", "-no-color", folder=folder, **inputs)
    destroyed = destroy()
    if destroyed.returncode:  # the fake dropped an answer, and had nothing left to delete when asked again
        destroyed = destroy()
    assert destroyed.returncode == 0, destroyed.stdout[-4000:] + destroyed.stderr

    assert _hosts() == set()
    with closing(boto3.client("s3")) as s3, closing(boto3.client("rds")) as rds:
        assert s3.list_buckets()["Buckets"] == []
        assert rds.describe_db_instances()["DBInstances"] == []


def _apply(folder: Path, inputs: dict[str, str]) -> None:
    done = terraform("apply", "-auto-approve", "-no-color", folder=folder, **_fresh(inputs))
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr


def _assert_that_the_plan_is_empty(folder: Path, inputs: dict[str, str]) -> None:
    done = terraform("plan", "-detailed-exitcode", "-no-color", folder=folder, **_fresh(inputs))
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr


def _services(ecs: Any) -> dict[str, int]:
    """Return the number of copies of each service."""
    arns = ecs.list_services(cluster="carvalue", maxResults=100)["serviceArns"]
    found = ecs.describe_services(cluster="carvalue", services=arns)["services"]
    return {service["serviceName"]: service["desiredCount"] for service in found}


def _release(ecs: Any, ssm: Any) -> dict[str, str]:
    """Register revisions as a deployment does, and note their images."""
    found = json.loads(ssm.get_parameter(Name="/carvalue/deployment")["Parameter"]["Value"])
    aws = release.Aws(ecs=ecs, ssm=ssm, secrets=None, deployment=found)
    images = {target: f"{url}@{DIGEST}" for target, url in found["registry"].items()}
    revisions = {role: release._register(aws, role=role, images=images) for role in found["families"]}
    release._note_images(aws, images)
    return revisions


def _assert_that_images_and_revisions_are_kept(ecs: Any, released: dict[str, str]) -> None:
    def describe(name: str) -> Any:
        return ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]

    for role, revision in released.items():
        (container, *_) = describe(f"carvalue-{role}")["containerDefinitions"]
        has_setting = {"name": "RETRAIN_SCHEDULE", "value": "@weekly"} in container["environment"]
        assert has_setting == (role != "mlflow")  # which has none of our code
        assert container["image"].endswith(DIGEST)
        assert describe(revision)["status"] == "ACTIVE"  # what runs can be rolled back to


def _hosts() -> set[str]:
    """Return the hosts that are not terminated: one that is stopped must not stay."""
    with closing(boto3.client("ec2")) as ec2:
        found = ec2.describe_instances()["Reservations"]
    hosts = [host for item in found for host in item["Instances"]]
    return {host["InstanceId"] for host in hosts if host["State"]["Name"] != "terminated"}


def _certificate() -> str:
    with closing(boto3.client("acm")) as acm:
        arn: str = acm.request_certificate(DomainName="cars.example.com")["CertificateArn"]
    return arn


def _inputs(*, certificate: str) -> dict[str, str]:
    return {
        "TF_VAR_certificate_arn": certificate,
        "TF_VAR_allowed_cidrs": '["203.0.113.0/24"]',
        "TF_VAR_github_repository": "example/carvalue",
        "TF_VAR_alert_email": "operators@example.com",
        "TF_VAR_protect_data": "false",
        "TF_VAR_entropy": secrets.token_hex(32),
    }


def _fresh(inputs: dict[str, str]) -> dict[str, str]:
    """Other randomness, as another shell has: it must not change what is written already."""
    return inputs | {"TF_VAR_entropy": secrets.token_hex(32)}


def _assert_no_secret_in(state: Path) -> None:
    written = state.read_text()
    with closing(boto3.client("secretsmanager")) as client:
        ours = [item for item in client.list_secrets()["SecretList"] if item["Name"].startswith("carvalue/")]
        values = [client.get_secret_value(SecretId=item["ARN"])["SecretString"] for item in ours]

    assert len(values) == 11
    assert not [value for value in values if value in written]
