"""The tools as a client of the protocol calls them."""

import asyncio
from typing import Any

import httpx
import pytest
from mcp.client.client import Client
from msgspec import to_builtins

from answers import a_quote, explained
from carvalue.api.examples import DISTRIBUTION, OPTIONS
from carvalue.client import PriceServiceClient
from carvalue.mcp import create_server

REASONS = {
    "start": 14_000,
    "start_label": "a 2014 ford explorer",
    "items": [{"label": "x", "amount": 10_000}],
}
EXPLAINED = explained(quote=a_quote(price=24_000, low=20_000, high=29_000), reasons=REASONS, comparables=[])


def answer(request: httpx.Request) -> httpx.Response:
    if request.url.path == "/v1/options":
        known = {"makes": ["ford", "honda"], "models": [{"name": "f-150", "listings": 9}]}
        return httpx.Response(200, json=to_builtins(OPTIONS) | known)
    if request.url.path == "/v1/distribution":
        asking = int(request.url.params["asking_price"])
        ranked = {"price": asking, "share_below": 0.94, "share_above": 0.06}
        return httpx.Response(200, json=to_builtins(DISTRIBUTION) | {"asking": ranked})
    return httpx.Response(200, json=to_builtins(EXPLAINED))


def call(tool: str, **arguments: Any) -> Any:
    async def conversation() -> Any:
        service = PriceServiceClient("http://service", transport=httpx.MockTransport(answer))
        async with Client(create_server(service)) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(conversation())


def test_a_described_car_is_priced_with_range_date_and_support() -> None:
    priced = call("price_car", description="2015 ford f-150 xlt 80000 miles").structured_content

    assert (priced["price"], priced["low"], priced["high"]) == (24_000, 20_000, 29_000)
    assert priced["data_as_of"] == "2021-05-04"
    assert "rough guess" in priced["support"]
    assert priced["understood"] == {
        "manufacturer": "ford",
        "model": "f-150 xlt",
        "year": 2015,
        "odometer": 80_000,
    }


def test_an_explanation_adds_up() -> None:
    explained = call("explain_price", description="2015 ford f-150").structured_content

    assert explained["start"] + sum(step["amount"] for step in explained["steps"]) == 24_000


def test_an_asking_price_is_rated() -> None:
    rated = call("rate_asking_price", description="2015 ford f-150", asking=28_900).structured_content

    assert rated["rating"] == "Overpriced"
    assert rated["difference"] == 4_900
    assert rated["share_below"] == 0.94


def test_cars_are_compared_and_a_vin_is_decoded() -> None:
    compared = call("compare_cars", descriptions=["2015 ford f-150", "2016 ford f-150"]).structured_content
    decoded = call("decode_vin", vin="1HGCM82633A004352").structured_content

    assert len(compared["result"]) == 2
    assert decoded["manufacturer"] == "honda"


@pytest.mark.parametrize(
    ("description", "expected"),
    [("2015 frod f-150", "Did you mean ford?"), ("a red car", "Name year, make and model")],
)
def test_an_unclear_car_is_asked_about(description: str, expected: str) -> None:
    refused = call("price_car", description=description)

    assert refused.is_error
    assert expected in refused.content[0].text


def test_a_vin_with_a_typing_error_gets_its_correction() -> None:
    refused = call("decode_vin", vin="1HGCM82633A0O4352")

    assert refused.is_error
    assert "Did you mean 1HGCM82633A004352?" in refused.content[0].text
