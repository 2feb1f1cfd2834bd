"""The other pages in a real browser, and printing; also while services are down."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import polars as pl
import pytest
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from carvalue.monitoring.drift.reference import publish_reference
from carvalue.monitoring.watcher.__main__ import build_retraining, build_watcher
from carvalue.monitoring.watcher.airflow_runs import AirflowRuns
from carvalue.monitoring.watcher.api import create_api
from carvalue.monitoring.watcher.watcher import Watcher
from carvalue.settings import Settings
from fakes import FakeRegistry
from markets import MARKET_FIELDS, a_market
from servers import serving
from waiting import until

from .conftest import ANSWER, PriceService, broken_rules, follow, in_a_browser

pytestmark = in_a_browser

CARS = (
    "manufacturer,model,year,odometer,colour\n"
    "ford,focus se,2015,80000,red\ntoyota,camry le,1899,50000,=1+1\nhonda,civic lx,2017,60000,blue\n"
)
INPUTS = ("manufacturer", "model", "year", "odometer", "state", "region", *MARKET_FIELDS)


@pytest.fixture(scope="module")
def watching(state_dir: Path, registry: FakeRegistry, watcher_port: int) -> Iterator[Watcher]:
    """A watcher of the service's journal, one round at a time."""
    settings = Settings(state_dir=state_dir)
    train = state_dir / "train.parquet"
    a_market(rows=6_000, seed=5).write_parquet(train)
    publish_reference(train, fingerprint="f00d", root=settings.storage_root / "reference")
    watcher = build_watcher(settings, registry=registry)
    never_asked = AirflowRuns(settings.airflow_url, user="nobody", password=SecretStr(""))
    with serving(create_api(watcher, build_retraining(settings, never_asked)), port=watcher_port):
        yield watcher
    watcher.close()


def upload(page: Page, text: str) -> None:
    page.locator("input[type=file]").set_input_files(
        {"name": "cars.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )


IN_THOUSANDS = (pl.col("odometer") / 1_000).round().cast(pl.Int32)


def post(client: httpx.Client, cars: pl.DataFrame) -> None:
    rows = cars.select(INPUTS).to_dicts()
    listings = [{name: value for name, value in row.items() if value is not None} for row in rows]
    client.post("/predict", json=listings).raise_for_status()


def test_a_file_of_cars_comes_back_with_prices_and_without_formulas(
    page: Page, page_url: str, service: PriceService
) -> None:
    page.add_init_script("delete window.showSaveFilePicker")  # a browser without windows cannot show it
    page.goto(f"{page_url}/many")
    upload(page, "nothing,of,the,kind\n1,2,3,4\n")
    expect(page.get_by_text("Which column has the make")).to_be_visible()
    upload(page, CARS)
    expect(page.get_by_text("2 of 3 cars priced.")).to_be_visible()
    expect(page.get_by_text("1 row could not be priced")).to_be_visible()
    assert broken_rules(page) == []

    with page.expect_download() as download:
        page.get_by_role("button", name="Download with prices").click()
    priced = pl.read_csv(download.value.path())
    assert priced["manufacturer"].to_list() == ["ford", "toyota", "honda"]
    assert priced["price"].is_null().to_list() == [False, True, False]
    assert "a whole number from 1985" in priced["problem"][1]
    page.get_by_test_id("stDataFrame").filter(visible=True).first.hover()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").first.click()
    assert "'=1+1" in pl.read_csv(download.value.path())["colour"].to_list()


def test_a_file_waits_during_an_outage_and_a_visit_to_another_page(
    page: Page, page_url: str, service: PriceService
) -> None:
    service.stop()
    page.goto(f"{page_url}/many")
    upload(page, CARS)
    expect(page.get_by_text("does not answer")).to_be_visible()
    follow(page, "About and privacy")
    expect(page.get_by_role("heading", name="Privacy", exact=True)).to_be_visible()
    follow(page, "Many cars")

    service.start()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("2 of 3 cars priced.")).to_be_visible()


def test_a_sale_is_reported_by_the_number_of_its_quote_also_after_an_outage(
    page: Page, page_url: str, service: PriceService
) -> None:
    car = {"manufacturer": "ford", "model": "focus se", "year": 2015}
    quote_id = service.start().post("/predict", json=car).json()["quote_id"]
    page.goto(f"{page_url}/sale")
    number, report = page.get_by_role("textbox", name="Quote"), page.get_by_role("button", name="Report")
    number.fill("f" * 32)
    page.get_by_role("textbox", name="Sale price").fill("9500")
    report.click()
    expect(page.get_by_text("Check that you copied the whole number")).to_be_visible()
    assert broken_rules(page) == []

    service.stop()
    number.fill(quote_id.upper())
    report.click()
    expect(page.get_by_text("does not answer")).to_be_visible()

    service.start()
    report.click()
    expect(page.get_by_text("Thank you: sold for $9,500.")).to_be_visible()


def test_saved_cars_are_compared_by_a_link(page: Page, page_url: str, service: PriceService) -> None:
    cars = [{"manufacturer": "ford", "model": "focus se", "year": year} for year in (2012, 2016)]
    quotes = [service.start().post("/predict", json=car).json() for car in cars]

    page.goto(f"{page_url}/compare?quotes={','.join(quote['quote_id'] for quote in quotes)}")

    for quote in quotes:
        expect(page.get_by_role("heading", name=f"${quote['price']:,}")).to_be_visible()
    assert broken_rules(page) == []
    page.get_by_role("link", name="Open this price").last.click()
    expect(page.locator(ANSWER)).to_contain_text("2016 Ford Focus")


def test_the_monitoring_page_reports_an_unavailable_watcher(
    page: Page, page_url: str, service: PriceService
) -> None:
    page.goto(f"{page_url}/monitoring")

    expect(page.get_by_text("Prices are not affected")).to_be_visible()
    expect(page.get_by_text("Version", exact=True)).to_be_visible()


def test_drift_is_shown_on_every_page_and_in_detail_on_one(
    page: Page, page_url: str, service: PriceService, watching: Watcher
) -> None:
    client = service.start()
    post(client, a_market(rows=1_000, seed=11))  # what is usual, before it changes
    post(client, a_market(rows=600, seed=12).with_columns(odometer=IN_THOUSANDS))
    until(lambda: watching.step() >= 0 and bool(watching.alert_store.firing()))
    (alert,) = watching.alert_store.firing()

    page.goto(f"{page_url}/monitoring")
    expect(page.get_by_text("Against reported sales")).to_be_visible()
    expect(page.get_by_text("confirmed", exact=True).first).to_be_visible()
    expect(page.get_by_text(alert.title).first).to_be_visible()
    expect(page.get_by_text("generated sample data").first).to_be_visible()
    assert broken_rules(page) == []
    follow(page, "Value my car")
    expect(page.get_by_text("Prices may be wrong: one of the fields")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{page_url}/incidents")
        selected = page.get_by_role("tab", selected=True)
        expect(selected).not_to_have_css("color", "rgb(31, 122, 102)")  # axe-core does not judge tabs
        expect(page.get_by_test_id("stVegaLiteChart").first).to_be_visible()
        assert broken_rules(page) == []


@pytest.mark.parametrize("path", ["about", "developers"])
def test_the_pages_of_text_break_no_rule_of_wcag_aa(page: Page, page_url: str, path: str) -> None:
    page.goto(f"{page_url}/{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()

    assert broken_rules(page) == []
