"""A hostile web page in a real browser reaches neither the price service, the watcher nor the page.

The page is served on another loopback port, and under a foreign name that the browser resolves to this
machine, as in DNS rebinding.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from carvalue.monitoring.watcher.__main__ import build_retraining, build_watcher
from carvalue.monitoring.watcher.airflow_runs import AirflowRuns
from carvalue.monitoring.watcher.api import create_api
from carvalue.serving.app import create_app
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import a_bundle
from servers import serving
from waiting import until

from .conftest import CHROMIUM, in_a_browser

pytestmark = in_a_browser

CAR = {"make": "ford", "model": "f-150", "year": 2015}
NAME = "rebound.example"
# what a page can send without a preflight, and what the answers tell it
ATTACKS = """
async ({url, car, sale}) => {
  const bodies = {
    untyped: value => new Blob([JSON.stringify(value)]),
    text: value => JSON.stringify(value),
    form: value => new URLSearchParams({data: JSON.stringify(value)}),
  };
  const seen = [];
  const posts = [["/predict", car], ["/predict", [car]], ["/feedback", sale], ["/explain", car]];
  for (const [path, value] of posts)
    for (const [kind, body] of Object.entries(bodies))
      for (const mode of ["no-cors", "cors", "same-origin"])
        try {
          const answer = await fetch(url + path, {method: "POST", mode, body: body(value)});
          seen.push([path, kind, mode, answer.type, answer.status, await answer.text()]);
        } catch (error) { seen.push([path, kind, mode, "error", 0, ""]); }
  for (const path of ["/model", "/options", "/predict", "/drift", "/metrics", "/openapi.json"])
    for (const mode of ["no-cors", "cors"])
      try {
        const answer = await fetch(url + path, {mode});
        seen.push([path, "read", mode, answer.type, answer.status, await answer.text()]);
      } catch (error) { seen.push([path, "read", mode, "error", 0, ""]); }
  try {
    const answer = await fetch(url + "/predict", {
      method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(car)});
    seen.push(["/predict", "json", "cors", answer.type, answer.status, await answer.text()]);
  } catch (error) { seen.push(["/predict", "json", "cors", "error", 0, ""]); }
  return seen;
}
"""
FORM = """
({url}) => {
  const form = document.createElement("form");
  form.method = "POST"; form.enctype = "text/plain"; form.action = url + "/predict";
  const input = document.createElement("input");
  input.name = '{"make": "ford", "model": "f-150", "year": 2015, "trim": "'; input.value = '"}';
  form.append(input); document.body.append(form); form.submit();
}
"""
SOCKET = """
({url}) => new Promise(done => {
  const socket = new WebSocket(url.replace("http", "ws") + "/_stcore/stream", ["streamlit"]);
  socket.onopen = () => done("open"); socket.onerror = () => done("refused");
})
"""


HOSTILE = "<!doctype html><title>hostile</title><body>"


async def _hostile(_: Request) -> Response:
    return HTMLResponse(HOSTILE)


@pytest.fixture(scope="module")
def hostile_browser() -> Iterator[Browser]:
    """A browser to which a foreign name is this machine."""
    with sync_playwright() as playwright:
        arguments = [
            "--no-sandbox",
            f"--host-resolver-rules=MAP {NAME} 127.0.0.1",
            # a browser's own check of addresses, which others do not have
            "--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests",
        ]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def hostile_port() -> Iterator[int]:
    with serving(Starlette(routes=[Route("/", _hostile)])) as client:
        yield client.base_url.port or 0


@pytest.fixture
def hostile(hostile_browser: Browser) -> Iterator[Page]:
    page = hostile_browser.new_page()
    page.set_default_timeout(30_000)
    yield page
    page.close()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The price service with the settings of a new machine."""
    registry = FakeRegistry()
    registry.promote(a_bundle(tmp_path_factory.mktemp("market"), data_source="sample"), version=3)
    with serving(
        create_app(Settings(state_dir=tmp_path_factory.mktemp("state")), registry=registry)
    ) as client:
        until(lambda: client.get("/readyz").is_success)
        yield str(client.base_url)


