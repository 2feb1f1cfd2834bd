"""The deployment of compose.yaml as a whole: the first model, quotes, hostile requests, and parts that fail.

The tests share one deployment and run in this order; `make test-whole` builds the images before.
"""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
import httpx
import pytest
from benchmarks.results import save

from production import fake_aws
from waiting import until
from whole.deployment import ADDRESS, Deployment, require_engine
from whole.load import CAR, Answers, load

pytestmark = pytest.mark.whole

FIRST_MODEL_LIMIT_S = 2400
COMPLETED = {"migrate", "alerting"}
PRIVATE = {"/healthz", "/metrics"}
"""Routes of the price service that the proxy does not publish: it answers with the page."""
WITHOUT_KEY = {"/readyz", "/openapi.json"}
REPEATS = 5
"""How often each hostile request is sent: more often than there are replicas."""


class Record:
    """The measured times and counts, in the form of a results file."""

    def __init__(self) -> None:
        self.model = "none"
        self.steps: list[dict[str, Any]] = []
        self.counts: dict[str, int] = {}
        self.events: list[dict[str, Any]] = []

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        begin = time.monotonic()
        yield
        self.steps.append({"step": step, "seconds": round(time.monotonic() - begin)})


@pytest.fixture(scope="module")
def record(request: pytest.FixtureRequest) -> Iterator[Record]:
    kept = Record()
    yield kept
    if request.session.testsfailed or not kept.events:
        return  # the figures of an incomplete run describe nothing
    values = kept.counts | {"steps": kept.steps, "events": kept.events}
    save("whole_deployment", values, command="make test-whole", model=kept.model)


@pytest.fixture(scope="module")
def deployment(record: Record, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    require_engine()
    folder = tmp_path_factory.mktemp("whole")
    with fake_aws(folder, host="0.0.0.0") as address:
        port = int(address.rsplit(":", 1)[1])
        _create_bucket(f"http://127.0.0.1:{port}")
        deployment = Deployment(folder, s3_port=port)
        deployment.remove()  # what an interrupted test left
        try:
            with record.timed("`docker compose up --wait` on empty volumes"):
                deployment.up()
            yield deployment
        finally:
            deployment.save_logs()
            deployment.remove()


@pytest.fixture(scope="module")
def key(deployment: Deployment) -> dict[str, str]:
    return {"X-API-Key": deployment.new_key("shop")}


@pytest.fixture
def client(deployment: Deployment) -> Iterator[httpx.Client]:
    with deployment.client() as client:
        yield client


def test_every_container_is_healthy(deployment: Deployment, record: Record) -> None:
    states = deployment.states()
    record.counts["containers"] = len(states)

    assert {name: state for name, state in states.items() if not _is_well(name, state)} == {}


def test_the_first_model_is_trained_without_a_person(
    deployment: Deployment, client: httpx.Client, key: dict[str, str], record: Record
) -> None:
    with record.timed("from there to the first model in production, trained by Airflow"):
        until(lambda: client.get("/readyz").is_success, within_s=FIRST_MODEL_LIMIT_S, every_s=2)
    until(lambda: _all_succeed(client, key, requests=20), within_s=60, every_s=1)

    model = client.get("/model", headers=key).raise_for_status().json()
    record.model = "{source}, version {version}".format(
        source=model["card"]["data_source"], version=model["version"]
    )
    assert model["version"] == "1"


def test_every_documented_route_is_public_and_needs_a_key(
    client: httpx.Client, key: dict[str, str], record: Record
) -> None:
    document = client.get("/openapi.json").raise_for_status().json()
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path not in PRIVATE
    ]
    quote = client.post("/predict", json=CAR, headers=key).raise_for_status().json()["quote_id"]
    until(lambda: client.get(f"/quotes/{quote}", headers=key).is_success, within_s=60, every_s=0.5)
    operations.sort(key=lambda item: item[0] == "DELETE")  # last, for the others read the quote
    record.counts["documented operations called through the proxy"] = len(operations)
    answered = {}
    for method, path, operation in operations:
        request = _example(operation, quote=quote) | {"url": path.replace("{quote_id}", quote)}
        without = client.request(method, **request).status_code
        headers = request.pop("headers", {})
        answered[f"{method} {path}"] = (
            without,
            client.request(method, headers=headers | key, **request).status_code,
        )

    expected = {
        name: (200 if name.split()[1] in WITHOUT_KEY else 401, 204 if name.startswith("DELETE") else 200)
        for name in answered
    }
    assert answered == expected


@pytest.mark.parametrize("path", sorted(PRIVATE))
def test_a_private_route_is_answered_by_the_page(client: httpx.Client, path: str) -> None:
    assert "<title>" in client.get(path).text


def test_operators_reach_airflow_and_mlflow_with_a_password_only(deployment: Deployment) -> None:
    password = (deployment.folder / "deploy" / "secrets" / "mlflow_password").read_text()
    with deployment.client() as client:
        airflow = client.get(f"{ADDRESS}:8443/api/v2/dags").status_code
        anonymous = client.get(f"{ADDRESS}:5443/").status_code
        operator = client.get(f"{ADDRESS}:5443/", auth=("operator", password)).status_code

    assert (airflow, anonymous, operator) == (401, 401, 200)


def test_prometheus_reaches_every_target(deployment: Deployment, record: Record) -> None:
    def targets() -> dict[str, str]:
        url = "http://127.0.0.1:9090/api/v1/targets"
        body = deployment.compose("exec", "-T", "prometheus", "wget", "-qO-", url)
        return {item["scrapeUrl"]: item["health"] for item in json.loads(body)["data"]["activeTargets"]}

    until(lambda: set(targets().values()) == {"up"}, within_s=120, every_s=1)
    record.counts["targets of Prometheus"] = len(targets())


