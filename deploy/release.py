"""Bring images live on AWS: migrate, roll each service, price a car as a visitor; go back if it fails."""

import argparse
import json
import logging
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import boto3
import httpx
from botocore.exceptions import ClientError

logger = logging.getLogger("release")

SERVICES = ("service", "airflow", "watcher", "page")  # the page last: it may rely on the others
PATIENCE_S = 900.0  # Airflow takes minutes to come up; ECS itself gives up on a bad image earlier
SMOKE_LISTING = {"manufacturer": "toyota", "model": "camry", "year": 2015, "odometer": 80_000}


class ReleaseFailed(Exception):
    """Production is not what was asked for; says at which step and why."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a service ran before, to go back to."""

    revision: str
    copies: int


@dataclass(frozen=True, kw_only=True)
class Aws:
    """The services that a release talks to, and where it finds things there."""

    ecs: Any
    ssm: Any
    secrets: Any
    where: dict[str, Any]
    pause_s: float = 10.0
    patience_s: float = PATIENCE_S


def release(aws: Aws, *, digests: dict[str, str], url: str) -> None:
    """Replace what runs by the images named.

    Raises:
        ReleaseFailed: what ran before runs again (migrations stay: they only ever add). A first release has
            nothing to go back to and stays, since a model must be trained on it before it can price.
    """
    images = {target: f"{aws.where['registry'][target]}@{digest}" for target, digest in digests.items()}
    before = {role: _standing(aws, role=role) for role in SERVICES}
    tracked_before = _mlflow_image(aws)
    revisions = {role: _register(aws, role=role, images=images) for role in (*SERVICES, "migrate")}
    run_once(aws, revision=revisions["migrate"], command=["migrate"])
    try:
        _move_mlflow(aws, image=images["mlflow"])
        wanted = {
            role: Standing(
                revision=revisions[role], copies=max(aws.where["copies"][role], before[role].copies)
            )
            for role in SERVICES
        }
        _roll(aws, wanted)
        smoke(url=url, key=_service_key(aws), patience_s=aws.patience_s, pause_s=aws.pause_s)
    except (ReleaseFailed, ClientError) as error:
        if not any(standing.copies for standing in before.values()):
            raise ReleaseFailed(f"The first release stays; train a model, release again: {error}") from error
        logger.error("going back", extra={"reason": str(error)})  # noqa: TRY400  # the reason is the message
        _go_back(aws, services=before, mlflow=tracked_before)
        raise ReleaseFailed(f"Rolled back: {error}") from error


def run_once(aws: Aws, *, revision: str, command: list[str]) -> None:
    """Run one task to its end.

    Raises:
        ReleaseFailed: it could not start or ended with another code than 0.
    """
    started = aws.ecs.run_task(
        cluster=aws.where["cluster"],
        taskDefinition=revision,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": aws.where["subnets"],
                "securityGroups": [aws.where["security_groups"]["migrate"]],
                "assignPublicIp": "DISABLED",
            }
        },
        overrides={"containerOverrides": [{"name": "migrate", "command": command}]},
    )
    if not started["tasks"]:
        raise ReleaseFailed(f"{command[0]} did not start: {started['failures']}")
    task = _ended(aws, task=started["tasks"][0]["taskArn"])
    code = task["containers"][0].get("exitCode")
    if code != 0:
        raise ReleaseFailed(f"{command[0]} ended with {code}: {task.get('stoppedReason', 'see its log')}")
    logger.info("task done", extra={"command": command})


def smoke(*, url: str, key: str, patience_s: float, pause_s: float) -> None:
    """Ask for a price the way a visitor does.

    Raises:
        ReleaseFailed: no sensible price came in time.
    """
    deadline = time.monotonic() + patience_s
    while True:
        said = _price(url, key=key)
        if isinstance(said, int):
            logger.info("priced a car", extra={"price": said})
            return
        if time.monotonic() > deadline:
            raise ReleaseFailed(f"no price from {url}: {said}")
        time.sleep(pause_s)


def _price(url: str, *, key: str) -> int | str:
    asked = urljoin(url, "/predict")
    try:
        answer = httpx.post(asked, json=SMOKE_LISTING, headers={"X-API-Key": key}, timeout=10)
        price = answer.json()["price"] if answer.is_success else None
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return price if isinstance(price, int) and price > 0 else f"{answer.status_code} {answer.text[:200]}"


def _standing(aws: Aws, *, role: str) -> Standing:
    service = _service(aws, role=role)
    return Standing(revision=service["taskDefinition"], copies=service["desiredCount"])


def _service(aws: Aws, *, role: str) -> dict[str, Any]:
    return aws.ecs.describe_services(cluster=aws.where["cluster"], services=[role])["services"][0]  # type: ignore[no-any-return]


