"""The documentation page in a real browser, under its content security policy."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from carvalue.serving.app import create_app
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving

CHROMIUM = shutil.which("chromium")


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: /docs IS NOT TESTED IN A BROWSER")
def test_a_request_can_be_sent_from_the_page_under_its_policy(tmp_path: Path) -> None:
    said: list[str] = []
    app = create_app(Settings(state_dir=tmp_path), registry=FakeRegistry())

    with serving(app) as client, sync_playwright() as playwright:
        # the sandbox needs a user that is not root, which a container rarely has
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{client.base_url}/docs")
        page.get_by_role("button", name="GET /healthz Whether the process is alive").click()
        page.get_by_role("button", name="Try it out").click()
        page.get_by_role("button", name="Execute").click()
        expect(page.locator(".live-responses-table").get_by_text('"alive"')).to_be_visible()
        browser.close()

    assert said == []
