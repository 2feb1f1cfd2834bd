"""The API as clients use it: quotes, refusals and health; no input causes status 500."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import to_builtins
from pydantic import SecretStr

from carvalue.api.examples import BRIEF_LISTING as BRIEF_EXAMPLE
from carvalue.api.examples import LISTING as EXAMPLE
from carvalue.api.examples import QUOTE
from carvalue.journal.store import Journal
from carvalue.listings.schema import FIELD_BY_NAME
from carvalue.serving.app import create_app
from carvalue.serving.http.request_body import MAX_BODY_BYTES
from carvalue.serving.middleware.observability import ObservabilityMiddleware
from carvalue.settings import Settings
from factories import an_entry
from fakes import FakeRegistry
from servers import serving
from waiting import until


def an_app(registry: FakeRegistry, state_dir: Path) -> ObservabilityMiddleware:
    return create_app(Settings(state_dir=state_dir), registry=registry)


@pytest.fixture(scope="module")
def client(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service with version 3 in production."""
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    with serving(an_app(registry, tmp_path_factory.mktemp("state"))) as client:
        until(lambda: client.get("/readyz").is_success)
        yield client


def test_one_listing_gets_one_quote(client: httpx.Client) -> None:
    answer = client.post("/predict", json=EXAMPLE)

    quote = answer.json()
    assert answer.status_code == 200
    assert list(quote) == list(to_builtins(QUOTE))
    assert quote["low"] <= quote["price"] <= quote["high"]
    assert (quote["currency"], quote["model_version"], quote["data_as_of"]) == ("USD", "3", "2021-04-05")


def test_concurrent_requests_get_their_own_answers(client: httpx.Client) -> None:
    years = list(range(1990, 2020))
    ask = partial(client.post, "/predict")

    with ThreadPoolExecutor(len(years)) as threads:
        answers = list(threads.map(lambda year: ask(json=BRIEF_EXAMPLE | {"year": year}).json(), years))

    singles = [ask(json=BRIEF_EXAMPLE | {"year": year}).json()["price"] for year in years]
    assert [answer["price"] for answer in answers] == singles
    assert len({answer["quote_id"] for answer in answers}) == len(years)


def test_a_list_gets_a_list_in_order(client: httpx.Client) -> None:
    years = list(range(2000, 2020))

    quotes = client.post("/predict", json=[BRIEF_EXAMPLE | {"year": year} for year in years]).json()

    singles = [client.post("/predict", json=BRIEF_EXAMPLE | {"year": year}).json()["price"] for year in years]
    assert [quote["price"] for quote in quotes] == singles
    assert len({quote["quote_id"] for quote in quotes}) == len(years)
    assert client.post("/predict", json=[]).json() == []


def test_cars_differ_in_price_and_miles_count(client: httpx.Client) -> None:
    porsche = {"make": "porsche", "model": "911", "year": 2015, "odometer": 30_000}
    cars = [EXAMPLE, BRIEF_EXAMPLE, porsche, porsche | {"odometer": 150_000}]

    prices = [quote["price"] for quote in client.post("/predict", json=cars).json()]

    assert len(set(prices)) == 4
    assert prices[2] > prices[3]


def test_unknown_categories_give_warnings(client: httpx.Client) -> None:
    quote = client.post("/predict", json={"make": "lada", "model": "niva", "year": 1990}).json()

    assert any("lada" in warning for warning in quote["warnings"])


def test_warnings_are_counted_by_kind_and_unknown_categories_by_field(client: httpx.Client) -> None:
    before = _counts(client)
    car = {"make": "trabant", "model": "601", "year": 1990, "region": "nowhere"}

    client.post("/predict", json=car)
    client.post("/predict", json=[car] * 20)

    counted = {series: value - before.get(series, 0) for series, value in _counts(client).items()}
    assert counted['carvalue_quote_warnings_total{kind="make_unknown"}'] == 21
    assert counted['carvalue_quote_warnings_total{kind="odometer_missing"}'] == 21
    assert counted['carvalue_unknown_categories_total{field="manufacturer"}'] == 21
    assert counted['carvalue_unknown_categories_total{field="region"}'] == 21
    assert counted["carvalue_warned_quotes_total"] == 21
    assert not any("trabant" in series for series in counted)


def _counts(client: httpx.Client) -> dict[str, float]:
    lines = client.get("/metrics").text.splitlines()
    return {series: float(value) for series, value in (x.rsplit(" ", 1) for x in lines if x[0] != "#")}


