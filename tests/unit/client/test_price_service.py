"""The client returns answers as values, and raises errors that a visitor understands."""

import json

import httpx
import pytest
from msgspec import to_builtins

from answers import a_problem, a_quote_json
from carvalue.api import RatingChoice
from carvalue.api.examples import OPTIONS
from carvalue.client import ListingRejected, PriceServiceClient
from carvalue.client.errors import ApiKeyRejected, ModelNotReady, ServiceDown, TooBusy
from carvalue.journal import RATING_CHOICES
from carvalue.serving.model.live_model import ModelNotLoaded

F150 = {"manufacturer": "ford", "model": "f-150", "year": 2015}
QUOTE = a_quote_json(price=18_750, low=16_400, high=20_900, warnings=["odometer is missing"])


def service(status: int, body: object) -> PriceServiceClient:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return PriceServiceClient(
        "http://prices", transport=httpx.MockTransport(lambda _: httpx.Response(status, content=content))
    )


def test_a_quote_is_returned_as_a_value() -> None:
    quote = service(200, QUOTE).quote(F150)

    assert (quote.low, quote.price, quote.high) == (16_400, 18_750, 20_900)
    assert quote.warnings == ("odometer is missing",)


def test_a_visitor_can_choose_every_rating_of_the_service() -> None:
    assert tuple(choice.value for choice in RatingChoice) == RATING_CHOICES


def test_a_refusal_has_the_expectation_of_each_field() -> None:
    wrong = {"field": "year", "pointer": "/year", "came": "1", "expected": "a year"}
    problem = a_problem(detail="x", errors=[wrong])

    with pytest.raises(ListingRejected) as caught:
        service(422, problem).quote(F150)

    assert caught.value.expected == {"year": "a year"}


def test_a_service_without_a_model_is_not_ready() -> None:
    problem = a_problem(type=ModelNotLoaded.problem_type, detail="There is no model.")

    with pytest.raises(ModelNotReady, match="There is no model"):
        service(503, problem).quote(F150)


def test_a_service_without_its_journal_does_not_wait_for_a_model() -> None:
    problem = a_problem(detail="The journal does not answer.")

    with pytest.raises(ServiceDown, match=r"^The journal does not answer\. .*Try again in a moment"):
        service(503, problem).report_sale("f" * 32, 9_000)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, {}),
        (200, []),
        (200, QUOTE | {"price": "much"}),
        (502, b"<html>"),
        (500, a_problem(detail="x")),
    ],
)
def test_an_unexpected_response_is_an_error(status: int, body: object) -> None:
    with pytest.raises(ServiceDown):
        service(status, body).quote(F150)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_missing_response_names_the_service(error: type[httpx.TransportError]) -> None:
    def failing(_: httpx.Request) -> httpx.Response:
        raise error("broken")

    with pytest.raises(ServiceDown, match="http://prices does not answer"):
        PriceServiceClient("http://prices", transport=httpx.MockTransport(failing)).quote(F150)


def test_a_key_is_sent_and_its_rejection_is_for_the_operator() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers.get("X-API-Key") == "mine":
            return httpx.Response(200, json=QUOTE)
        return httpx.Response(401, json=a_problem(detail="This service asks for a key."))

    def asking(headers: dict[str, str]) -> PriceServiceClient:
        return PriceServiceClient("http://prices", headers=headers, transport=httpx.MockTransport(answer))

    assert asking({"X-API-Key": "mine"}).quote(F150).price == 18_750
    with pytest.raises(ApiKeyRejected, match="SERVICE_API_KEY"):
        asking({}).quote(F150)


def test_a_rate_limited_page_reports_it() -> None:
    with pytest.raises(TooBusy, match="Try again in a moment"):
        service(429, a_problem(detail="x")).quote(F150)


def test_suggestions_are_by_field() -> None:
    models = [{"name": "f-150", "listings": 20_000}]
    answer = to_builtins(OPTIONS) | {"makes": ["ford"], "models": models, "regions": ["austin"]}

    suggestions = service(200, answer).suggestions("ford")

    assert suggestions == {"manufacturer": ("ford",), "model": ("f-150",), "region": ("austin",)}
