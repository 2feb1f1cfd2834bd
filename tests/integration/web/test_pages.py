"""Explanations, the page Report a sale, and the page Monitoring."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from msgspec import convert
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from streamlit.testing.v1 import AppTest

from carvalue.api import Curves, ExplainedQuote, Quote
from carvalue.listings import Listing
from carvalue.serving.app import create_app
from carvalue.settings import Settings
from carvalue.web import page
from carvalue.web.components.browser import what_if_data
from carvalue.web.components.explanation import waterfall_rows
from fakes import FakeRegistry
from markets import a_bundle
from servers import serving
from waiting import until

from .test_page import enter, press, texts

ALERT = {
    "key": "drift",
    "kind": "drift",
    "severity": "warning",
    "title": "Quotes have drifted from the training data: odometer",
    "text": "odometer: median 80,000 -> 104,000\nWhat to do: look.",
    "since": "2026-11-24T10:00:00+00:00",
    "resolved_at": None,
    "report": "20261124T100000Z-drift.html",
}
FEATURE = {
    "name": "odometer",
    "title": "odometer",
    "state": "confirmed",
    "score": 2.5,
    "says": "median 80,000 -> 104,000",
    "since": None,
    "labels": ["below 50,000", "50,000 and more", "(missing)", "(unseen)"],
    "reference": [0.5, 0.5, 0, 0],
    "window": [0.2, 0.8, 0, 0],
}
FOUND: dict[str, Any] = {
    "/drift": {
        "state": "confirmed",
        "provisional": False,
        "since": None,
        "model_version": "3",
        "reference": "f00d",
        "rows_seen": 4_000,
        "window_rows": 2_000,
        "features": [FEATURE],
        "live": {
            "sales": 40,
            "error": {"value": 0.12, "low": 0.1, "high": 0.14},
            "coverage": {"value": 0.9, "low": 0.8, "high": 0.95},
            "bias": None,
            "estimated_error": 0.11,
        },
    },
    "/alerts": {
        "firing": [ALERT, ALERT | {"kind": "retraining", "title": "A retraining failed"}],
        "past": [ALERT | {"resolved_at": "2026-11-24T09:00:00+00:00"}],
    },
    "/receivers": ["alertmanager"],
    "/retraining": {
        "run": "by-alarm-20261124T100000",
        "outcome": "refused",
        "reasons": ["it is worse than the version in production"],
        "ended_at": "2026-11-24T10:20:00+00:00",
        "next": "no alarm starts another before 2026-11-25 10:20 UTC (RETRAIN_COOLDOWN_H)",
    },
    "/decisions": [
        {
            "at": "2026-11-24T10:20:00+00:00",
            "act": "refused",
            "version": 4,
            "earlier": 3,
            "by": "pipeline",
            "reasons": ["it is worse than the version in production"],
        }
    ],
    "/quotes": [{"hour": "2026-11-24T10:00:00+00:00", "quotes": 7}],
    "/ratings": {"useful": 12, "too low": 3, "too high": 1},
    "/reports": [{"name": ALERT["report"], "made_at": "2026-11-24T10:00:00+00:00", "why": "drift"}],
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    registry = FakeRegistry()
    registry.promote(a_bundle(tmp_path_factory.mktemp("market"), data_source="sample"), version=3)
    settings = Settings(state_dir=tmp_path_factory.mktemp("state"))
    with serving(create_app(settings, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        yield client


@pytest.fixture(scope="module")
def watcher() -> Iterator[httpx.Client]:
    """A watcher that has found what `FOUND` says."""

    async def answer(request: Request) -> Response:
        if request.url.path.startswith("/reports/"):
            return HTMLResponse("<h1>drawn</h1>")
        return JSONResponse(FOUND[request.url.path])

    with serving(Starlette(routes=[Route("/{path:path}", answer)])) as client:
        yield client


Open = Callable[[str], AppTest]


@pytest.fixture
def open_page(service: httpx.Client, watcher: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("SERVICE_URL", str(service.base_url).rstrip("/"))
    monkeypatch.setenv("WATCHER_URL", str(watcher.base_url).rstrip("/"))

    def opened(name: str) -> AppTest:
        if name == "":
            return AppTest.from_file(page.__file__, default_timeout=30).run()
        script = f"from carvalue.web.views import show_{name}\nshow_{name}()"
        return AppTest.from_string(script, default_timeout=30).run()

    return opened


def test_a_price_comes_with_its_reasons_similar_cars_and_a_banner_while_an_alert_lasts(
    open_page: Open,
) -> None:
    shown = press(enter(open_page(""), manufacturer="ford", model="focus", year=2015, odometer=80_000))

    said = texts(shown)
    assert "Prices are less certain than usual" in said
    assert "A retraining failed" not in said  # that is for operators
    titles = ["Why this price", "What if", "In 12 and 36 months", "Cars like yours"]
    assert [item.value for item in shown.subheader] == titles
    assert "80,000 miles" in said
    assert len(shown.dataframe[1].value) > 1


def test_later_values_are_those_of_older_cars_with_more_miles(open_page: Open, service: httpx.Client) -> None:
    car = {"manufacturer": "ford", "model": "focus", "year": 2015, "odometer": 80_000}
    shown = press(enter(open_page(""), **car))

    later = shown.dataframe[0].value

    older = [car | {"year": 2014, "odometer": 92_000}, car | {"year": 2012, "odometer": 116_000}]
    prices = [quote["price"] for quote in service.post("/predict", json=older).json()]
    assert later["Most likely"].to_list() == [f"${price:,}" for price in prices]
    assert later["Compared with"].to_list() == [
        "model year 2014, 92,000 miles",
        "model year 2012, 116,000 miles",
    ]
    assert "not a forecast" in texts(shown)


def test_the_most_helpful_empty_field_and_the_prices_of_trims_are_shown(open_page: Open) -> None:
    shown = press(enter(open_page(""), manufacturer="ford", model="focus", year=2015))

    assert "Enter the **title**: the price lies between $" in texts(shown)
    trims = shown.button_group(key="trim focus")
    assert trims.options[0].startswith("SE \N{MIDDLE DOT} 100% of these cars \N{MIDDLE DOT} \\$")


def test_an_asking_price_is_rated(open_page: Open) -> None:
    shown = press(enter(open_page(""), manufacturer="ford", model="focus", year=2015, odometer=80_000))

    shown.text_input("asking").set_value("90,000").run()

    assert "Overpriced" in texts(shown)
    assert "Of 20 such cars, about **20** are offered for less. Room to negotiate: about **$" in texts(shown)

    shown.text_input("asking").set_value("1,000,001").run()

    assert "Overpriced" not in texts(shown)
    assert "Enter whole dollars from 1 to 1,000,000" in texts(shown)


def test_every_stop_of_the_sliders_is_a_price_of_the_service_and_nobodys_quote(
    open_page: Open, service: httpx.Client
) -> None:
    car: Listing = {"manufacturer": "ford", "model": "focus", "year": 2015, "odometer": 390_000}
    quote = convert(service.post("/predict", json=car).json(), Quote)
    before = _quotes(service)

    curves = convert(service.post("/curves", json=car).json(), Curves)
    miles = what_if_data(car, quote, curves)["odometer"]

    assert miles["own"] == 390_000
    assert miles["points"][-1] == {
        "value": 390_000,
        "price": quote.price,
        "low": quote.low,
        "high": quote.high,
    }
    assert _quotes(service) == before


def test_without_a_mileage_no_stop_is_called_the_visitors_car(
    service: httpx.Client,
) -> None:
    car: Listing = {"manufacturer": "ford", "model": "focus", "year": 2015}
    quote = convert(service.post("/predict", json=car).json(), Quote)
    curves = convert(service.post("/curves", json=car).json(), Curves)

    assert what_if_data(car, quote, curves)["odometer"]["own"] is None


def _quotes(service: httpx.Client) -> str:
    return next(
        line for line in service.get("/metrics").text.splitlines() if "carvalue_quotes_total{" in line
    )


def test_a_sale_is_reported(open_page: Open, service: httpx.Client) -> None:
    car = {"manufacturer": "ford", "model": "focus", "year": 2015}
    quote = service.post("/predict", json=car).json()
    told = {"quote_id": quote["quote_id"], "sale_price": 9_000}
    until(lambda: service.post("/feedback", json=told).is_success)
    shown = open_page("sale")

    shown.text_input[0].set_value(quote["quote_id"])
    shown.text_input[1].set_value("9,500")
    shown.button[0].click().run()

    assert "sold for" in shown.success[0].value


@pytest.mark.parametrize(("quote_id", "expected"), [("", "Enter the number"), ("0" * 32, "no quote")])
def test_a_sale_of_an_unknown_quote_is_refused_with_a_message(
    open_page: Open, quote_id: str, expected: str
) -> None:
    shown = open_page("sale")

    shown.text_input[0].set_value(quote_id)
    shown.text_input[1].set_value("9,500")
    shown.button[0].click().run()

    assert expected in shown.error[0].value


def test_monitoring_shows_model_drift_alerts_and_sales(open_page: Open) -> None:
    shown = open_page("monitoring")

    said = texts(shown)
    assert {item.label: item.value for item in shown.metric}["Version"] == "3"
    assert "What to do: look." in said
    assert "4,000 quotes checked" in said
    assert "Last retraining: **refused**, 2026-11-24 10:20 UTC." in said
    assert "no alarm starts another before 2026-11-25 10:20 UTC" in said
    assert shown.selectbox[0].options == ["odometer"]
    assert [item.value for item in shown.metric][-2:] == ["12.0%", "90.0%"]
    assert "useful 12, too low 3, too high 1" in said


@pytest.mark.parametrize(("receivers", "warned"), [(["alertmanager"], False), ([], True)])
def test_monitoring_says_when_nobody_is_notified_of_alerts(
    open_page: Open, monkeypatch: pytest.MonkeyPatch, *, receivers: list[str], warned: bool
) -> None:
    monkeypatch.setitem(FOUND, "/receivers", receivers)

    assert ("Nobody is notified of alerts" in texts(open_page("monitoring"))) == warned


def test_monitoring_without_a_watcher_still_shows_the_model(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHER_URL", "http://127.0.0.1:9")

    shown = open_page("monitoring")

    assert {item.label: item.value for item in shown.metric}["Version"] == "3"
    assert "does not answer" in shown.warning[0].value


def test_the_waterfall_adds_up(service: httpx.Client) -> None:
    car = {"manufacturer": "ford", "model": "focus", "year": 2015, "odometer": 80_000}
    explained = convert(service.post("/explain", json=car).json(), ExplainedQuote)

    start, *parts, end = waterfall_rows(explained)

    assert end["end"] == explained.quote.price
    assert [row["begin"] for row in parts] == [row["end"] for row in [start, *parts[:-1]]]
    assert parts[-1]["end"] == end["end"]
