"""The page Value my car in a real browser: keyboard, link, Back button, both schemes, outages."""

import re
from typing import Literal

from playwright.sync_api import Browser, Page, expect

from waiting import until

from .conftest import ANSWER, PriceService, at_both_sizes, broken_rules, follow, in_a_browser

pytestmark = in_a_browser

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LIGHT, DARK = range(3 * 200, 3 * 256), range(3 * 80)  # sums of red, green and blue


def choose(page: Page, field: str, text: str) -> None:
    page.get_by_role("combobox", name=field, exact=True).click()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def fill(page: Page, field: str, entry: int | str) -> None:
    box = page.get_by_role("textbox", name=field)
    box.fill(str(entry))
    box.press("Tab")


def brightness(color: str) -> int:
    return sum(map(int, re.findall(r"\d+", color)[:3]))


def test_little_is_loaded_before_the_form_is_there(
    browser: Browser, page_url: str, service: PriceService
) -> None:
    sizes: list[int] = []
    page = browser.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))

    page.goto(page_url)
    expect(page.get_by_role("textbox", name="Model year")).to_be_visible(timeout=120_000)

    assert 500_000 < sum(sizes) < 1_500_000
    page.close()


@at_both_sizes
def test_a_car_is_priced_by_keyboard_after_its_errors_are_corrected(
    page: Page, page_url: str, service: PriceService
) -> None:
    page.goto(page_url)
    skip = page.get_by_role("link", name="Skip to the form")
    expect(skip).to_be_attached()
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    page.keyboard.press("Tab")
    expect(skip).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="VIN")).to_be_focused()

    choose(page, "Make", "for")
    expect(page).to_have_url(re.compile("manufacturer=ford"))
    choose(page, "Model", "focs")
    page.get_by_role("button", name="focus").or_(page.get_by_text("focus", exact=True)).first.click()
    year = page.get_by_role("textbox", name="Model year")
    year.fill("1899")
    year.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="Some fields need another look")).to_be_visible()
    expect(year).to_have_accessible_description(re.compile("a whole number from 1985 to 2030"))
    expect(year).to_have_attribute("aria-invalid", "true")

    fill(page, "Mileage", "80k")
    year.fill("2015")
    year.press("Enter")
    expect(page.locator(ANSWER)).to_contain_text("2015 Ford Focus, 80,000 miles")
    expect(page.get_by_text("Most likely asking price")).to_be_visible()
    expect(page.get_by_text("generated sample")).to_be_visible()
    expect(year).not_to_have_attribute("aria-invalid", "true")


def test_an_outage_of_the_service_keeps_the_input(page: Page, page_url: str, service: PriceService) -> None:
    service.stop()
    page.goto(page_url)
    choose(page, "Make", "ford")
    choose(page, "Model", "focus")
    fill(page, "Model year", 2015)
    page.get_by_role("button", name="Price this car").click()
    expect(page.get_by_text("Your entries are kept")).to_be_visible()

    service.start()
    page.get_by_role("button", name="Price this car").click()
    expect(page.locator(ANSWER)).to_contain_text("2015 Ford Focus")
    expect(page.get_by_text("Your entries are kept")).to_be_hidden()


@at_both_sizes
def test_a_price_has_a_link_survives_the_back_button_and_is_announced(
    page: Page, page_url: str, service: PriceService
) -> None:
    page.goto(
        f"{page_url}/?manufacturer=Ford&model=focus&year=2015&odometer=350000"
    )  # priced without a click
    expect(page).to_have_url(re.compile("quote=[0-9a-f]{32}"))
    price = page.locator(f"{ANSWER} h2")
    expect(price).to_be_in_viewport()  # on a phone, too
    expect(page.get_by_role("status").filter(has_text="from $")).to_contain_text("2015 Ford Focus")
    link, amount = page.url, price.inner_text()

    page.goto(f"{page_url}/?quote={link.split('quote=')[1][:32]}")
    expect(price).to_have_text(amount)
    expect(page.get_by_role("textbox", name="Mileage")).to_have_value("350000")
    output = page.locator("output").first
    expect(output).to_contain_text(f"{amount} at 350,000 miles (your car)")
    page.get_by_role("slider", name="At another mileage").press("ArrowLeft")
    expect(output).to_contain_text("at 240,000 miles")

    follow(page, "Report a sale")
    expect(page.get_by_role("heading", name="Report a sale")).to_be_visible()
    expect(page).to_have_title("Report a sale \N{EN DASH} carvalue")
    page.go_back()
    expect(page.get_by_role("textbox", name="Model year")).to_have_value("2015")
    expect(price).to_have_text(amount)


def inks(page: Page, selector: str, *, at_least: int) -> set[int]:
    """Return how bright the texts of charts are; wait until the charts are drawn."""
    texts = page.locator(f"[data-testid=stVegaLiteChart] {selector}")
    until(lambda: texts.count() >= at_least)
    return {brightness(text.evaluate("e => getComputedStyle(e).fill")) for text in texts.all()}


def test_a_price_is_readable_in_both_schemes_and_in_print(
    page: Page, page_url: str, service: PriceService
) -> None:
    for scheme, background_range, ink_range in zip(SCHEMES, (LIGHT, DARK), (DARK, LIGHT), strict=True):
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{page_url}/?manufacturer=Ford&model=focus&year=2015&asking=9000")
        page.get_by_text("Cars like yours").scroll_into_view_if_needed()
        expect(page.get_by_text("asking price", exact=True)).to_be_visible()  # the last chart's axis

        background = page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
        assert brightness(background) in background_range
        assert broken_rules(page) == []
        # axe-core does not judge text in pictures; the tiles of the map are dark in both schemes
        assert inks(page, ".mark-text.role-mark:not([class*=on_tile]) text", at_least=3) <= set(ink_range)
        assert inks(page, ".mark-text[class*=on_tile] text", at_least=2) <= set(LIGHT)

    page.emulate_media(media="print")
    expect(page.get_by_text("Most likely asking price")).to_be_visible()
    expect(page.get_by_text("Cars like yours")).to_be_visible()
    expect(page.get_by_role("button", name="Price this car")).to_be_hidden()
    expect(page.locator("[data-testid=stSidebar]")).to_be_hidden()
