"""Measure how long a visitor waits for a price, in a browser: `python -m benchmarks.first_result`.

Needs a running platform. Each run is a new visitor with an empty cache, who opens the page by the link of a
filled form, presses the button when the browser has drawn the page, and moves the mileage slider. Prints
medians and the slowest, and writes `results/first_result.json`. The prices of the slider are compared with
those of the service, which must be equal to the dollar.
"""

import os
import statistics
import time
from typing import Any

import httpx
from benchmarks.results import save
from playwright.sync_api import Browser, Page, sync_playwright

from carvalue.platform import service_client
from carvalue.settings import load_settings

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
RUNS = 20
COMMAND = "python -m benchmarks.first_result"
CAR = {"manufacturer": "ford", "model": "f-150", "year": 2015, "odometer": 80_000, "condition": "good"}
DRAWN = "[data-testid=stApp][data-test-script-state=notRunning]"
IDLE = "() => new Promise(done => requestIdleCallback(done))"
KEYS = ("ArrowRight", "ArrowRight", "ArrowLeft")
# from the key to the next frame that shows the new text, in milliseconds
SLIDE = """
async key => {
  const sliders = [...document.querySelectorAll("*")].map(
    e => (e.shadowRoot ?? e).querySelector?.("#what-if-odometer")).filter(Boolean);
  const slider = sliders.at(-1);
  const began = performance.now();
  slider.value = Number(slider.value) + (key === "ArrowRight" ? 1 : -1);
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  return performance.now() - began;
}
"""
# the number of the quote is the last line of the card: with it, the whole card is new
NEW_PRICE = """
shown => {
  const text = document.querySelector(".st-key-answer")?.innerText ?? "";
  return text.includes("quote ") && !text.includes(shown);
}
"""


def main() -> None:
    """Measure all visits and write the results."""
    settings = load_settings()
    url = f"http://127.0.0.1:{settings.page_port}/?" + "&".join(
        f"{name}={value}" for name, value in CAR.items()
    )
    with sync_playwright() as playwright, service_client(settings) as client:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        visit(browser, url, client)  # the first visit fills the page's caches
        visits = [visit(browser, url, client) for _ in range(RUNS)]
        browser.close()
        model = client.get("/model").raise_for_status().json()
    values: dict[str, Any] = {"runs": RUNS, "slider prices that differ from the service": 0}
    for name in visits[0]:
        column = [measured[name] for measured in visits]
        values[name] = {"median": round(statistics.median(column), 2), "slowest": round(max(column), 2)}
        print(f"{name}: {values[name]}")
    described = f"{model['card']['data_source']}, version {model['version']}"
    save("first_result", values, command=COMMAND, model=described)


def visit(browser: Browser, url: str, client: httpx.Client) -> dict[str, float]:
    """Measure one visit.

    Args:
        browser: The browser; the visit has an empty cache.
        url: The link of a filled form.
        client: The price service.

    Returns:
        Seconds until the form is filled and until a pressed button shows a price, milliseconds until the
        slider shows another price, megabytes that are loaded before the price.
    """
    page = browser.new_page()
    page.set_default_timeout(120_000)
    loaded = _count_bytes(page)
    began = time.perf_counter()
    page.goto(url.replace("model=", "unknown="))  # without a model: the page does not price by itself
    page.get_by_role("textbox", name="Mileage").and_(page.locator("[value='80000']")).wait_for()
    filled = time.perf_counter()
    megabytes = sum(loaded) / 1e6
    page.goto(url)
    page.locator(".st-key-answer h2").wait_for()
    shown = page.url.partition("quote=")[2]
    page.locator(DRAWN).wait_for()
    page.wait_for_load_state("networkidle")
    page.evaluate(IDLE)  # nobody presses the button while charts and map are being drawn
    priced = time.perf_counter()
    page.get_by_role("button", name="Price this car").click()
    page.wait_for_function(NEW_PRICE, arg=shown)
    again = time.perf_counter()
    milliseconds = _slide(page, client)
    page.close()
    return {
        "form s": filled - began,
        "price s": again - priced,
        "slider ms": milliseconds,
        "MB before the first price": megabytes,
    }


def _count_bytes(page: Page) -> list[int]:
    """Collect the sizes of what the page loads, as they are sent."""
    sizes: list[int] = []
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    return sizes


def _slide(page: Page, client: httpx.Client) -> float:
    """Move the slider, and compare its texts with the service."""
    output = page.locator("output").first
    output.wait_for()
    curve = client.post("/curves", json=CAR).raise_for_status().json()["odometer"]
    texts = {f"${point['price']:,} at {point['value']:,} miles" for point in curve}
    times = []
    for key in KEYS:
        times.append(page.evaluate(SLIDE, key))  # the page may have drawn the slider anew
        shown = output.inner_text()
        if not any(shown.startswith(text) for text in texts):
            raise RuntimeError(f"{shown!r} is not a price of the service")
    return statistics.median(times)


if __name__ == "__main__":
    main()
