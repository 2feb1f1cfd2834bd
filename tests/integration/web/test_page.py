"""The page Value my car with the real price service: results, kept entries and error messages."""

from collections.abc import Iterator

import httpx
import pytest
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from carvalue.serving.app import create_app
from carvalue.serving.auth.api_keys import key_digest
from carvalue.settings import Settings
from carvalue.web import page
from fakes import FakeRegistry
from markets import a_bundle
from servers import serving
from waiting import until

NOWHERE = "http://127.0.0.1:9"
KEY = "carvalue.page.tested"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    registry = FakeRegistry()
    registry.promote(a_bundle(tmp_path_factory.mktemp("market"), data_source="sample"), version=3)
    settings = Settings(
        state_dir=tmp_path_factory.mktemp("state"), service_keys=SecretStr(f"page sha256:{key_digest(KEY)}")
    )
    with serving(create_app(settings, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        yield client


@pytest.fixture
def shown(service: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("SERVICE_URL", str(service.base_url).rstrip("/"))
    monkeypatch.setenv("SERVICE_API_KEY", KEY)
    return AppTest.from_file(page.__file__, default_timeout=30).run()


def enter(shown: AppTest, **values: object) -> AppTest:
    """Fill fields one by one; AppTest cannot type what a select does not offer (the browser test does)."""
    for name, value in values.items():
        if name in {"year", "odometer"}:
            shown.text_input(name).set_value(str(value))
        else:
            shown.selectbox(name).set_value(value)
        shown.run()
    return shown


def press(shown: AppTest) -> AppTest:
    return next(button for button in shown.button if button.label == "Price this car").click().run()


def texts(shown: AppTest) -> str:
    kinds = (shown.markdown, shown.caption, shown.warning, shown.error, shown.info)
    return "\n".join(item.value for kind in kinds for item in kind).replace("\\", "")


def test_a_car_is_priced_with_its_range_date_and_source(shown: AppTest) -> None:
    press(enter(shown, manufacturer="ford", model="focus", year=2015, odometer=80_000))

    said = texts(shown)
    assert "2015 Ford Focus, 80,000 miles" in said
    assert "Most likely asking price" in said
    assert "April 5, 2021" in said
    assert "generated sample" in said
    assert "Model version 3" in said


def test_models_follow_the_make(shown: AppTest) -> None:
    enter(shown, manufacturer="ford")
    assert set(shown.selectbox("model").options) == {"f-150", "focus"}

    enter(shown, model="focus", manufacturer="toyota")

    assert set(shown.selectbox("model").options) == {"camry", "tacoma"}
    assert shown.selectbox("model").value is None


def test_a_missing_value_is_reported_beside_its_field_until_it_is_filled(shown: AppTest) -> None:
    press(enter(shown, manufacturer="ford", model="focus"))
    assert "1985 to 2030" in texts(shown)

    enter(shown, year=2015)

    assert "1985 to 2030" not in texts(shown)
    assert not shown.error


def test_a_mileage_in_thousands_is_read(shown: AppTest) -> None:
    press(enter(shown, manufacturer="ford", model="focus", year=2015, odometer="80k"))

    assert "2015 Ford Focus, 80,000 miles" in texts(shown)


@pytest.mark.parametrize("odometer", ["9999999", "80x", "80.000", "-1"])
def test_an_invalid_mileage_is_named_and_gives_no_price_until_it_is_corrected(
    shown: AppTest, odometer: str
) -> None:
    press(enter(shown, manufacturer="ford", model="focus", year=2015, odometer=odometer))
    assert "Enter a whole number from 0 to 400,000, for example 80,000 or 80k." in texts(shown)
    assert "Most likely asking price" not in texts(shown)

    press(enter(shown, odometer=80_000))

    assert "Enter a whole number" not in texts(shown)
    assert "2015 Ford Focus, 80,000 miles" in texts(shown)


def test_a_mileage_that_becomes_invalid_hides_the_price(shown: AppTest) -> None:
    press(enter(shown, manufacturer="ford", model="focus", year=2015, odometer=80_000))

    enter(shown, odometer="80x")

    assert "Enter a whole number from 0 to 400,000" in texts(shown)
    assert "Most likely asking price" not in texts(shown)


def test_the_age_of_the_prices_stands_beside_the_price(
    shown: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(enter(shown, manufacturer="ford", model="focus", year=2015))
    assert "Prices as of April 5, 2021" in texts(shown)
    assert "not of today" in texts(shown)

    monkeypatch.setenv("DATA_OLD_DAYS", "100000")
    shown.run()

    assert "not of today" not in texts(shown)


def test_a_link_to_a_filled_form_opens_with_the_price(shown: AppTest) -> None:
    linked = AppTest.from_file(page.__file__, default_timeout=30)
    linked.query_params.update({"manufacturer": "Ford", "model": "focus", "year": "2015"})

    linked.run()

    assert "2015 Ford Focus" in texts(linked)
    assert "Most likely asking price" in texts(linked)


def test_a_link_with_unusable_values_names_them(shown: AppTest) -> None:
    linked = AppTest.from_file(page.__file__, default_timeout=30)
    linked.query_params.update({"manufacturer": "Ford", "year": "1900", "condition": "superb"})

    linked.run()

    assert "these fields are empty: Model year, Condition" in texts(linked)
    assert linked.selectbox("manufacturer").value == "ford"


def test_the_link_of_a_quote_opens_with_its_price_until_it_is_deleted(
    shown: AppTest, service: httpx.Client
) -> None:
    car = {"manufacturer": "ford", "model": "focus", "year": 2015, "odometer": 80_000}
    quoted = service.post("/predict", json=car, headers={"X-API-Key": KEY}).json()
    linked = AppTest.from_file(page.__file__, default_timeout=30)
    linked.query_params["quote"] = quoted["quote_id"]

    linked.run()

    assert f"${quoted['price']:,}" in texts(linked)
    assert linked.text_input("odometer").value == "80000"

    next(button for button in linked.button if button.label == "Delete this price").click().run()

    assert "The price is deleted." in linked.success[0].value
    again = AppTest.from_file(page.__file__, default_timeout=30)
    again.query_params["quote"] = quoted["quote_id"]
    assert "does not exist any more" in texts(again.run())


def test_a_price_is_rated_and_its_link_shows_the_rating(shown: AppTest, service: httpx.Client) -> None:
    car = {"manufacturer": "ford", "model": "focus", "year": 2015, "odometer": 80_000}
    quote_id = service.post("/predict", json=car, headers={"X-API-Key": KEY}).json()["quote_id"]

    def opened() -> AppTest:
        linked = AppTest.from_file(page.__file__, default_timeout=30)
        linked.query_params["quote"] = quote_id
        return linked.run()

    first = opened()
    first.button_group(key=f"rating {quote_id}").set_value("too low").run()
    assert "Thank you" in first.success[0].value

    assert opened().button_group(key=f"rating {quote_id}").value == "too low"
    stored = service.get(f"/quotes/{quote_id}", headers={"X-API-Key": KEY}).json()
    assert stored["rating"] == "too low"


def test_the_form_is_full_again_after_a_visit_to_another_page(shown: AppTest) -> None:
    visited = AppTest.from_string(
        """
import streamlit as st
from carvalue.web.views import show_one_car
if not st.checkbox("elsewhere"):
    show_one_car()
""",
        default_timeout=30,
    ).run()
    enter(visited, manufacturer="ford", model="focus", year=2015, odometer="80k", condition="good")

    visited.checkbox[0].check().run()  # Streamlit drops the widgets of a page that is left
    visited.query_params.clear()  # the browser's Back button brings back a bare address
    visited.checkbox[0].uncheck().run()

    entries = ("manufacturer", "model", "year", "odometer", "condition")
    assert [visited.session_state[name] for name in entries] == ["ford", "focus", "2015", "80k", "good"]


def test_an_example_is_priced_with_one_click(shown: AppTest) -> None:
    example = next(button for button in shown.button if button.label.startswith("2015 Ford F-150"))

    example.click().run()

    assert "2015 Ford F-150, 80,000 miles" in texts(shown)
    assert shown.selectbox("model").value == "f-150"


def test_warnings_of_the_service_are_shown(shown: AppTest) -> None:
    press(enter(shown, manufacturer="ford", model="focus", year=2015))

    assert any("Odometer" in warning.value for warning in shown.warning)


def test_a_changed_form_marks_the_price_as_outdated(shown: AppTest) -> None:
    press(enter(shown, manufacturer="ford", model="focus", year=2015, odometer=80_000))

    enter(shown, odometer=90_000)

    assert "changed the form" in texts(shown)


def test_a_page_without_a_key_names_the_setting(
    service: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    # by another name, since a page keeps its connections
    monkeypatch.setenv("SERVICE_URL", str(service.base_url.copy_with(host="localhost")).rstrip("/"))
    shown = AppTest.from_file(page.__file__, default_timeout=30).run()

    press(enter(shown, year=2015))

    assert "This service asks for a key" in texts(shown)
    assert "SERVICE_API_KEY" in texts(shown)


def test_an_outage_of_the_service_is_reported_and_keeps_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_URL", NOWHERE)
    shown = AppTest.from_file(page.__file__, default_timeout=30).run()

    press(enter(shown, year=2015, odometer=80_000, condition="good"))

    assert "does not answer" in texts(shown)
    assert "Your entries are kept" in texts(shown)
    assert shown.text_input("year").value == "2015"
    assert shown.selectbox("condition").value == "good"
