"""Deploy images to AWS: migrate, roll out each service, request a quote; roll back if a step fails."""

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

ORDER = (
    "mlflow",
    "service",
    "airflow",
    "airflow-worker",
    "watcher",
    "page",
)  # the page last, because it uses the others
SCALED = "service"  # the only one whose number of copies follows its load
TIMEOUT_S = 900.0  # Airflow takes minutes to start; ECS gives up on a bad image earlier
SMOKE_LISTING = {"manufacturer": "toyota", "model": "camry", "year": 2015, "odometer": 80_000}


class ReleaseFailed(Exception):
    """The deployment failed; the message names the step and the cause."""


@dataclass(frozen=True, kw_only=True)
class ServiceRevision:
    """Revision and number of copies of one service.

    Attributes:
        revision: ARN of the task definition.
        copies: Desired number of tasks.
    """

    revision: str
    copies: int


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Clients of AWS and the parameters of one platform.

    Attributes:
        ecs: Client of ECS.
        ssm: Client of Systems Manager.
        secrets: Client of Secrets Manager.
        deployment: Value of the parameter `/NAME/deployment`, which Terraform writes: cluster, subnets,
            security groups, task families, numbers of copies, registry, MLflow's host (None if MLflow is a
            service) and names of secrets and parameters.
        poll_s: Seconds between two polls.
        timeout_s: Maximum seconds for each step.
    """

    ecs: Any
    ssm: Any
    secrets: Any
    deployment: dict[str, Any]
    poll_s: float = 10.0
    timeout_s: float = TIMEOUT_S


def release(aws: Aws, *, digests: dict[str, str], url: str) -> None:
    """Deploy new images.

    Args:
        aws: Clients of AWS and the parameters of the platform.
        digests: Image target (`service`, `page`, `watcher`, `airflow`, `mlflow`) -> digest `sha256:...`.
        url: Public URL of the platform.

    Raises:
        ReleaseFailed: A step failed and the previous revisions run again. Migrations stay: they only add.
            A failed first release stays deployed, because a model must be trained on it before it can quote.
    """
    images = {target: f"{aws.deployment['registry'][target]}@{digest}" for target, digest in digests.items()}
    services = [role for role in ORDER if role in aws.deployment["copies"]]
    previous = {role: _service_revision(aws, role=role) for role in services}
    previous_mlflow = _mlflow_image(aws)
    revisions = {role: _register(aws, role=role, images=images) for role in aws.deployment["families"]}
    run_once(aws, revision=revisions["migrate"], command=["migrate"])
    try:
        _restart_mlflow(aws, image=images["mlflow"])
        target = {
            role: ServiceRevision(
                revision=revisions[role], copies=_copies(aws, role=role, running=previous[role].copies)
            )
            for role in services
        }
        _roll_out(aws, target)
        smoke(url=url, key=_service_key(aws), timeout_s=aws.timeout_s, poll_s=aws.poll_s)
    except (ReleaseFailed, ClientError) as error:
        if not any(revision.copies for revision in previous.values()):
            _note_images(aws, images)
            raise ReleaseFailed(
                f"The first release stays; train a model and release again: {error}"
            ) from error
        logger.error("rolling back", extra={"reason": str(error)})  # noqa: TRY400  # the reason is in the message
        _roll_back(aws, services=previous, mlflow=previous_mlflow)
        raise ReleaseFailed(f"Rolled back: {error}") from error
    _note_images(aws, images)


def run_once(aws: Aws, *, revision: str, command: list[str]) -> None:
    """Run one task of the migration container and wait for its end.

    Args:
        aws: Clients of AWS and the parameters of the platform.
        revision: Task definition.
        command: Role of the image and its arguments, such as `["migrate"]`.

    Raises:
        ReleaseFailed: The task did not start, did not end in time or exited with a code other than 0.
    """
    started = aws.ecs.run_task(
        cluster=aws.deployment["cluster"],
        taskDefinition=revision,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": aws.deployment["subnets"],
                "securityGroups": [aws.deployment["security_groups"]["migrate"]],
                "assignPublicIp": "DISABLED",
            }
        },
        overrides={"containerOverrides": [{"name": "migrate", "command": command}]},
    )
    if not started["tasks"]:
        raise ReleaseFailed(f"{command[0]} did not start: {started['failures']}")
    task = _wait_for_end(aws, task=started["tasks"][0]["taskArn"])
    code = task["containers"][0].get("exitCode")
    if code != 0:
        raise ReleaseFailed(f"{command[0]} ended with {code}: {task.get('stoppedReason', 'see its log')}")
    logger.info("task done", extra={"command": command})


def smoke(*, url: str, key: str, timeout_s: float, poll_s: float) -> None:
    """Request a quote through the public URL until a price comes.

    Args:
        url: Public URL of the platform.
        key: API key of the price service.
        timeout_s: Maximum seconds to wait.
        poll_s: Seconds between two requests.

    Raises:
        ReleaseFailed: No valid price came in time.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        result = _price(url, key=key)
        if isinstance(result, int):
            logger.info("received a price", extra={"price": result})
            return
        if time.monotonic() > deadline:
            raise ReleaseFailed(f"no price from {url}: {result}")
        time.sleep(poll_s)


