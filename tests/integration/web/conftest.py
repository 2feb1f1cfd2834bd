"""The page in its own process with a real browser; each test starts and stops the price service."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

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
from waiting import until

MakeApp = Callable[[], ObservabilityMiddleware]
CHROMIUM = shutil.which("chromium")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
in_a_browser = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium on this machine: THE PAGE IS NOT TESTED IN A BROWSER"
    ),
]


@pytest.fixture(scope="module")
def service_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def watcher_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> FakeRegistry:
    registry = FakeRegistry()
    registry.promote(a_bundle(tmp_path_factory.mktemp("market"), data_source="sample"), version=3)
    return registry


@pytest.fixture(scope="module")
def make_app(registry: FakeRegistry, state_dir: Path) -> MakeApp:
    return lambda: create_app(Settings(state_dir=state_dir), registry=registry)


@pytest.fixture(scope="module")
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


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def page(browser: Browser, page_url: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    page = browser.new_page(viewport=request.param)
    page.set_default_timeout(120_000)
    expect.set_options(timeout=120_000)
    elsewhere: list[str] = []
    page.on("requestfailed", lambda request: elsewhere.append(request.url))
    page.goto(page_url)
    # leaving before the first run has ended can make Streamlit show its dialog "Page not found"
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    yield page
    page.close()
    assert not [url for url in elsewhere if not url.startswith(page_url)]


def press(page: Page) -> None:
    page.get_by_role("button", name="Price this car").click()


def broken_rules(page: Page) -> list[str]:
    """Give what axe-core objects to, each with the element."""
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found.response["violations"]
        for node in rule["nodes"]
    ]
