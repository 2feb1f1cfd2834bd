"""A release deploys exact images and rolls back when a step fails."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from production import load_program

REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com/carvalue"
ROLES = ("service", "page", "watcher", "airflow")
TARGETS = (*ROLES, "mlflow")
TAGS = [{"key": "Project", "value": "carvalue"}]
DIGESTS = {target: f"sha256:{target}" for target in TARGETS}


release = load_program(Path(__file__).parents[2] / "deploy" / "release.py")


@dataclass
class FakeEcs:
    """One cluster: services run what they were last given, at once, unless the image is a bad one."""

    running: dict[str, tuple[str, int]] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: list[tuple[str, list[str]]] = field(default_factory=list)
    exit_code: int = 0
    gives_up_on: str = ""
    watched: list[str] = field(default_factory=list)
    """What ECS says of the deployments that it still watches, in order."""

    def describe_task_definition(self, *, taskDefinition: str, include: list[str]) -> dict[str, Any]:  # noqa: N803
        return {"taskDefinition": self.definitions[taskDefinition], "tags": TAGS if "TAGS" in include else []}

    def register_task_definition(self, **revision: Any) -> dict[str, Any]:
        arn = f"{revision['family']}:{len(self.definitions)}"
        self.definitions[arn] = revision
        return {"taskDefinition": {"taskDefinitionArn": arn}}

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        revision, copies = self.running[services[0]]
        refused = services[0] == self.gives_up_on and self.definitions[revision] != {}
        deployment = {"taskDefinition": "what ran before" if refused else revision}
        if services[0] == "service" and self.watched:
            deployment["rolloutState"] = self.watched.pop(0)
        service = {"taskDefinition": revision, "desiredCount": copies, "runningCount": copies}
        return {"services": [service | {"deployments": [deployment]}]}

    def update_service(self, *, cluster: str, service: str, taskDefinition: str, desiredCount: int) -> None:  # noqa: N803
        self.running[service] = (taskDefinition, desiredCount)

    def run_task(self, *, taskDefinition: str, overrides: dict[str, Any], **rest: Any) -> dict[str, Any]:  # noqa: N803
        self.tasks.append((taskDefinition, overrides["containerOverrides"][0]["command"]))
        return {"tasks": [{"taskArn": "task"}], "failures": []}

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        return {"tasks": [{"lastStatus": "STOPPED", "containers": [{"exitCode": self.exit_code}]}]}


@dataclass
class FakeSsm:
    """Keeps parameters and counts restarts."""

    image: str = "none"
    deployed: dict[str, str] = field(default_factory=dict)
    restarts: int = 0
    refuses_commands: bool = False

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803
        return {"Parameter": {"Value": self.image}}

    def put_parameter(self, *, Name: str, Value: str, Overwrite: bool) -> None:  # noqa: N803
        if Name == "/carvalue/images":
            self.deployed = json.loads(Value)
        else:
            self.image = Value

    def send_command(self, *, DocumentName: str, InstanceIds: list[str]) -> None:  # noqa: N803
        if self.refuses_commands:
            raise ClientError({"Error": {"Code": "InvalidInstanceId"}}, "SendCommand")
        self.restarts += 1


class FakeSecrets:
    """Keeps the key of the release."""

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803
        return {"SecretString": {"carvalue/release-key": "key of the release"}[SecretId]}


@pytest.fixture
def aws() -> Any:
    ecs = FakeEcs()
    for role, image in {**{role: role for role in TARGETS}, "migrate": "airflow"}.items():
        ecs.definitions[f"carvalue-{role}"] = {
            "family": f"carvalue-{role}",
            "containerDefinitions": [{"name": role, "image": f"{REGISTRY}/{image}:none"}],
        }
        if role in ROLES:
            ecs.running[role] = (f"old-{role}", 0 if role == "page" else 3)
            ecs.definitions[f"old-{role}"] = {}
    deployment = {
        "cluster": "carvalue",
        "images": "/carvalue/images",
        "mlflow_image": "/carvalue/mlflow/image",
        "copies": {"service": 2, "page": 1, "watcher": 1, "airflow": 1},
        "families": {role: f"carvalue-{role}" for role in (*TARGETS, "migrate")},
        "registry": {target: f"{REGISTRY}/{target}" for target in TARGETS},
        "subnets": ["subnet-1"],
        "security_groups": {"migrate": "sg-1"},
        "service_key": "carvalue/release-key",
        "mlflow": {"instance": "i-1", "parameter": "/carvalue/mlflow/image", "document": "restart"},
    }
    return release.Aws(
        ecs=ecs,
        ssm=FakeSsm(image="old"),
        secrets=FakeSecrets(),
        deployment=deployment,
        poll_s=0,
        timeout_s=0.2,
    )


@pytest.fixture
def front_door() -> Iterator[dict[str, Any]]:
    endpoint: dict[str, Any] = {"status": 200, "body": b'{"price": 11250}'}

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            admitted = self.headers["X-API-Key"] == "key of the release"
            self.send_response(endpoint["status"] if admitted else 401)
            self.end_headers()
            self.wfile.write(endpoint["body"])

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    endpoint["url"] = f"http://127.0.0.1:{server.server_port}"
    yield endpoint
    server.shutdown()
    server.server_close()


def _move_mlflow_to_a_service(aws: Any, *, copies: int) -> None:
    aws.deployment.update(mlflow=None, copies=aws.deployment["copies"] | {"mlflow": copies})
    aws.ecs.running["mlflow"] = ("old-mlflow", copies)
    aws.ecs.definitions["old-mlflow"] = {}


def _images(aws: Any, role: str) -> list[str]:
    revision = aws.ecs.definitions[aws.ecs.running[role][0]]
    return [container["image"] for container in revision["containerDefinitions"]]


def test_every_service_runs_its_image_by_digest(aws: Any, front_door: dict[str, Any]) -> None:
    release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert {role: _images(aws, role) for role in ROLES} == {
        role: [f"{REGISTRY}/{role}@sha256:{role}"] for role in ROLES
    }
    assert aws.ssm.image == f"{REGISTRY}/mlflow@sha256:mlflow"
    assert aws.ssm.deployed == {target: f"{REGISTRY}/{target}@sha256:{target}" for target in TARGETS}


def test_mlflow_as_a_service_is_rolled_out_and_back_with_the_others(
    aws: Any, front_door: dict[str, Any]
) -> None:
    _move_mlflow_to_a_service(aws, copies=2)

    release.release(aws, digests=DIGESTS, url=front_door["url"])
    assert _images(aws, "mlflow") == [f"{REGISTRY}/mlflow@sha256:mlflow"]

    before = dict(aws.ecs.running)
    front_door.update(status=503, body=b"no model")
    with pytest.raises(release.ReleaseFailed, match="Rolled back"):
        release.release(aws, digests={**DIGESTS, "mlflow": "sha256:bad"}, url=front_door["url"])
    assert aws.ecs.running == before
    assert aws.ssm.restarts == 0  # there is no host to restart


def test_a_host_that_returns_starts_the_image_of_the_last_release(
    aws: Any, front_door: dict[str, Any]
) -> None:
    _move_mlflow_to_a_service(aws, copies=2)

    release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ssm.image == f"{REGISTRY}/mlflow@sha256:mlflow"


def test_a_host_that_cannot_be_restarted_rolls_back_the_services(
    aws: Any, front_door: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    aws.ssm.refuses_commands = True
    before = dict(aws.ecs.running)

    with pytest.raises(release.ReleaseFailed, match=r"Rolled back: .*InvalidInstanceId"):
        release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ecs.running == before
    assert aws.ssm.image == "old"
    assert "could not restart MLflow" in caplog.text


def test_services_return_although_mlflow_cannot(
    aws: Any, front_door: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dict(aws.ecs.running)

    def fail(**_: Any) -> None:  # after the roll-out
        aws.ssm.refuses_commands = True
        raise release.ReleaseFailed("no price")

    monkeypatch.setattr(release, "smoke", fail)
    with pytest.raises(release.ReleaseFailed, match="Rolled back: no price"):
        release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ecs.running == before


def test_revisions_of_what_does_not_run_follow_too(aws: Any, front_door: dict[str, Any]) -> None:
    release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert "mlflow" not in aws.ecs.running
    revisions = [item for item in aws.ecs.definitions.values() if item.get("family") == "carvalue-mlflow"]
    assert revisions[-1]["containerDefinitions"][0]["image"] == f"{REGISTRY}/mlflow@sha256:mlflow"


def test_a_release_keeps_the_copies_that_autoscaling_added(aws: Any, front_door: dict[str, Any]) -> None:
    release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert {role: aws.ecs.running[role][1] for role in ("service", "page")} == {"service": 3, "page": 1}


def test_fewer_copies_of_what_does_not_scale_by_itself_take_effect(
    aws: Any, front_door: dict[str, Any]
) -> None:
    _move_mlflow_to_a_service(aws, copies=3)
    aws.deployment["copies"]["mlflow"] = 1

    release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ecs.running["mlflow"][1] == 1


def test_migrations_run_first_with_the_new_image(aws: Any, front_door: dict[str, Any]) -> None:
    release.release(aws, digests=DIGESTS, url=front_door["url"])

    (revision, command) = aws.ecs.tasks[0]
    assert command == ["migrate"]
    assert aws.ecs.definitions[revision]["tags"] == TAGS  # Terraform would add them again
    assert aws.ecs.definitions[revision]["containerDefinitions"][0]["image"].endswith("@sha256:airflow")


def test_a_platform_applied_by_an_earlier_release_is_deployed_with_its_rights(
    aws: Any, front_door: dict[str, Any]
) -> None:
    del aws.deployment["images"], aws.deployment["mlflow_image"]

    release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert _images(aws, "page") == [f"{REGISTRY}/page@sha256:page"]
    assert aws.ssm.deployed == {}
    (revision, _) = aws.ecs.tasks[0]
    assert aws.ecs.definitions[revision]["tags"] == []  # its role may not tag


def test_failed_migrations_leave_everything_as_it_was(aws: Any, front_door: dict[str, Any]) -> None:
    aws.ecs.exit_code = 1
    before = dict(aws.ecs.running)

    with pytest.raises(release.ReleaseFailed, match="migrate ended with 1"):
        release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ecs.running == before
    assert aws.ssm.image == "old"


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503, "body": b"no model"},
        {"status": 200, "body": b"<html>"},
        {"status": 200, "body": b"[]"},
        {"status": 200, "body": b'{"price": -1}'},
        {"status": 200, "body": b'{"price": null}'},
    ],
)
def test_a_release_without_a_public_quote_is_rolled_back(
    aws: Any, front_door: dict[str, Any], answer: dict[str, Any]
) -> None:
    front_door.update(answer)
    before = dict(aws.ecs.running)

    with pytest.raises(release.ReleaseFailed, match="Rolled back: no price"):
        release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ecs.running == before
    assert (aws.ssm.image, aws.ssm.restarts) == ("old", 2)
    assert aws.ssm.deployed == {}


def test_a_first_release_without_a_model_is_not_rolled_back(aws: Any, front_door: dict[str, Any]) -> None:
    front_door.update(status=503, body=b"no model")
    for role in ROLES:
        aws.ecs.running[role] = (f"old-{role}", 0)

    with pytest.raises(release.ReleaseFailed, match="The first release stays; train a model"):
        release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert _images(aws, "airflow") == [f"{REGISTRY}/airflow@sha256:airflow"] == [aws.ssm.deployed["airflow"]]
    assert {role: aws.ecs.running[role][1] for role in ROLES} == aws.deployment["copies"]


def test_a_service_that_does_not_start_rolls_back_all_services(aws: Any, front_door: dict[str, Any]) -> None:
    aws.ecs.gives_up_on = "page"
    before = dict(aws.ecs.running)

    with pytest.raises(release.ReleaseFailed, match="page: ECS gave up on the new revision"):
        release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ecs.running == before


def test_a_deployment_has_ended_when_ecs_has_watched_its_alarms(aws: Any, front_door: dict[str, Any]) -> None:
    aws.ecs.watched = ["IN_PROGRESS", "IN_PROGRESS", "COMPLETED"]

    release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ecs.watched == []


def test_an_alarm_after_all_copies_run_rolls_back_all_services(aws: Any, front_door: dict[str, Any]) -> None:
    aws.ecs.watched = ["IN_PROGRESS", "FAILED"]
    before = dict(aws.ecs.running)

    with pytest.raises(release.ReleaseFailed, match="service: ECS gave up on the new revision"):
        release.release(aws, digests=DIGESTS, url=front_door["url"])

    assert aws.ecs.running == before


def test_a_pipeline_is_triggered_by_its_name(aws: Any) -> None:
    release.run_once(aws, revision="carvalue-migrate", command=["trigger", "creates_datasets_dag"])

    assert aws.ecs.tasks == [("carvalue-migrate", ["trigger", "creates_datasets_dag"])]
