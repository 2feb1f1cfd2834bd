"""Measure how long a visitor waits for a price, in a browser: `python -m benchmarks.first_result`.

Needs a running platform. Each run is a new visitor with an empty cache, who opens the page by the link of a
filled form and presses the button. Prints the median and the slowest, in seconds, and writes
`results/first_result.json`.
"""

import os
import statistics
import time

from benchmarks.results import save
from playwright.sync_api import Browser, sync_playwright

from carvalue.platform import service_client
from carvalue.settings import load_settings

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
RUNS = 20
COMMAND = "python -m benchmarks.first_result"
CAR = "manufacturer=Ford&model=f-150&year=2015&odometer=80000&condition=Good"


def main() -> None:
    """Measure all visits and write the results."""
    settings = load_settings()
    url = f"http://127.0.0.1:{settings.page_port}/?{CAR}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visit(browser, url)  # the first visit fills the page's caches
        times = [visit(browser, url) for _ in range(RUNS)]
        browser.close()
    values = {}
    for name, column in zip(("form", "price", "whole page"), zip(*times, strict=True), strict=True):
        values[name] = {
            "median s": round(statistics.median(column), 2),
            "slowest s": round(max(column), 2),
        }
        print(f"{name}: {values[name]}")
    with service_client(settings) as client:
        model = client.get("/model").raise_for_status().json()
    described = f"{model['card']['data_source']}, version {model['version']}"
    save("first_result", {"runs": RUNS} | values, command=COMMAND, model=described)


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