def test_a_refusal_names_the_field(client: httpx.Client) -> None:
    answer = client.post("/predict", json=[EXAMPLE, EXAMPLE | {"year": "twenty"}])

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"] == [
        {
            "field": "year",
            "pointer": "/1/year",
            "came": '"twenty"',
            "expected": "a whole number from 1985 to 2030",
        }
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'{"year": NaN}', 400),
        (b'{"year": 1, "year": 2}', 400),
        (b"[" * 200_000, 400),
        (b'{"year": 1e309}', 422),
        (b'{"make": "\\ud800\\u0000", "model": "x", "year": 2000}', 422),
        (b'{"\\ud800": 1}', 422),
        (b"null", 422),
        (b"[[]]", 422),
        (json.dumps([EXAMPLE] * 1_001).encode(), 413),
        (b'"' + b"x" * MAX_BODY_BYTES + b'"', 413),
    ],
)
def test_an_invalid_body_is_a_client_error(client: httpx.Client, body: bytes, status: int) -> None:
    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert answer.json()["hint"]


def test_a_large_body_without_length_is_cut_off(client: httpx.Client) -> None:
    chunks = (b" " * 65_536 for _ in range(1_600))

    answer = client.post("/predict", content=chunks, headers={"content-type": "application/json"})

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("declared", "status"),
    [
        ("application/json; charset=utf-8", 200),
        ("application/vnd.car+json", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
def test_the_body_must_be_declared_as_json(client: httpx.Client, declared: str, status: int) -> None:
    answer = client.post("/predict", content=json.dumps(EXAMPLE), headers={"content-type": declared})

    assert answer.status_code == status


@pytest.mark.parametrize(
    "path", ["/predict", "/predict/batch", "/explain", "/distribution", "/curves", "/feedback"]
)
def test_a_body_without_a_declared_format_is_refused(client: httpx.Client, path: str) -> None:
    request = client.build_request("POST", path, content=json.dumps(EXAMPLE))

    assert "content-type" not in request.headers
    assert client.send(request).status_code == 415


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example:9696"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_a_foreign_web_page_is_refused(client: httpx.Client, headers: dict[str, str], status: int) -> None:
    answer = client.post("/predict", json=EXAMPLE, headers=headers)

    assert answer.status_code == status
    if status != 200:
        problem = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["request_id"] == answer.headers["x-request-id"]
        assert problem["hint"]
    if "host" in headers:
        assert client.get("/model", headers=headers).status_code == 421


def test_paths_and_methods_that_do_not_exist_are_problems(client: httpx.Client) -> None:
    for answer, status in ((client.get("/nowhere"), 404), (client.get("/predict"), 405)):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_options_offer_the_models_of_a_make(client: httpx.Client) -> None:
    everything = client.get("/options").json()
    ford = client.get("/options", params={"make": " Ford ", "q": "FO"}).json()

    assert set(everything["makes"]) == {"ford", "toyota", "honda", "porsche"}
    assert everything["models"] == []
    assert [field["name"] for field in everything["fields"]] == list(FIELD_BY_NAME)
    assert [model["name"] for model in ford["models"]] == ["focus"]
    assert ford["matching"] == 1


@pytest.mark.parametrize("search", ["f-1", "F1", "f 15", "150"])
def test_a_model_is_found_by_any_spelling_and_offered_by_its_display_name(
    client: httpx.Client, search: str
) -> None:
    (found,) = client.get("/options", params={"make": "ford", "q": search}).json()["models"]

    quote = client.post("/predict", json=EXAMPLE | {"model": found["name"]}).json()
    assert found["name"] == "f-150"
    assert found["listings"] > 300
    assert not any("training data" in warning for warning in quote["warnings"])


def test_a_bad_query_is_a_problem(client: httpx.Client) -> None:
    answer = client.get("/options", params={"limit": 0})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "limit"


def test_the_model_in_use_shows_its_card(client: httpx.Client) -> None:
    model = client.get("/model").json()

    assert model["version"] == "3"
    assert model["card"]["data_source"] == "sample"
    assert model["age_days"] > 365
    assert model["data_age_days"] == pytest.approx(model["age_days"] + 30, abs=1)
    assert model["vocabulary"] == {"makes": 4, "models": 6, "regions": 3}


def test_the_examples_of_the_documentation_work(client: httpx.Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v1/predict"]["post"]

    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        assert client.post("/predict", json=example["value"]).is_success


def test_the_documentation_loads_nothing_from_elsewhere(client: httpx.Client) -> None:
    page = client.get("/docs").text

    assert "https://" not in page


def test_the_documentation_runs_only_its_own_scripts(client: httpx.Client) -> None:
    page = client.get("/docs")

    policy = page.headers["content-security-policy"]
    assert re.findall("<script(?![^>]* src=)", page.text) == []
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/predict", "/healthz", "/nowhere", "/docs", "/options?limit=0"])
def test_every_answer_is_protected(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_assets_of_the_documentation_are_cacheable(client: httpx.Client) -> None:
    path, start = re.findall('src="(/[^"]+[.]js)"', client.get("/docs").text)

    asset = client.get(path)

    assert asset.is_success
    assert asset.headers["cache-control"] == "no-cache"
    assert client.get(start).is_success


@pytest.mark.parametrize("path", ["/predict", "/v1/predict"])
def test_a_versioned_path_answers_like_the_one_without(client: httpx.Client, path: str) -> None:
    answer = client.post(path, json=EXAMPLE)

    assert answer.json()["price"] == client.post("/predict", json=EXAMPLE).json()["price"]


def test_requests_of_a_route_are_counted_together(client: httpx.Client) -> None:
    series = 'carvalue_http_requests_total{route="/quotes/{quote_id}",status="404"}'
    before = _counts(client).get(series, 0)

    client.get(f"/quotes/{'0' * 32}")
    client.get(f"/v1/quotes/{'1' * 32}")

    assert _counts(client)[series] == before + 2


@pytest.mark.parametrize(
    ("query", "fields"),
    [("limit=0", ["limit"]), ("limit=x&make=" + "f" * 101, ["limit", "make"]), ("mak=ford", ["mak"])],
)
def test_each_wrong_parameter_of_a_query_is_named(
    client: httpx.Client, query: str, fields: list[str]
) -> None:
    answer = client.get(f"/options?{query}")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == fields
    expected = {error["field"]: error["expected"] for error in answer.json()["errors"]}
    assert expected.get("limit", "a whole number from 1 to 500") == "a whole number from 1 to 500"


def test_a_valid_request_id_is_kept(client: httpx.Client) -> None:
    answers = [client.get(path, headers={"x-request-id": "shop-42/7"}) for path in ("/healthz", "/nowhere")]

    assert [answer.headers["x-request-id"] for answer in answers] == ["shop-42/7", "shop-42/7"]
    assert answers[1].json()["request_id"] == "shop-42/7"


@pytest.mark.parametrize("given", ["", 'a"b', "a b", "x" * 129, "ä".encode(), "-"])
def test_a_malformed_request_id_is_replaced(client: httpx.Client, given: str | bytes) -> None:
    answers = [client.get("/nowhere", headers={"x-request-id": given}) for _ in range(2)]

    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len({*ids}) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", drawn) for drawn in ids)
    assert [answer.json()["request_id"] for answer in answers] == ids


def test_a_request_without_an_id_has_that_of_its_trace(client: httpx.Client) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    answer = client.get("/nowhere", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})

    assert answer.json()["request_id"] == trace


def test_requests_are_counted_by_route(client: httpx.Client) -> None:
    client.post("/predict", json=EXAMPLE)
    client.get("/no/such/path")

    lines = client.get("/metrics").text.splitlines()

    assert any(
        line.startswith('carvalue_http_requests_total{route="/predict",status="200"}') for line in lines
    )
    assert any(line.startswith('carvalue_http_requests_total{route="other",status="404"}') for line in lines)
    assert not any("no/such" in line for line in lines)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELD_BY_NAME, "make"]) | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=15,
)


