"""Authentication: a key is required if there are keys; without keys, everyone on this machine may ask."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from http.client import HTTPConnection
from io import StringIO
from pathlib import Path

import httpx
import pytest

from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.journal import Journal
from carvalue.serving.app import create_app
from carvalue.serving.auth.api_keys import KeyFile
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving
from waiting import until

LOG = StringIO()


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> KeyFile:
    return KeyFile(tmp_path_factory.mktemp("keys") / "keys")


@pytest.fixture(scope="module")
def key(key_file: KeyFile) -> str:
    return key_file.add("shop", today=date(2026, 11, 24))[0]


@pytest.fixture(scope="module")
def client(
    bundle: Path, key: str, key_file: KeyFile, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A service that asks for keys."""
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    settings = Settings(state_dir=tmp_path_factory.mktemp("state"), service_keys_file=key_file.path)
    with serving(create_app(settings, registry=registry, access_log=LOG)) as client:
        until(lambda: client.get("/readyz").is_success)
        yield client


def test_a_key_lets_its_client_in_and_the_log_names_the_client(client: httpx.Client, key: str) -> None:
    answer = client.post("/predict", json=EXAMPLE, headers={"X-API-Key": key, "X-Request-ID": "named"})

    assert answer.status_code == 200
    until(lambda: '"named"' in LOG.getvalue())
    (line,) = [json.loads(line) for line in LOG.getvalue().splitlines() if '"named"' in line]
    assert line["client"] == "shop"
    assert key not in LOG.getvalue()


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": ""}, {"X-API-Key": "carvalue.shop.guess"}])
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/predict"), ("POST", "/explain"), ("GET", "/model"), ("GET", "/options"), ("GET", "/no")],
)
def test_requests_without_a_valid_key_are_refused(
    client: httpx.Client, headers: dict[str, str], method: str, path: str
) -> None:
    answer = client.request(method, path, headers=headers, content=b"never read")

    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["www-authenticate"] == 'ApiKey realm="carvalue", header="X-API-Key"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "carvalue keys new" in answer.json()["hint"]
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/docs", "/openapi.json"])
def test_health_and_metrics_need_no_key(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/healthz/../model", "/%6dodel", "//model", "/docs/assets/../model", "/model/"]
)
def test_a_path_similar_to_an_open_route_needs_a_key(client: httpx.Client, path: str) -> None:
    url = client.base_url
    with closing(HTTPConnection(url.host, url.port or 80)) as connection:
        connection.request("GET", path)  # as it is: httpx would tidy it up
        answer = connection.getresponse()

        assert answer.status in {401, 404}
        assert b"card" not in answer.read()


def test_rejections_are_counted(client: httpx.Client) -> None:
    def counted() -> float:
        name = 'carvalue_rejected_requests_total{reason="key"} '
        lines = client.get("/metrics").text.splitlines()
        return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))

    before = counted()
    client.get("/model")

    assert counted() == before + 1


def test_keys_can_be_created_and_revoked_while_it_runs(client: httpx.Client, key_file: KeyFile) -> None:
    new, _ = key_file.add("guest", today=date(2026, 11, 24))
    until(lambda: client.get("/model", headers={"X-API-Key": new}).status_code == 200)

    key_file.revoke("guest")

    until(lambda: client.get("/model", headers={"X-API-Key": new}).status_code == 401)