def quoted(url: str) -> float:
    """Count the quotes that the service answered or journalled."""
    return counted(url, r"carvalue_(?:quotes|journal_writes)_total\S*")


def refused(url: str) -> float:
    return counted(url, 'carvalue_rejected_requests_total{reason="foreign"}')


def counted(url: str, series: str) -> float:
    text = httpx.get(f"{url}/metrics").text
    return sum(map(float, re.findall(rf"^{series} (\S+)$", text, re.MULTILINE)))


def attack(page: Page, url: str) -> list[list[Any]]:
    sale = {"quote_id": "0" * 32, "sale_price": 9_000}
    seen: list[list[Any]] = page.evaluate(ATTACKS, {"url": url, "car": CAR, "sale": sale})
    return seen


@pytest.mark.parametrize("origin", ["127.0.0.1", "localhost", NAME])
def test_a_page_of_another_origin_writes_and_reads_nothing(
    hostile: Page, hostile_port: int, attacked: str, origin: str
) -> None:
    hostile.goto(f"http://{origin}:{hostile_port}/")
    before = refused(attacked)

    seen = attack(hostile, attacked)

    assert len(seen) == 4 * 3 * 3 + 6 * 2 + 1
    assert all(kind in {"error", "opaque"} and not text for *_, kind, _, text in seen)
    assert refused(attacked) - before == 4 * 3 * 2  # the browser itself stops the others
    hostile.evaluate(FORM, {"url": attacked})
    hostile.wait_for_url(f"{attacked}/predict")
    assert json.loads(hostile.inner_text("body"))["status"] == 403
    assert quoted(attacked) == 0


def test_a_rebound_name_reads_and_writes_nothing(hostile: Page, attacked: str) -> None:
    port = attacked.rsplit(":", 1)[1]
    rebound = f"http://{NAME}:{port}"
    # the page comes from the attacker's own server, before its name resolves to this machine
    hostile.route(f"{rebound}/", lambda route: route.fulfill(body=HOSTILE, content_type="text/html"))
    hostile.goto(f"{rebound}/")

    seen = attack(hostile, rebound)

    assert {status for *_, status, _ in seen} == {421}
    assert not [text for *_, text in seen if "price" in text or "ford" in text]
    assert quoted(attacked) == 0


def test_the_service_own_page_still_works(hostile: Page, attacked: str) -> None:
    hostile.goto(f"{attacked}/docs")

    status = hostile.evaluate(
        """async car => (await fetch("/predict", {method: "POST", body: JSON.stringify(car),
             headers: {"content-type": "application/json"}})).status""",
        CAR,
    )

    assert status == 200
    until(lambda: quoted(attacked) > 0)


def test_the_watcher_is_not_read_under_a_rebound_name(hostile: Page, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    runs = AirflowRuns(settings.airflow_url, user=settings.airflow_user, password=settings.airflow_password)
    retraining = build_retraining(settings, runs)
    watcher = build_watcher(settings, registry=FakeRegistry(), extra_alerts=lambda: ())
    try:
        with serving(create_api(watcher, retraining)) as client:
            answer = hostile.goto(f"http://{NAME}:{client.base_url.port}/alerts")
            assert answer is not None
            assert answer.status == 421
            assert client.get("/alerts").is_success
    finally:
        watcher.close()


def test_a_foreign_page_cannot_operate_the_page(hostile: Page, hostile_port: int, page_url: str) -> None:
    for origin in ("localhost", "127.0.0.1", NAME):
        hostile.goto(f"http://{origin}:{hostile_port}/")
        assert hostile.evaluate(SOCKET, {"url": page_url}) == "refused"
        upload = hostile.evaluate(
            """url => fetch(url + "/_stcore/upload_file/a/b", {method: "PUT", body: "x"})
                 .then(answer => answer.status, () => "refused")""",
            page_url,
        )
        assert upload == "refused"
    answer = hostile.goto(page_url.replace("127.0.0.1", NAME))
    assert answer is not None
    assert answer.status == 421
    hostile.goto(page_url)
    assert hostile.evaluate(SOCKET, {"url": page_url}) == "open"
