"""A build waits until the price service quotes with the version in production."""

import json
from collections.abc import Iterator

import httpx
import pytest

from carvalue.platform import readiness
from carvalue.platform.readiness import ServiceNotReady


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "POLL_S", 0.0)


def a_service(answers: Iterator[httpx.Response | None]) -> httpx.Client:
    """Answer `/readyz` with what comes next (None: the connection is refused), `/model` with the same."""
    body = {"version": "?"}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/model":
            return httpx.Response(200, json=body)
        found = next(answers)
        if found is None:
            raise httpx.ConnectError("refused", request=request)
        body["version"] = json.loads(found.text).get("version", "?")
        return found

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://service")


def test_it_waits_for_the_version_in_production() -> None:
    answers: list[httpx.Response | None] = [
        None,
        httpx.Response(503, json={"down": ["model"]}),
        httpx.Response(200, json={"version": "1"}),
        httpx.Response(200, json={"version": "2"}),
    ]
    left = iter(answers)

    readiness._wait_for(a_service(left), 2)

    assert next(left, "none") == "none"


def test_a_timeout_reports_the_state_of_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "READY_LIMIT_S", 0.0)
    answers: Iterator[httpx.Response | None] = iter([httpx.Response(503, json={"down": ["model"]})] * 9)

    with pytest.raises(ServiceNotReady, match=r"version 2 after 0 s: 503 .*model"):
        readiness._wait_for(a_service(answers), 2)
