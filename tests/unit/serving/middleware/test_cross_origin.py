"""Web pages call the service from a browser if CORS_ORIGINS lists their origin."""

from io import StringIO
from pathlib import Path

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from carvalue.serving.app import create_app
from carvalue.settings import Settings
from fakes import FakeRegistry

SHOP, OTHER = "https://shop.example.com", "https://evil.example"
LISTING = {"make": "ford", "model": "f-150", "year": 2015}


def client_of(folder: Path, origins: str = "") -> TestClient:
    settings = Settings(state_dir=folder, cors_origins=origins)
    app = create_app(settings, registry=FakeRegistry(), access_log=StringIO())
    return TestClient(app, base_url="http://localhost:9696")


def preflight(client: TestClient, origin: str) -> tuple[int, str | None]:
    headers = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-api-key",
        "sec-fetch-site": "cross-site",
    }
    answer = client.options("/predict", headers=headers)
    return answer.status_code, answer.headers.get("access-control-allow-origin")


def post(client: TestClient, origin: str) -> tuple[int, str | None]:
    headers = {"origin": origin, "sec-fetch-site": "cross-site"}
    answer = client.post("/predict", json=LISTING, headers=headers)
    return answer.status_code, answer.headers.get("access-control-allow-origin")


def test_a_page_of_a_listed_origin_may_call(tmp_path: Path) -> None:
    with client_of(tmp_path, f"{SHOP}, https://other.example:8443") as client:
        assert preflight(client, SHOP) == (200, SHOP)
        assert post(client, SHOP) == (503, SHOP)  # there is no model: the page reads the problem


def test_a_page_of_another_origin_may_not_call(tmp_path: Path) -> None:
    with client_of(tmp_path, SHOP) as client:
        assert preflight(client, OTHER) == (400, None)
        assert post(client, OTHER) == (403, None)
        assert post(client, "null") == (403, None)


def test_without_the_setting_no_page_of_another_origin_may_call(tmp_path: Path) -> None:
    with client_of(tmp_path) as client:
        assert preflight(client, SHOP) == (405, None)
        assert post(client, SHOP) == (403, None)


def test_a_listed_origin_does_not_change_the_accepted_hosts(tmp_path: Path) -> None:
    with client_of(tmp_path, SHOP) as client:
        answer = client.post("/predict", json=LISTING, headers={"origin": SHOP, "host": "shop.example.com"})

    assert answer.status_code == 421


@pytest.mark.parametrize(
    "origins", ["*", "shop.example.com", "https://shop.example.com/", "https://SHOP.example"]
)
def test_only_origins_as_browsers_send_them_are_accepted(tmp_path: Path, origins: str) -> None:
    with pytest.raises(ValidationError, match="expected origins such as https://shop"):
        Settings(state_dir=tmp_path, cors_origins=origins)
