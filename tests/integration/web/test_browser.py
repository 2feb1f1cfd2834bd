"""The page Value my car in a real browser; also while the price service is down."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from servers import serving
from waiting import until

from .conftest import MakeApp, broken_rules, in_a_browser, press

# these tests expect the page before its redesign
pytestmark = [*in_a_browser, pytest.mark.known_failing]


def choose(page: Page, field: str, text: str) -> None:
    page.get_by_role("combobox", name=field, exact=True).click()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def fill(page: Page, field: str, entry: int | str) -> None:
    box = page.get_by_role("textbox", name=field)
    box.fill(str(entry))
    box.press("Tab")


def test_a_car_is_priced(page: Page, make_app: MakeApp, service_port: int) -> None:
    with serving(make_app(), port=service_port):
        page.reload()
        choose(page, "Make", "for")
        expect(page).to_have_url(re.compile("manufacturer=ford"))
        choose(page, "Model", "focs")
        page.get_by_role("button", name="focus").or_(page.get_by_text("focus", exact=True)).first.click()
        fill(page, "Model year", 2015)
        fill(page, "Mileage", "80k")
        press(page)

        expect(page.get_by_text("2015 Ford Focus, 80,000 miles")).to_be_visible()
        expect(page.get_by_text("Most likely asking price")).to_be_visible()
        expect(page.get_by_text("generated sample")).to_be_visible()


def test_an_invalid_value_is_reported_beside_its_field(
    page: Page, make_app: MakeApp, service_port: int
) -> None:
    with serving(make_app(), port=service_port):
        page.reload()
        choose(page, "Make", "ford")
        fill(page, "Model year", 1899)
        press(page)

        expect(page.get_by_text("Some fields need another look")).to_be_visible()
        expect(page.get_by_text("a whole number from 1985 to 2030")).to_be_visible()


def test_an_outage_of_the_service_keeps_the_input(page: Page, make_app: MakeApp, service_port: int) -> None:
    choose(page, "Make", "ford")
    choose(page, "Model", "focus")
    fill(page, "Model year", 2015)
    press(page)
    expect(page.get_by_text("Your entries are kept")).to_be_visible()

    with serving(make_app(), port=service_port) as client:
        until(lambda: client.get("/readyz").is_success)
        press(page)

        expect(page.get_by_text("2015 Ford Focus")).to_be_visible()


def test_a_filled_form_can_be_shared_as_a_link(
    page: Page, page_url: str, make_app: MakeApp, service_port: int
) -> None:
    with serving(make_app(), port=service_port) as client:
        until(lambda: client.get("/readyz").is_success)
        page.goto(f"{page_url}/?manufacturer=Ford&model=focus&year=2015&condition=Good")
        expect(page.get_by_text("2015 Ford Focus")).to_be_visible()  # the price, without a click
        expect(page.get_by_role("textbox", name="Model year")).to_have_value("2015")


def test_a_price_has_a_link_survives_the_back_button_and_is_announced(
    page: Page, page_url: str, make_app: MakeApp, service_port: int
) -> None:
    with serving(make_app(), port=service_port) as client:
        until(lambda: client.get("/readyz").is_success)
        page.goto(f"{page_url}/?manufacturer=Ford&model=focus&year=2015&odometer=350000")
        expect(page).to_have_url(re.compile("quote=[0-9a-f]{32}"))
        price = page.locator(".st-key-answer h2")
        expect(price).to_be_in_viewport()  # on a phone, too
        expect(page.get_by_role("status").filter(has_text="from $")).to_contain_text("2015 Ford Focus")
        link, amount = page.url, price.inner_text()

        page.goto(f"{page_url}/sale")
        page.goto(f"{page_url}/?quote={link.split('quote=')[1][:32]}")
        expect(price).to_have_text(amount)
        expect(page.get_by_role("textbox", name="Mileage")).to_have_value("350000")
        output = page.locator("output").first
        expect(output).to_contain_text(f"{amount} at 350,000 miles (your car)")

        slider = page.get_by_role("slider", name="At another mileage")
        slider.press("ArrowLeft")
        expect(output).to_contain_text("at 240,000 miles")

        page.locator("[data-testid=stSidebarCollapsedControl], [data-testid=stExpandSidebarButton]").or_(
            page.get_by_role("link", name="Report a sale")
        ).first.click()
        page.get_by_role("link", name="Report a sale").click()
        expect(page.get_by_role("heading", name="Report a sale")).to_be_visible()
        expect(page).to_have_title("Report a sale \N{EN DASH} carvalue")
        page.go_back()
        expect(page.get_by_role("textbox", name="Model year")).to_have_value("2015")
        expect(price).to_have_text(amount)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_priced_page_breaks_no_rule_of_wcag_aa(
    page: Page, page_url: str, make_app: MakeApp, service_port: int, scheme: Literal["light", "dark"]
) -> None:
    with serving(make_app(), port=service_port) as client:
        until(lambda: client.get("/readyz").is_success)
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{page_url}/?manufacturer=Ford&model=focus&year=2015&asking=9000")
        page.get_by_text("Cars like yours").scroll_into_view_if_needed()
        expect(page.get_by_text("asking price", exact=True)).to_be_visible()  # the last chart's axis

        background = page.locator(".stApp").evaluate("app => getComputedStyle(app).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")
        assert broken_rules(page) == []
        texts = page.locator("[data-testid=stVegaLiteChart] .mark-text.role-mark text")
        assert texts.count() > 2  # dollars of the waterfall; axe-core does not judge text in pictures
        ink = page.locator("[data-testid=stVegaLiteChart]").first.evaluate("e => getComputedStyle(e).color")
        assert {text.evaluate("e => getComputedStyle(e).fill") for text in texts.all()} == {ink}
        assert (sum(map(int, re.findall(r"\d+", ink)[:3])) > 3 * 128) == (scheme == "dark")