def test_the_documentation_describes_how_to_send_a_key(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()

    (scheme,) = described["components"]["securitySchemes"].values()
    assert (scheme["type"], scheme["in"], scheme["name"]) == ("apiKey", "header", "X-API-Key")
    assert "401" in described["paths"]["/v1/predict"]["post"]["responses"]
    assert described["paths"]["/v1/predict"]["post"]["security"]


def test_a_client_over_its_limit_gets_retry_after_and_others_are_unaffected(
    bundle: Path, tmp_path: Path
) -> None:
    registry, settings = FakeRegistry(), Settings(state_dir=tmp_path, rate_limit=0.01, rate_burst=3)
    registry.promote(bundle, version=3)
    keys = [KeyFile(settings.service_keys_file).add(name, today=date(2026, 11, 24))[0] for name in "ab"]

    def status(headers: dict[str, str]) -> int:
        return client.get("/model", headers=headers).status_code

    with serving(create_app(settings, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)  # asked as often as need be
        ours = [status({"X-API-Key": keys[0]}) for _ in range(4)]
        over = client.get("/model", headers={"X-API-Key": keys[0]})
        theirs, nobodys = status({"X-API-Key": keys[1]}), [status({}) for _ in range(4)]
        told = client.get("/metrics").text

    assert ours == [200, 200, 200, 429]
    assert over.headers["content-type"] == "application/problem+json"
    assert 90 <= int(over.headers["retry-after"]) <= 100
    assert over.json()["request_id"] == over.headers["x-request-id"]
    assert theirs == 200
    assert nobodys == [401, 401, 401, 429]
    assert 'carvalue_rejected_requests_total{reason="rate"} 3.0' in told
    assert 'carvalue_rejected_requests_total{reason="key"} 3.0' in told


def test_without_keys_everyone_is_limited_by_address(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, rate_limit=0.01, rate_burst=1)

    with serving(create_app(settings, registry=FakeRegistry())) as client:
        first, second = client.get("/model"), client.get("/model")

    assert (first.status_code, second.status_code) == (503, 429)


def test_a_visitor_over_the_limit_does_not_block_another(tmp_path: Path) -> None:
    assert visitor_statuses(tmp_path, client="page", visitors=["192.0.2.1"] * 3 + ["192.0.2.2"]) == [
        503,
        503,
        429,
        503,
    ]


def test_visitors_of_one_network_share_a_limit(tmp_path: Path) -> None:
    visitors = ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2::3", "2001:db8:1:3::1"]

    assert visitor_statuses(tmp_path, client="page", visitors=visitors) == [503, 503, 429, 503]


def test_no_other_client_may_name_visitors(tmp_path: Path) -> None:
    visitors = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]

    assert visitor_statuses(tmp_path, client="shop", visitors=visitors) == [503, 503, 429]


@pytest.mark.parametrize("wrong", ["", "anybody", "192.0.2.1, 192.0.2.2", "é"])
def test_an_invalid_visitor_address_counts_as_the_page(tmp_path: Path, wrong: str) -> None:
    assert visitor_statuses(tmp_path, client="page", visitors=[wrong] * 3) == [503, 503, 429]


def test_an_unknown_key_may_not_name_visitors(tmp_path: Path) -> None:
    with visitor_service(tmp_path) as (client, _):
        headers = [{"X-API-Key": "carvalue.page.guess", "X-Visitor": f"192.0.2.{n}"} for n in range(3)]
        statuses = [client.get("/model", headers=sent).status_code for sent in headers]

    assert statuses == [401, 401, 429]


@contextmanager
def visitor_service(state: Path, *, client: str = "page") -> Iterator[tuple[httpx.Client, str]]:
    """A service without a model that allows two requests, and the key of the client."""
    settings = Settings(state_dir=state, rate_limit=0.01, rate_burst=2)
    key, _ = KeyFile(settings.service_keys_file).add(client, today=date(2026, 11, 24))
    with serving(create_app(settings, registry=FakeRegistry())) as http:
        yield http, key


def visitor_statuses(state: Path, *, client: str, visitors: list[str]) -> list[int]:
    with visitor_service(state, client=client) as (http, key):
        headers = [{b"X-API-Key": key.encode(), b"X-Visitor": visitor.encode()} for visitor in visitors]
        return [http.get("/model", headers=sent).status_code for sent in headers]


def test_the_journal_names_a_visitor_by_a_pseudonym(bundle: Path, tmp_path: Path) -> None:
    registry, settings = FakeRegistry(), Settings(state_dir=tmp_path)
    registry.promote(bundle, version=3)
    keys = {
        name: KeyFile(settings.service_keys_file).add(name, today=date(2026, 11, 24))[0]
        for name in ("page", "shop")
    }
    requests = [("page", "192.0.2.1"), ("page", "192.0.2.2"), ("page", "192.0.2.1"), ("shop", "192.0.2.1")]

    with serving(create_app(settings, registry=registry)) as http:
        until(lambda: http.get("/readyz").is_success)
        for client, visitor in requests:
            headers = {"X-API-Key": keys[client], "X-Visitor": visitor}
            assert http.post("/predict", json=EXAMPLE, headers=headers).is_success

    journal = Journal(settings.journal_url.get_secret_value())
    entries = journal.after("", until=datetime.now(UTC) + timedelta(days=1), limit=10)
    journal.close()
    first, second, again, shop = (str(entry.client) for entry in entries)
    assert first == again != second
    assert first.startswith("page/~")
    assert shop == "shop"
    assert "192.0.2" not in first
