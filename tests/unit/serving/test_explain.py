"""`POST /explain`, `POST /distribution` and `POST /curves` as clients use them."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import to_builtins

from carvalue.api.examples import CURVES, EXPLAINED_QUOTE
from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.listings import EARLIEST_YEAR, FIELDS, LATEST_YEAR, CategoryField, NumberField
from carvalue.pricing import PriceModel
from carvalue.pricing.scoring import score
from carvalue.serving.app import create_app
from carvalue.settings import Settings
from fakes import FakeRegistry
from servers import serving
from waiting import until

CAMRY = {"make": "toyota", "model": "camry le", "year": 2012, "odometer": 110_000}


@pytest.fixture(scope="module")
def client(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    with serving(
        create_app(Settings(state_dir=tmp_path_factory.mktemp("state")), registry=registry)
    ) as client:
        until(lambda: client.get("/readyz").is_success)
        yield client


def test_an_explanation_holds_the_quote_its_reasons_and_similar_cars(client: httpx.Client) -> None:
    answer = client.post("/explain", json=CAMRY).json()

    quote, reasons, comparables = answer["quote"], answer["reasons"], answer["comparables"]
    assert quote["price"] == client.post("/predict", json=CAMRY).json()["price"]
    assert reasons["start"] + sum(item["amount"] for item in reasons["items"]) == quote["price"]
    assert len(comparables) == 12
    assert all("camry" in car["model"] for car in comparables)


def test_the_answers_look_like_the_examples(client: httpx.Client) -> None:
    answer = client.post("/explain", json=CAMRY).json()
    curves = client.post("/curves", json=CAMRY).json()

    example = to_builtins(EXPLAINED_QUOTE)
    assert set(answer["quote"]) == set(example["quote"])
    assert set(answer["reasons"]) == set(example["reasons"])
    assert set(answer["reasons"]["items"][0]) == set(example["reasons"]["items"][0])
    assert set(answer["comparables"][0]) == set(example["comparables"][0])
    assert set(curves["odometer"][0]) == set(curves["year"][0]) == set(to_builtins(CURVES.year[0]))


LISTINGS = st.fixed_dictionaries(
    {
        "manufacturer": st.sampled_from(["toyota", "FORD", "no such make"]),
        "model": st.sampled_from(["camry le", "F-150  XLT", "focus", "unheard of"]),
        "year": st.integers(EARLIEST_YEAR, LATEST_YEAR),
    },
    optional={
        field.name: st.none()
        | (
            st.integers(field.minimum, field.maximum)
            if isinstance(field, NumberField)
            else st.sampled_from(choices)
        )
        for field in FIELDS
        if (choices := getattr(field, "choices", ()) or ("austin", "nowhere")) and not field.required
    },
)


@given(listing=LISTINGS)
@settings(max_examples=15, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_way_to_a_price_agrees_to_the_dollar(
    client: httpx.Client, bundle: Path, listing: dict[str, object]
) -> None:
    price = client.post("/predict", json=listing).json()["price"]

    reasons = client.post("/explain", json=listing).json()["reasons"]
    asked = {name: listing[name] for name in ("odometer", "year") if listing.get(name) is not None}
    curves = client.post("/curves", json=listing, params=asked).json()
    table = pl.DataFrame([{name: str(value or "") for name, value in listing.items()}])
    answer = client.post("/predict/batch", content=table.write_csv(), headers={"content-type": "text/csv"})

    assert reasons["start"] + sum(item["amount"] for item in reasons["items"]) == price
    assert {point["price"] for name in asked for point in curves[name]} == {price}
    assert pl.read_csv(answer.content)["price"].to_list() == [price]
    assert score(table, model=PriceModel.load(bundle))["price"].to_list() == [price]


@pytest.mark.parametrize("cars", [25, pytest.param(2_000, marks=pytest.mark.slow)])
def test_random_cars_are_monotone_through_the_api(client: httpx.Client, cars: int) -> None:
    random = Random(1)  # noqa: S311
    miles, years = (1_000, 30_000, 90_000, 250_000, 400_000), (2030, 2020, 2012, 2003, 1985)
    for _ in range(cars):
        car = {
            field.name: random.choice(field.choices)
            for field in FIELDS
            if isinstance(field, CategoryField) and field.choices
        }
        car |= {
            "make": random.choice(["toyota", "ford", "porsche", "x"]),
            "model": random.choice(["911", "f-150"]),
        }
        year, odometer = random.choice(years), random.choice(miles)
        by_miles = [car | {"year": year, "odometer": value} for value in miles]
        by_year = [car | {"year": value, "odometer": odometer} for value in years]
        for rows in (by_miles, by_year):
            prices = [quote["price"] for quote in client.post("/predict", json=rows).json()]
            assert prices == sorted(prices, reverse=True), rows


def test_a_curve_is_exact_at_requested_values_and_names_the_assumed_mileage(client: httpx.Client) -> None:
    car = {name: value for name, value in CAMRY.items() if name != "odometer"}

    asked = client.post("/curves?odometer=12345,399999&odometer=0&year=1999", json=car).json()
    usual = client.post("/curves", json=car | {"odometer": 123_457}).json()

    assert [point["value"] for point in asked["odometer"]] == [0, 12_345, 399_999]
    assert [point["value"] for point in asked["year"]] == [1999]
    assert 0 < asked["assumed_odometer"] < 399_999
    assert usual["assumed_odometer"] == 123_457
    own = next(point for point in usual["odometer"] if point["value"] == 123_457)
    assert own["price"] == client.post("/predict", json=car | {"odometer": 123_457}).json()["price"]


@pytest.mark.parametrize(
    "query", ["odometer=-1", "odometer=soon", "year=1066", "year=" + ",".join(["2015"] * 101)]
)
def test_a_requested_value_that_no_car_can_have_is_refused(client: httpx.Client, query: str) -> None:
    answer = client.post(f"/curves?{query}", json=CAMRY)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


def test_a_distribution_agrees_with_the_quote_and_ranks_an_asking_price(client: httpx.Client) -> None:
    quote = client.post("/predict", json=CAMRY).json()
    answer = client.post("/distribution?asking_price=9,500", json=CAMRY).json()
    at_price = client.post("/distribution", json=CAMRY, params={"asking_price": quote["price"]}).json()
    without = client.post("/distribution", json=CAMRY).json()

    prices = {item["level"]: item["price"] for item in answer["quantiles"]}
    assert list(prices) == [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]
    assert (prices[0.05], prices[0.5], prices[0.95]) == (quote["low"], quote["price"], quote["high"])
    assert {name: answer[name] for name in answer.keys() & quote.keys()} == {
        name: quote[name] for name in ("currency", "model_version", "data_as_of", "support", "warnings")
    }
    assert answer["asking"]["price"] == 9_500
    assert answer["asking"]["share_below"] + answer["asking"]["share_above"] == 1
    assert at_price["asking"] == {"price": quote["price"], "share_below": 0.5, "share_above": 0.5}
    assert without == answer | {"asking": None}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *(
            (f"asking_price={text}", "asking_price")
            for text in ("0", "-1", "1000001", "soon", "99.5", "", "NaN")
        ),
        ("asking_price=1&asking_price=2", "asking_price"),
        ("asking=9500", "asking"),
    ],
)
def test_a_query_that_is_not_one_asking_price_is_refused_with_its_name(
    client: httpx.Client, query: str, field: str
) -> None:
    answer = client.post(f"/distribution?{query}", json=CAMRY)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_quote_reports_its_support(client: httpx.Client) -> None:
    known = client.post("/predict", json=CAMRY).json()["support"]
    unknown = client.post("/predict", json=CAMRY | {"model": "edsel"}).json()["support"]

    assert known["make"] >= known["family"] >= known["trim"] > 0
    assert known["grade"] == "many"
    assert (unknown["family"], unknown["grade"]) == (0, "none")


def test_an_explained_quote_is_recorded_and_a_curve_is_not(client: httpx.Client) -> None:
    explained = client.post("/explain", json=CAMRY).json()["quote"]["quote_id"]
    before = _metric(client, "carvalue_quotes_total")

    client.post("/curves", json=EXAMPLE)

    assert _metric(client, "carvalue_quotes_total") == before
    until(lambda: _sold(client, explained).is_success)


def _sold(client: httpx.Client, quote_id: str) -> httpx.Response:
    return client.post("/feedback", json={"quote_id": quote_id, "sale_price": 9_000})


def _metric(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


@pytest.mark.parametrize("path", ["/explain", "/distribution", "/curves"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([CAMRY], 422),
        ({}, 422),
        (CAMRY | {"year": "twenty"}, 422),
        (CAMRY | {"odometr": 1}, 422),
        (None, 422),
    ],
)
def test_a_body_that_is_not_one_listing_is_a_problem(
    client: httpx.Client, path: str, body: object, status: int
) -> None:
    answer = client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


@pytest.mark.parametrize("path", ["/explain", "/distribution", "/curves"])
def test_the_examples_of_the_documentation_work(client: httpx.Client, path: str) -> None:
    operation = client.get("/openapi.json").json()["paths"][f"/v1{path}"]["post"]

    for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
        assert client.post(path, json=example["value"]).is_success


@pytest.mark.parametrize("path", ["/explain", "/distribution", "/curves"])
def test_without_a_model_the_problem_names_it(path: str, tmp_path: Path) -> None:
    with serving(create_app(Settings(state_dir=tmp_path), registry=FakeRegistry())) as client:
        answer = client.post(path, json=CAMRY)

    assert answer.status_code == 503


def test_a_quote_can_be_rated(client: httpx.Client) -> None:
    address = f"/quotes/{client.post('/explain', json=CAMRY).json()['quote']['quote_id']}"
    assert client.get(address).json()["rating"] is None

    for rating in ("useful", "too low"):  # the later one replaces the earlier one
        assert client.put(f"{address}/rating", json={"rating": rating}).json()["rating"] == rating

    assert client.get(address).json()["rating"] == "too low"
    assert client.delete(address).status_code == 204
    assert client.put(f"{address}/rating", json={"rating": "useful"}).status_code == 404


@pytest.mark.parametrize("body", [[], {}, {"rating": "great"}, {"rating": "useful", "price": 1}])
def test_a_rating_that_cannot_be_used_is_refused_with_the_choices(client: httpx.Client, body: object) -> None:
    quote_id = client.post("/explain", json=CAMRY).json()["quote"]["quote_id"]

    answer = client.put(f"/quotes/{quote_id}/rating", json=body)

    assert answer.status_code == 422
    assert "rating" in answer.json()["errors"][0]["expected"] + answer.json()["errors"][0]["field"]


def test_a_quote_can_be_read_again_and_deleted(client: httpx.Client) -> None:
    explained = client.post("/explain", json=CAMRY).json()
    address = f"/quotes/{explained['quote']['quote_id']}"

    stored = client.get(address).json()

    assert stored["quote"] == explained["quote"]
    assert stored["reasons"] == explained["reasons"]
    assert stored["comparables"] == explained["comparables"]
    assert stored["listing"]["manufacturer"] == "toyota"
    assert "client" not in str(stored)  # nobody learns who asked
    assert client.delete(address).status_code == 204
    assert client.get(address).status_code == 404
    assert client.delete(address).status_code == 404


def test_a_quote_of_a_former_model_is_read_without_reasons(
    client: httpx.Client, bundle: Path, tmp_path: Path
) -> None:
    registry = FakeRegistry()
    registry.promote(bundle, version=1)
    settings = Settings(state_dir=tmp_path)
    with serving(create_app(settings, registry=registry)) as former:
        until(lambda: former.get("/readyz").is_success)
        quote_id = former.post("/predict", json=CAMRY).json()["quote_id"]
    registry.promote(bundle, version=2)
    with serving(create_app(settings, registry=registry)) as service:
        until(lambda: service.get("/readyz").json()["model"]["version"] == "2")

        stored = service.get(f"/quotes/{quote_id}").json()

    assert stored["reasons"] is None
    assert stored["comparables"] == []
    assert stored["quote"]["model_version"] == "1"
    assert stored["quote"]["data_as_of"] is None


@pytest.mark.parametrize("quote_id", ["f" * 32, "F" * 32, "..%2fmodel", "x"])
def test_an_id_of_no_quote_is_not_found(client: httpx.Client, quote_id: str) -> None:
    answer = client.get(f"/quotes/{quote_id}")

    assert answer.status_code == 404


def test_the_trims_of_a_model_come_with_their_share(client: httpx.Client) -> None:
    trims = client.get("/options", params={"make": "ford", "model": "F150 XLT"}).json()["trims"]

    assert [trim["name"] for trim in trims] == ["xlt"]
    assert trims[0]["share"] == 1.0
    assert client.get("/options", params={"make": "ford"}).json()["trims"] == []