def _price(url: str, *, key: str) -> int | str:
    address = urljoin(url, "/predict")
    try:
        answer = httpx.post(address, json=SMOKE_LISTING, headers={"X-API-Key": key}, timeout=10)
        price = answer.json()["price"] if answer.is_success else None
    except (httpx.HTTPError, ValueError, LookupError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return price if isinstance(price, int) and price > 0 else f"{answer.status_code} {answer.text[:200]}"


def _copies(aws: Aws, *, role: str, running: int) -> int:
    """Return how many copies to run: as many as were chosen, or more where autoscaling has added some."""
    chosen: int = aws.deployment["copies"][role]
    return max(chosen, running) if role == SCALED else chosen


def _service_revision(aws: Aws, *, role: str) -> ServiceRevision:
    service = _service(aws, role=role)
    return ServiceRevision(revision=service["taskDefinition"], copies=service["desiredCount"])


def _service(aws: Aws, *, role: str) -> dict[str, Any]:
    return aws.ecs.describe_services(cluster=aws.deployment["cluster"], services=[role])["services"][0]  # type: ignore[no-any-return]


def _register(aws: Aws, *, role: str, images: dict[str, str]) -> str:
    found = aws.ecs.describe_task_definition(
        taskDefinition=aws.deployment["families"][role], include=["TAGS"]
    )
    definition = found["taskDefinition"]
    kept = (
        "family taskRoleArn executionRoleArn networkMode containerDefinitions volumes placementConstraints "
        "requiresCompatibilities cpu memory runtimePlatform"
    ).split()
    revision = {name: definition[name] for name in kept if name in definition}
    revision["containerDefinitions"] = [
        container | {"image": _new_image(container["image"], images=images)}
        for container in definition["containerDefinitions"]
    ]
    tags = found.get("tags", []) if _keeps_images(aws) else []
    registered = aws.ecs.register_task_definition(**revision, tags=tags)
    return registered["taskDefinition"]["taskDefinitionArn"]  # type: ignore[no-any-return]


def _new_image(image: str, *, images: dict[str, str]) -> str:
    repository = image.split("@")[0].rsplit(":", 1)[0]
    return next(new for new in images.values() if new.split("@")[0] == repository)


def _roll_out(aws: Aws, target: dict[str, ServiceRevision]) -> None:
    for role, revision in target.items():
        aws.ecs.update_service(
            cluster=aws.deployment["cluster"],
            service=role,
            taskDefinition=revision.revision,
            desiredCount=revision.copies,
        )
        logger.info("rolling", extra={"service": role, "revision": revision.revision})
    deadline = time.monotonic() + aws.timeout_s
    for role, revision in target.items():
        while not _is_stable(aws, role=role, revision=revision):
            if time.monotonic() > deadline:
                raise ReleaseFailed(f"{role} did not become healthy in {aws.timeout_s:.0f} s")
            time.sleep(aws.poll_s)


def _is_stable(aws: Aws, *, role: str, revision: ServiceRevision) -> bool:
    service = _service(aws, role=role)
    current = [item for item in service["deployments"] if item["taskDefinition"] == revision.revision]
    if not current or current[0].get("rolloutState") == "FAILED":
        raise ReleaseFailed(f"{role}: ECS gave up on the new revision; see the log of its tasks")
    # while ECS watches the alarms of a deployment, it is in progress, although all its copies run
    is_watched = current[0].get("rolloutState") == "IN_PROGRESS"
    return len(service["deployments"]) == 1 and service["runningCount"] == revision.copies and not is_watched


def _wait_for_end(aws: Aws, *, task: str) -> dict[str, Any]:
    deadline = time.monotonic() + aws.timeout_s
    while True:
        state = aws.ecs.describe_tasks(cluster=aws.deployment["cluster"], tasks=[task])["tasks"][0]
        if state["lastStatus"] == "STOPPED":
            return state  # type: ignore[no-any-return]
        if time.monotonic() > deadline:
            aws.ecs.stop_task(cluster=aws.deployment["cluster"], task=task, reason="took too long")
            raise ReleaseFailed(f"{task} did not end in {aws.timeout_s:.0f} s")
        time.sleep(aws.poll_s)


def _service_key(aws: Aws) -> str:
    return aws.secrets.get_secret_value(SecretId=aws.deployment["service_key"])["SecretString"]  # type: ignore[no-any-return]


def _mlflow_image(aws: Aws) -> str:
    host = aws.deployment["mlflow"]
    return aws.ssm.get_parameter(Name=host["parameter"])["Parameter"]["Value"] if host else ""


def _restart_mlflow(aws: Aws, *, image: str) -> None:
    """Run another image on MLflow's host; where MLflow is a service, it is rolled out with the others."""
    host = aws.deployment["mlflow"]
    if host:
        aws.ssm.put_parameter(Name=host["parameter"], Value=image, Overwrite=True)
        aws.ssm.send_command(DocumentName=host["document"], InstanceIds=[host["instance"]])
        logger.info("restarting MLflow", extra={"image": image})


def _note_images(aws: Aws, images: dict[str, str]) -> None:
    """Tell Terraform's next revisions, and the next host of MLflow, which images run."""
    if _keeps_images(aws):
        aws.ssm.put_parameter(Name=aws.deployment["images"], Value=json.dumps(images), Overwrite=True)
    if "mlflow_image" in aws.deployment:  # not in what an earlier release applied
        aws.ssm.put_parameter(Name=aws.deployment["mlflow_image"], Value=images["mlflow"], Overwrite=True)


def _keeps_images(aws: Aws) -> bool:
    """Tell whether Terraform reads the images of the last deployment.

    Before the first `terraform apply` of a release that does, there is no parameter for them, and the role of
    deployments may neither write it nor tag revisions.
    """
    return "images" in aws.deployment


def _roll_back(aws: Aws, *, services: dict[str, ServiceRevision], mlflow: str) -> None:
    try:
        _restart_mlflow(aws, image=mlflow)
    except ClientError:  # the services return anyway; the host starts the image when it is rebooted
        logger.exception("could not restart MLflow", extra={"image": mlflow})
    _roll_out(aws, services)


def main(arguments: list[str]) -> None:
    """Run the command line; exit with 1 and one line of error if the deployment fails.

    Args:
        arguments: Command-line arguments without the program's name.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--platform", required=True, help="value of Terraform's variable `name`")
    parser.add_argument("--digests", type=Path, help="folder with one file per image that holds its digest")
    parser.add_argument("--url", help="public URL of the platform")
    parser.add_argument("--trigger", metavar="DAG", help="start a pipeline instead of releasing")
    chosen = parser.parse_args(arguments)
    aws = _aws(chosen.platform)
    try:
        if chosen.trigger:
            run_once(aws, revision=aws.deployment["families"]["migrate"], command=["trigger", chosen.trigger])
        else:
            digests = {path.name: path.read_text().strip() for path in chosen.digests.iterdir()}
            release(aws, digests=digests, url=chosen.url)
    except ReleaseFailed as error:
        logger.error(str(error))  # noqa: TRY400  # one line without a stack trace
        sys.exit(1)


def _aws(platform: str) -> Aws:
    ssm = boto3.client("ssm")
    parameter = ssm.get_parameter(Name=f"/{platform}/deployment")["Parameter"]["Value"]
    return Aws(
        ecs=boto3.client("ecs"),
        ssm=ssm,
        secrets=boto3.client("secretsmanager"),
        deployment=json.loads(parameter),
    )


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    main(sys.argv[1:])