@given(value=JSON)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_gets_no_server_error(client: httpx.Client, value: object) -> None:
    body = json.dumps(value).encode()

    answer = client.post("/predict", content=body, headers={"content-type": "application/json"})

    assert answer.status_code in {200, 400, 422}
    answer.json()


def test_without_a_model_the_service_is_alive_but_not_ready(tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.is_down = True

    with serving(an_app(registry, tmp_path)) as client:
        until(lambda: client.get("/readyz").json()["degraded"] == {"registry": "down"})
        ready, quote = client.get("/readyz"), client.post("/predict", json=EXAMPLE)

        assert client.get("/healthz").is_success
    assert ready.status_code == 503
    assert ready.json()["down"] == {"model": "nothing in production yet"}
    assert quote.status_code == 503
    assert "make build" in quote.json()["hint"]
    assert quote.headers["retry-after"] == "10"
    assert "within 10 seconds" in quote.json()["hint"]
    assert quote.json()["type"] == "urn:problem-type:carvalue:model-not-loaded"


def test_an_internal_error_is_a_problem_without_details(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> object:
        raise RuntimeError("secret")

    registry = FakeRegistry()
    registry.promote(bundle, version=1)
    monkeypatch.setattr("carvalue.serving.predict.read_listings", failing)

    with serving(an_app(registry, tmp_path)) as client:
        answer = client.post("/predict", json=EXAMPLE)

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_sale_price_is_stored_for_a_quote_that_was_answered(client: httpx.Client) -> None:
    quote_id = client.post("/predict", json=EXAMPLE).json()["quote_id"]

    stored = client.post("/feedback", json={"quote_id": quote_id, "sale_price": 21_500.0})
    unknown = client.post("/feedback", json={"quote_id": "0" * 32, "sale_price": 21_500})

    assert (stored.status_code, stored.json()) == (
        200,
        {"quote_id": quote_id, "sale_price": 21_500, "currency": "USD"},
    )
    assert unknown.status_code == 404
    assert unknown.json()["hint"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ([], [""]),
        ({}, ["quote_id", "sale_price"]),
        ({"quote_id": "0" * 32, "sale_price": True}, ["sale_price"]),
        ({"quote_id": "0" * 32, "sale_price": 0}, ["sale_price"]),
        ({"quote_id": "\u0000" * 32, "sale_price": 1}, ["quote_id"]),
        ({"quote_id": "g" * 32, "sale_price": 1}, ["quote_id"]),
        ({"quote_id": "A" * 32, "sale_price": 1}, ["quote_id"]),
        ({"quote_id": "\u0661" * 32, "sale_price": 1}, ["quote_id"]),
        ({"quote_id": "0" * 32 + "\n", "sale_price": 1}, ["quote_id"]),
        ({"quote_id": "0" * 32, "sale_price": 1, "note": "x"}, ["note"]),
    ],
)
def test_invalid_feedback_names_its_fields(client: httpx.Client, body: object, fields: list[str]) -> None:
    answer = client.post("/feedback", json=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == fields


def test_quotes_and_sales_are_journaled_with_their_client(bundle: Path, tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    with serving(an_app(registry, tmp_path)) as client:
        until(lambda: client.get("/readyz").is_success)
        quote_id = client.post("/predict", json=EXAMPLE).json()["quote_id"]
        client.post("/predict", json=[EXAMPLE] * 20)
        client.post("/explain", json=EXAMPLE)
        client.post(
            "/predict/batch",
            content=b"make,model,year\nford,f-150,2015\n",
            headers={"content-type": "text/csv"},
        )
        client.post("/feedback", json={"quote_id": quote_id, "sale_price": 21_500})

    journal = Journal(f"sqlite:///{tmp_path}/service/journal.db")
    entries = journal.after("", until=datetime(2100, 1, 1, tzinfo=UTC), limit=99)
    assert [entry.client for entry in entries] == ["local"] * 23
    assert [car.client for car in journal.sold_cars(limit=9)] == ["local"]


def test_a_caller_from_elsewhere_is_journaled_under_a_pseudonym(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carvalue.serving.auth.pseudonyms._is_loopback", lambda _: False)
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    with serving(an_app(registry, tmp_path)) as client:
        until(lambda: client.get("/readyz").is_success)
        client.post("/predict", json=EXAMPLE)

    (entry,) = Journal(f"sqlite:///{tmp_path}/service/journal.db").after(
        "", until=datetime(2100, 1, 1, tzinfo=UTC), limit=9
    )
    assert re.fullmatch("~[0-9a-f]{16}", entry.client or "")
    assert (tmp_path / "service" / "pseudonym-secret").stat().st_mode & 0o777 == 0o600


def test_quarantined_records_are_reported(bundle: Path, tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    outbox = tmp_path / "service" / "outbox"
    outbox.mkdir(parents=True)
    (outbox / "1.ndjson").write_bytes(b"[" * 100_000 + b"\n")
    with serving(an_app(registry, tmp_path)) as client:
        until(lambda: "quarantine" in client.get("/readyz").json()["degraded"])
        degraded = client.get("/readyz").json()["degraded"]
        metrics = client.get("/metrics").text

    assert degraded["quarantine"].startswith("1 records could not be stored")
    assert "carvalue_quarantined_records 1.0" in metrics


def test_quotes_that_wait_in_the_folder_of_release_0_1_are_forwarded(bundle: Path, tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    (tmp_path / "service" / "spool").mkdir(parents=True)
    (tmp_path / "service" / "spool" / "00000000000000000001-9.ndjson").write_bytes(an_entry(1).as_line())
    journal = Journal(f"sqlite:///{tmp_path}/service/journal.db")

    with serving(an_app(registry, tmp_path)):
        until(lambda: journal.after("", until=datetime(2100, 1, 1, tzinfo=UTC), limit=9) == [an_entry(1)])

    journal.close()


def test_an_unavailable_journal_stops_no_quote(bundle: Path, tmp_path: Path) -> None:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    (tmp_path / "file").write_text("no folder")
    settings = Settings(state_dir=tmp_path, journal_url=SecretStr(f"sqlite:///{tmp_path}/file/journal.db"))

    with serving(create_app(settings, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        quote = client.post("/predict", json=EXAMPLE)
        until(lambda: client.get("/readyz").json()["degraded"].get("journal") == "down")
        feedback = client.post("/feedback", json={"quote_id": quote.json()["quote_id"], "sale_price": 21_500})
        ready = client.get("/readyz")

    assert quote.status_code == 200
    assert feedback.status_code == 503
    assert ready.status_code == 200


def test_feedback_to_an_unavailable_journal_hides_the_database_error(
    bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    (tmp_path / "private-host").write_text("a file where the journal's folder should be")
    journal_url = SecretStr(f"sqlite:///{tmp_path}/private-host/journal.db")
    settings = Settings(state_dir=tmp_path, journal_url=journal_url)

    with serving(create_app(settings, registry=registry)) as client:
        answer = client.post("/feedback", json={"quote_id": "0" * 32, "sale_price": 21_500})

    assert answer.status_code == 503
    assert "private-host" not in answer.text
    assert answer.json()["detail"] == "The sale price was not stored: the journal is unavailable."
    (record,) = [record for record in caplog.records if record.message == "feedback not stored"]
    assert "private-host" in record.__dict__["because"]
    assert record.__dict__["request_id"] == answer.json()["request_id"]


@pytest.mark.parametrize("setting", ["answer", "refuse"])
def test_a_full_disk_is_visible_to_the_client(bundle: Path, tmp_path: Path, setting: str) -> None:
    registry = FakeRegistry()
    registry.promote(bundle, version=3)
    (tmp_path / "file").write_text("a file where the folder of the journal should be")
    (tmp_path / "service").mkdir()
    (tmp_path / "service" / "outbox").write_text("a file where the folder of the outbox should be")
    chosen = Settings.model_validate(
        {
            "state_dir": tmp_path,
            "journal_url": f"sqlite:///{tmp_path}/file/journal.db",
            "on_full_disk": setting,
        }
    )

    with serving(create_app(chosen, registry=registry)) as client:
        until(lambda: client.get("/readyz").is_success)
        one, many = client.post("/predict", json=EXAMPLE), client.post("/predict", json=[EXAMPLE] * 20)
        reasons = client.post("/explain", json=EXAMPLE)
        file = {"content": "make,model,year\nford,f-150,2015\n,,\n", "headers": {"content-type": "text/csv"}}
        if setting == "refuse":
            with pytest.raises(httpx.RemoteProtocolError):  # an answer that ends early never looks whole
                client.post("/predict/batch", **file)
        else:
            header, priced, _ = client.post("/predict/batch", **file).text.splitlines()

    if setting == "refuse":
        assert {answer.status_code for answer in (one, many, reasons)} == {503}
        assert "cannot be recorded" in one.json()["detail"]
        return
    assert [quote["recorded"] for quote in (one.json(), *many.json(), reasons.json()["quote"])] == [
        False
    ] * 22
    row = dict(zip(header.split(","), priced.split(","), strict=True))
    assert int(row["price"]) > 0
    assert not row["quote_id"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_routes_answer_head_without_a_body(client: httpx.Client, path: str) -> None:
    answer = client.head(path)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.content == b""


def test_head_is_not_documented(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]

    assert set(paths["/healthz"]) == set(paths["/readyz"]) == {"get"}


def test_a_method_that_is_not_allowed_is_answered_with_all_that_are(client: httpx.Client) -> None:
    answer = client.patch(f"/quotes/{'0' * 32}")

    assert answer.status_code == 405
    assert answer.headers["allow"] == "DELETE, GET, HEAD"


@pytest.mark.parametrize(("method", "path"), [("POST", "/predict/"), ("GET", "/healthz/")])
def test_a_trailing_slash_is_not_found_and_never_redirects(
    client: httpx.Client, method: str, path: str
) -> None:
    answer = client.request(method, path, headers={"host": "localhost:1"})

    assert answer.status_code == 404
    assert "location" not in answer.headers
    assert answer.headers["content-type"] == "application/problem+json"