def _register(aws: Aws, *, role: str, images: dict[str, str]) -> str:
    described = aws.ecs.describe_task_definition(taskDefinition=aws.where["families"][role])["taskDefinition"]
    kept = (
        "family taskRoleArn executionRoleArn networkMode containerDefinitions volumes placementConstraints "
        "requiresCompatibilities cpu memory runtimePlatform"
    ).split()
    revision = {name: described[name] for name in kept if name in described}
    revision["containerDefinitions"] = [
        container | {"image": _replaced(container["image"], images=images)}
        for container in described["containerDefinitions"]
    ]
    return aws.ecs.register_task_definition(**revision)["taskDefinition"]["taskDefinitionArn"]  # type: ignore[no-any-return]


def _replaced(image: str, *, images: dict[str, str]) -> str:
    repository = image.split("@")[0].rsplit(":", 1)[0]
    return next(new for new in images.values() if new.split("@")[0] == repository)


def _roll(aws: Aws, wanted: dict[str, Standing]) -> None:
    for role, standing in wanted.items():
        aws.ecs.update_service(
            cluster=aws.where["cluster"],
            service=role,
            taskDefinition=standing.revision,
            desiredCount=standing.copies,
        )
        logger.info("rolling", extra={"service": role, "revision": standing.revision})
    deadline = time.monotonic() + aws.patience_s
    for role, standing in wanted.items():
        while not _settled(aws, role=role, standing=standing):
            if time.monotonic() > deadline:
                raise ReleaseFailed(f"{role} did not become healthy in {aws.patience_s:.0f} s")
            time.sleep(aws.pause_s)


def _settled(aws: Aws, *, role: str, standing: Standing) -> bool:
    service = _service(aws, role=role)
    mine = [item for item in service["deployments"] if item["taskDefinition"] == standing.revision]
    if not mine or mine[0].get("rolloutState") == "FAILED":
        raise ReleaseFailed(f"{role}: ECS gave the new revision up; its log tells why")
    return len(service["deployments"]) == 1 and service["runningCount"] == standing.copies


def _ended(aws: Aws, *, task: str) -> dict[str, Any]:
    deadline = time.monotonic() + aws.patience_s
    while True:
        described = aws.ecs.describe_tasks(cluster=aws.where["cluster"], tasks=[task])["tasks"][0]
        if described["lastStatus"] == "STOPPED":
            return described  # type: ignore[no-any-return]
        if time.monotonic() > deadline:
            aws.ecs.stop_task(cluster=aws.where["cluster"], task=task, reason="took too long")
            raise ReleaseFailed(f"{task} did not end in {aws.patience_s:.0f} s")
        time.sleep(aws.pause_s)


def _service_key(aws: Aws) -> str:
    return aws.secrets.get_secret_value(SecretId=aws.where["service_key"])["SecretString"]  # type: ignore[no-any-return]


def _mlflow_image(aws: Aws) -> str:
    return aws.ssm.get_parameter(Name=aws.where["mlflow"]["parameter"])["Parameter"]["Value"]  # type: ignore[no-any-return]


def _move_mlflow(aws: Aws, *, image: str) -> None:
    mlflow = aws.where["mlflow"]
    aws.ssm.put_parameter(Name=mlflow["parameter"], Value=image, Overwrite=True)
    aws.ssm.send_command(DocumentName=mlflow["document"], InstanceIds=[mlflow["instance"]])
    logger.info("restarting MLflow", extra={"image": image})


def _go_back(aws: Aws, *, services: dict[str, Standing], mlflow: str) -> None:
    _move_mlflow(aws, image=mlflow)
    _roll(aws, services)


def main(arguments: list[str]) -> None:
    """Read the command line; end with 1 and one line where production is not what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--platform", required=True, help="the `name` given to Terraform")
    parser.add_argument("--digests", type=Path, help="folder of one file per image, holding its digest")
    parser.add_argument("--url", help="the public address")
    parser.add_argument("--trigger", metavar="DAG", help="start a pipeline instead of releasing")
    chosen = parser.parse_args(arguments)
    aws = _aws(chosen.platform)
    try:
        if chosen.trigger:
            run_once(aws, revision=aws.where["families"]["migrate"], command=["trigger", chosen.trigger])
        else:
            digests = {path.name: path.read_text().strip() for path in chosen.digests.iterdir()}
            release(aws, digests=digests, url=chosen.url)
    except ReleaseFailed as error:
        logger.error(str(error))  # noqa: TRY400  # one line, not a stack trace
        sys.exit(1)


def _aws(platform: str) -> Aws:
    ssm = boto3.client("ssm")
    written = ssm.get_parameter(Name=f"/{platform}/deployment")["Parameter"]["Value"]
    return Aws(
        ecs=boto3.client("ecs"),
        ssm=ssm,
        secrets=boto3.client("secretsmanager"),
        where=json.loads(written),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    main(sys.argv[1:])
