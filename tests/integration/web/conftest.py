"""The page in its own process with a real browser; one of each for all tests of this folder."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from carvalue.platform.processes.ports import free_port
from carvalue.serving.app import create_app
from carvalue.serving.middleware.observability import ObservabilityMiddleware
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import a_bundle
from servers import serving
from waiting import until

MakeApp = Callable[[], ObservabilityMiddleware]
CHROMIUM = shutil.which("chromium")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
ANSWER = ".st-key-answer"  # the card with the price
in_a_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on this machine: THE PAGE IS NOT TESTED IN A BROWSER"
    ),
]


class PriceService:
    """The price service, which a test can stop and start again."""

    def __init__(self, make_app: MakeApp, port: int) -> None:
        self._make_app, self._port = make_app, port
        self._running = ExitStack()
        self.client: httpx.Client | None = None

    def start(self) -> httpx.Client:
        """Start it, unless it runs, and wait for its model."""
        if self.client is None:
            client = self._running.enter_context(serving(self._make_app(), port=self._port))
            until(lambda: client.get("/readyz").is_success)
            self.client = client
        return self.client

    def stop(self) -> None:
        """Stop it, unless it is stopped."""
        self._running.close()
        self.client = None


@pytest.fixture(scope="package")
def watcher_port() -> int:
    return free_port()


@pytest.fixture(scope="package")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="package")
def registry(tmp_path_factory: pytest.TempPathFactory) -> FakeRegistry:
    registry = FakeRegistry()
    registry.promote(a_bundle(tmp_path_factory.mktemp("market"), data_source="sample"), version=3)
    return registry


@pytest.fixture(scope="package")
def service_port() -> int:
    return free_port()


@pytest.fixture(scope="package")
def price_service(registry: FakeRegistry, state_dir: Path, service_port: int) -> Iterator[PriceService]:
    service = PriceService(
        lambda: create_app(Settings(state_dir=state_dir), registry=registry), port=service_port
    )
    yield service
    service.stop()


@pytest.fixture
def service(price_service: PriceService) -> PriceService:
    """The price service, which runs when the test begins."""
    price_service.start()
    return price_service


@pytest.fixture(scope="package")
def page_url(service_port: int, watcher_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Streamlit in a process of its own, as in production."""
    port = free_port()
    chosen = {
        "SERVICE_URL": f"http://127.0.0.1:{service_port}",
        "WATCHER_URL": f"http://127.0.0.1:{watcher_port}",
        "PAGE_PORT": str(port),
    }
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "carvalue.web"],
        env=os.environ | chosen,
        cwd=tmp_path_factory.mktemp("page"),
    )
    try:
        until(lambda: _answers(f"{url}/_stcore/health"), within_s=180)
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


# tests of the layout name both sizes themselves
at_both_sizes = pytest.mark.parametrize("page", [DESK, PHONE], ids=["desk", "phone"], indirect=True)


@pytest.fixture(params=[DESK, pytest.param(PHONE, marks=pytest.mark.slow)], ids=["desk", "phone"])
def page(browser: Browser, page_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """An empty tab, in which the page may load nothing from other hosts and show no field twice."""
    page = browser.new_page(viewport=request.param)
    page.set_default_timeout(120_000)
    expect.set_options(timeout=120_000)
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    yield page
    page.close()
    assert not [url for url in elsewhere if urlsplit(url.removeprefix("blob:")).netloc not in page_url]


def follow(page: Page, name: str) -> None:
    """Follow a link of the menu, which a phone shows after a press on its button."""
    menu = page.get_by_test_id("stExpandSidebarButton")
    link = page.get_by_test_id("stSidebar").get_by_role("link", name=name)
    expect(menu.or_(link).first).to_be_attached()
    covers = menu.is_visible()
    if covers:
        menu.click()
    link.click()
    if covers:  # the menu closes by itself
        expect(menu).to_be_visible()


def broken_rules(page: Page) -> list[str]:
    """Give what axe-core objects to, each with the element."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]
