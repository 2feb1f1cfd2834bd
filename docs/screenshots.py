"""Take the screenshots of the documentation from the running platform: `make screenshots`.

Of a market other than the default, only the page with a price is photographed.
"""

import os
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import FilePayload, Page, ViewportSize, sync_playwright

from carvalue.listings import MARKET
from carvalue.settings import Settings, load_settings

IMAGES = Path(__file__).parent / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
MODEL = "vehicles-price-model"
DESK: ViewportSize = {"width": 1280, "height": 1000}
PHONE: ViewportSize = {"width": 390, "height": 844}
DRAWN_MS = 3_000  # tables at the end of a high page are drawn last
CARS = """manufacturer,model,year,odometer,condition
ford,f-150 xlt,2015,80000,good
toyota,camry le,2012,120000,excellent
honda,civic lx,1899,60000,good
porsche,911 carrera,2010,45000,excellent
"""
CAR = "manufacturer=Ford&model=f-150&year=2015&odometer=80000&condition=Good&asking=23000"
DEFAULT_MARKET = "us-cars"


def main() -> None:
    """Photograph the page, both DAGs in Airflow, and the registered model in MLflow."""
    settings = load_settings()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        if MARKET.name != DEFAULT_MARKET:
            link = urlencode(MARKET.examples[0])
            photograph_page(browser.new_page(viewport=DESK), settings, f"page-{MARKET.name}.png", link)
            return
        for viewport, name in ((PHONE, "phone.png"), (DESK, "page.png")):
            page = browser.new_page(viewport=viewport)
            photograph_page(page, settings, name, CAR)
        photograph_many(page, settings)
        photograph_monitoring(page, settings)
        photograph_airflow(page, settings)
        photograph_mlflow(page, settings)
        browser.close()


def photograph_page(page: Page, settings: Settings, name: str, car: str) -> None:
    """Open the link of a filled form, which shows the price."""
    page.goto(f"http://127.0.0.1:{settings.page_port}/?{car}")
    page.locator(".st-key-answer").wait_for()
    page.get_by_text(f"{MARKET.vehicles.capitalize()} like yours").scroll_into_view_if_needed()
    page.get_by_text("asking price", exact=True).wait_for()  # the last chart's axis: all are drawn
    _whole(page, IMAGES / name)


def photograph_many(page: Page, settings: Settings) -> None:
    """Upload a few cars, one of them impossible."""
    page.set_viewport_size(DESK)
    page.goto(f"http://127.0.0.1:{settings.page_port}/many")
    file: FilePayload = {"name": "cars.csv", "mimeType": "text/csv", "buffer": CARS.encode()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("could not be priced").wait_for()
    _whole(page, IMAGES / "many.png")


def photograph_monitoring(page: Page, settings: Settings) -> None:
    """Show what the watcher has found."""
    page.set_viewport_size(DESK)
    page.goto(f"http://127.0.0.1:{settings.page_port}/monitoring")
    page.get_by_text("Against reported sales").wait_for()
    _whole(page, IMAGES / "monitoring.png")


def _whole(page: Page, path: Path) -> None:
    """Make the window as high as the page: Streamlit scrolls inside of it."""
    width = (page.viewport_size or DESK)["width"]
    for _ in range(2):  # charts are drawn as they come into sight, which moves what is below
        high = page.evaluate("document.querySelector('.stMainBlockContainer').scrollHeight")
        page.set_viewport_size({"width": width, "height": high})
        page.wait_for_load_state("networkidle")
    page.wait_for_timeout(DRAWN_MS)
    page.screenshot(path=path)


def photograph_airflow(page: Page, settings: Settings) -> None:
    """Enter Airflow, and show the list of DAGs with their last runs."""
    page.set_viewport_size(DESK)
    page.goto(f"http://127.0.0.1:{settings.airflow_port}/")
    page.locator("input[name=username]").fill(settings.airflow_user)
    page.locator("input[name=password]").fill(settings.airflow_password.get_secret_value())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "login" not in url)
    page.goto(f"http://127.0.0.1:{settings.airflow_port}/dags")
    page.get_by_text("initial_model_dag").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / "airflow.png")


def photograph_mlflow(page: Page, settings: Settings) -> None:
    """Show the registered model with its versions."""
    page.goto(f"{settings.mlflow_tracking_uri}/#/models/{MODEL}")
    page.get_by_text("@ production").first.wait_for()
    page.screenshot(path=IMAGES / "mlflow.png")


if __name__ == "__main__":
    main()