HOSTILE: dict[str, dict[str, Any]] = {
    "3 MB": {"content": b"x" * 3_000_000},
    "3 MB in chunks": {"content": lambda: (b"x" * 65_536 for _ in range(48))},
    "3 MB as JSON": {
        "content": b'"' + b"x" * 3_000_000 + b'"',
        "headers": {"Content-Type": "application/json"},
    },
    "deeply nested": {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
    "not gzip": {
        "content": b"{}",
        "headers": {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    },
    "not UTF-8": {"content": b'{"make": "\xff\xfe"}', "headers": {"Content-Type": "application/json"}},
    "infinite": {"content": b'{"make": Infinity}', "headers": {"Content-Type": "application/json"}},
}


@pytest.mark.parametrize("with_key", [False, True], ids=["without a key", "with a key"])
@pytest.mark.parametrize("path", ["/predict", "/predict/batch", "/readyz"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_requests_take_no_replica_out_of_service(
    deployment: Deployment,
    client: httpx.Client,
    key: dict[str, str],
    record: Record,
    name: str,
    path: str,
    *,
    with_key: bool,
) -> None:
    for _ in range(REPEATS):
        request = dict(HOSTILE[name])
        headers = request.pop("headers", {}) | (key if with_key else {})
        content = request["content"]
        with deployment.client() as hostile:  # on a connection of its own
            answer = hostile.post(path, content=content() if callable(content) else content, headers=headers)
        assert answer.status_code < 500
        assert _all_succeed(client, key, requests=4)
    _count(record, "hostile requests", REPEATS)


def test_a_client_that_breaks_off_takes_no_replica_out_of_service(
    client: httpx.Client, key: dict[str, str], record: Record
) -> None:
    for _ in range(REPEATS):
        _send_half_a_request(key["X-API-Key"])
        assert _all_succeed(client, key, requests=4)
    _count(record, "hostile requests", REPEATS)


@pytest.mark.parametrize("part", ["service", "mlflow", "postgres", "redis", "airflow-api", "watcher"])
def test_a_client_with_one_retry_does_not_notice_that_a_part_is_killed(
    deployment: Deployment, key: dict[str, str], record: Record, part: str
) -> None:
    killed = deployment.containers(part)[0]
    before = _quotes_in_journal(deployment)
    with load(deployment.client, key) as answers:
        _wait_for_more(answers, 40)
        deployment.docker("kill", killed)
        _wait_for_more(answers, 300)
        deployment.docker("start", killed)
        until(lambda: deployment.is_healthy(killed), within_s=600, every_s=1)
        _wait_for_more(answers, 100)
    record.events.append(answers.as_row(f"{part} killed and started again"))

    assert dict(answers.failures) == {}
    until(lambda: _quotes_in_journal(deployment) >= before + answers.requests, within_s=180, every_s=1)


@pytest.mark.parametrize("release", ["next", "local"], ids=["upgrade", "rollback"])
def test_a_client_with_one_retry_does_not_notice_an_upgrade(
    deployment: Deployment, key: dict[str, str], record: Record, release: str
) -> None:
    """The images of both releases are the same; `make test-upgrade` has the state of an older release."""
    deployment.tag("next")
    old = deployment.containers("service")
    with load(deployment.client, key) as answers, record.timed(f"`deploy/upgrade.py` to {release}"):
        deployment.upgrade(release)
        _wait_for_more(answers, 40)
    record.events.append(answers.as_row(f"every container replaced, to {release}"))

    assert dict(answers.failures) == {}
    assert not set(old) & set(deployment.containers("service"))
    assert {name: state for name, state in deployment.states().items() if not _is_well(name, state)} == {}


def _create_bucket(address: str) -> None:
    fake = {"aws_access_key_id": "fake", "aws_secret_access_key": "fake", "region_name": "us-east-1"}
    with closing(boto3.client("s3", endpoint_url=address, **fake)) as s3:
        s3.create_bucket(Bucket="models")


def _is_well(name: str, state: str) -> bool:
    service = name.removeprefix("carvalue-whole-").rsplit("-", 1)[0]
    return state == "exited 0" if service in COMPLETED else state in {"running healthy", "running 0"}


def _all_succeed(client: httpx.Client, key: dict[str, str], *, requests: int) -> bool:
    answers = [client.post("/predict", json=CAR, headers=key).status_code for _ in range(requests)]
    return set(answers) == {200}


def _example(operation: dict[str, Any], *, quote: str) -> dict[str, Any]:
    """Give the first example of an operation's body as arguments of a request."""
    if "requestBody" not in operation:
        return {}
    kind, media = next(iter(operation["requestBody"]["content"].items()))
    value = next(iter(media["examples"].values()))["value"] if "examples" in media else media["example"]
    if isinstance(value, dict) and "quote_id" in value:
        value = value | {"quote_id": quote}
    body = value if isinstance(value, str) else json.dumps(value)
    return {"content": body.encode(), "headers": {"Content-Type": kind}}


def _send_half_a_request(key: str) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("localhost", 443), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        head = (
            f"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: 100000\r\n\r\n"
        )
        connection.sendall(head.encode() + b'{"make": "')


def _count(record: Record, name: str, number: int) -> None:
    record.counts[name] = record.counts.get(name, 0) + number


def _wait_for_more(answers: Answers, number: int) -> None:
    wanted = answers.requests + number
    until(lambda: answers.requests >= wanted, within_s=600, every_s=0.1)


def _quotes_in_journal(deployment: Deployment) -> int:
    query = "select count(*) from quotes"
    command = ("exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "journal", "-tAc", query)
    return int(deployment.compose(*command))
