"""How long a person waits for a price, in a browser on a running platform.

Each run is a new visitor with an empty cache: the page is opened by the link of a filled form, the button is
pressed, the range is there. Prints medians and the slowest, in seconds.
"""

import os
import statistics
import sys
import time

from playwright.sync_api import Browser, sync_playwright

from carvalue.settings import load_settings

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
RUNS = 20
CAR = "manufacturer=Ford&model=f-150&year=2015&odometer=80000&condition=Good"


def main() -> None:
    """Visit, press, measure."""
    url = f"http://127.0.0.1:{load_settings().page_port}/?{CAR}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visit(browser, url)  # the first visitor warms the page's caches up
        times = [visit(browser, url) for _ in range(RUNS)]
        browser.close()
    for name, column in zip(("form", "price", "whole page"), zip(*times, strict=True), strict=True):
        median, slowest = statistics.median(column), max(column)
        sys.stdout.write(f"{name}: median {median:.2f} s, slowest of {RUNS} {slowest:.2f} s\n")


def visit(browser: Browser, url: str) -> tuple[float, float, float]:
    """Time until the form is there; from the press to the range; from the press to the last chart."""
    page = browser.new_page()
    began = time.perf_counter()
    page.goto(url)
    button = page.get_by_role("button", name="Price this car")
    page.get_by_role("textbox", name="Mileage").and_(page.locator("[value='80000']")).wait_for()
    ready = time.perf_counter()
    button.click()
    page.get_by_text("Most likely asking price").wait_for()
    priced = time.perf_counter()
    page.get_by_text("Cars like yours").wait_for()
    whole = time.perf_counter()
    page.close()
    return ready - began, priced - ready, whole - ready


if __name__ == "__main__":
    main()
