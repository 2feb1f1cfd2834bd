"""People on the page in a real browser: type, choose, get a price; also while the service is away."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Literal

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from carvalue.serving.app import create_app
from carvalue.serving.edge import Edge
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import a_bundle
from platforms import free_port
from servers import serving
from waiting import until

MakeApp = Callable[[], Edge]
CHROMIUM = shutil.which("chromium")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on this machine: THE PAGE IS NOT TESTED IN A BROWSER"
    ),
]


@pytest.fixture(scope="module")
def service_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def make_app(tmp_path_factory: pytest.TempPathFactory) -> MakeApp:
    registry, state_dir = FakeRegistry(), tmp_path_factory.mktemp("state")
    registry.promote(a_bundle(tmp_path_factory.mktemp("market"), data_source="sample"), version=3)
    return lambda: create_app(Settings(state_dir=state_dir), registry=registry)


@pytest.fixture(scope="module")
def page_url(service_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Streamlit in a process of its own, as in production."""
    url = f"http://127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "carvalue.web"],
        env=os.environ
        | {"SERVICE_URL": f"http://127.0.0.1:{service_port}", "PAGE_PORT": url.rsplit(":", 1)[1]},
        cwd=tmp_path_factory.mktemp("page"),
    )
    try:
        until(lambda: _answers(f"{url}/_stcore/health"), within_s=60)
        yield url
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # the sandbox needs a user that is not root, which a container rarely has
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def page(browser: Browser, page_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = browser.new_page(viewport=request.param)
    page.set_default_timeout(30_000)
    expect.set_options(timeout=30_000)
    elsewhere: list[str] = []
    page.on("requestfailed", lambda request: elsewhere.append(request.url))
    page.goto(page_url)
    yield page
    page.close()
    assert not [url for url in elsewhere if not url.startswith(page_url)]


def choose(page: Page, field: str, text: str) -> None:
    page.get_by_role("combobox", name=field, exact=True).click()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def fill(page: Page, field: str, number: int) -> None:
    box = page.get_by_role("spinbutton", name=field)
    box.fill(str(number))
    box.press("Tab")


def press(page: Page) -> None:
    page.get_by_role("button", name="Price this car").click()


def test_a_car_is_priced(page: Page, make_app: MakeApp, service_port: int) -> None:
    with serving(make_app(), port=service_port):
        page.reload()
        choose(page, "Make", "for")
        expect(page).to_have_url(re.compile("manufacturer=Ford"))
        choose(page, "Model", "focs")
        page.get_by_role("button", name="focus").or_(page.get_by_text("focus", exact=True)).first.click()
        fill(page, "Model year", 2015)
        fill(page, "Mileage", 80_000)
        press(page)

        expect(page.get_by_text("2015 Ford focus, 80,000 miles")).to_be_visible()
        expect(page.get_by_text("Most likely asking price")).to_be_visible()
        expect(page.get_by_text("generated sample")).to_be_visible()


def test_what_cannot_be_is_said_beside_its_field(page: Page, make_app: MakeApp, service_port: int) -> None:
    with serving(make_app(), port=service_port):
        page.reload()
        choose(page, "Make", "ford")
        fill(page, "Model year", 1899)
        press(page)

        expect(page.get_by_text("Some fields need another look")).to_be_visible()
        expect(page.get_by_text("a whole number from 1985 to 2030")).to_be_visible()


def test_with_the_service_away_nothing_typed_is_lost(
    page: Page, make_app: MakeApp, service_port: int
) -> None:
    choose(page, "Make", "ford")
    choose(page, "Model", "focus")
    fill(page, "Model year", 2015)
    press(page)
    expect(page.get_by_text("What you typed is kept")).to_be_visible()

    with serving(make_app(), port=service_port) as client:
        until(lambda: client.get("/readyz").is_success)
        press(page)

        expect(page.get_by_text("2015 Ford focus")).to_be_visible()


def test_a_filled_form_can_be_shared_as_a_link(
    page: Page, page_url: str, make_app: MakeApp, service_port: int
) -> None:
    with serving(make_app(), port=service_port) as client:
        until(lambda: client.get("/readyz").is_success)
        page.goto(f"{page_url}/?manufacturer=Ford&model=focus&year=2015&condition=Good")
        expect(page.get_by_role("spinbutton", name="Model year")).to_have_value("2015")
        press(page)

        expect(page.get_by_text("2015 Ford focus")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_priced_page_breaks_no_rule_of_wcag_aa(
    page: Page, page_url: str, make_app: MakeApp, service_port: int, scheme: Literal["light", "dark"]
) -> None:
    with serving(make_app(), port=service_port) as client:
        until(lambda: client.get("/readyz").is_success)
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{page_url}/?manufacturer=Ford&model=focus&year=2015&asking=9000")
        expect(page.get_by_role("spinbutton", name="Model year")).to_have_value("2015")
        press(page)
        page.get_by_text("Cars like yours").scroll_into_view_if_needed()
        expect(page.get_by_text("asking price", exact=True)).to_be_visible()  # the last chart's axis

        background = page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        assert broken_rules(page) == []


def broken_rules(page: Page) -> list[str]:
    """Give what axe-core objects to, each with the element."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]
