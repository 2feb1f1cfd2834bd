"""Simulated traffic sends each held-out car once, applies drift, and isolates rejected listings."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from carvalue.demo.scenarios import parse_drift
from carvalue.demo.traffic import ServiceUnreachable, Traffic, TrafficRejected, simulate
from carvalue.listings.datasets.store import Dataset
from markets import a_market
from servers import serving

CARS, FAST = 40, 5_000.0


class Service:
    """A price service that refuses cars of 2005 and records the requests."""

    def __init__(self) -> None:
        self.requested: list[dict[str, Any]] = []
        self.sales: list[dict[str, Any]] = []

    async def predict(self, request: Request) -> JSONResponse:
        listings = await request.json()
        if any(listing["year"] == 2005 for listing in listings):
            return JSONResponse({"detail": "no"}, 422)
        quotes = [
            {"quote_id": str(len(self.requested) + place), "price": 9_000} for place in range(len(listings))
        ]
        self.requested += listings
        return JSONResponse(quotes)

    async def feedback(self, request: Request) -> JSONResponse:
        self.sales.append(json.loads(await request.body()))
        return JSONResponse({})


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    routes = [
        Route("/predict", service.predict, methods=["POST"]),
        Route("/feedback", service.feedback, methods=["POST"]),
    ]
    with serving(Starlette(routes=routes)) as client:
        yield client


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    market = a_market(rows=CARS).with_columns(
        year=pl.Series([2005, *[2010] * (CARS - 1)], dtype=pl.Int16), odometer=pl.int_range(CARS) + 50_000
    )
    pl.concat([market, market]).write_parquet(tmp_path / "test.parquet")  # every car was posted twice
    return Dataset(tmp_path)


def send(
    client: httpx.Client, dataset: Dataset, *drifts: str, requests: int = CARS, sales: float = 0
) -> Traffic:
    read = [parse_drift(text) for text in drifts]
    return simulate(
        client,
        dataset,
        rate=FAST,
        requests=requests,
        drifts=read,
        sales=sales,
        on_tick=lambda traffic: None,
    )


def test_each_car_is_quoted_once_in_order_of_posting(
    client: httpx.Client, dataset: Dataset, service: Service
) -> None:
    done = send(client, dataset)

    assert [listing["odometer"] for listing in service.requested] == [50_000 + n for n in range(1, CARS)]
    assert (done.sent, done.refused) == (CARS, 1)
    assert done.median_price == 9_000


def test_a_drift_changes_the_requests_that_it_names(
    client: httpx.Client, dataset: Dataset, service: Service
) -> None:
    send(client, dataset, "odometer*2@10-20", "fuel=electric@30")

    doubled = [number for number, car in enumerate(service.requested, start=1) if car["odometer"] >= 100_000]
    electric = [
        number for number, car in enumerate(service.requested, start=1) if car.get("fuel") == "electric"
    ]
    assert doubled == list(range(10, 20))
    assert electric == list(range(30, CARS))


def test_sales_are_reported_at_the_asking_price(
    client: httpx.Client, dataset: Dataset, service: Service
) -> None:
    done = send(client, dataset, sales=1)

    asking = pl.read_parquet(dataset.path("test"))["price"].to_list()
    assert [sale["sale_price"] for sale in service.sales] == asking[1:CARS]
    assert done.sales == CARS - 1


def test_an_unavailable_service_is_named(dataset: Dataset) -> None:
    with (
        httpx.Client(base_url="http://127.0.0.1:9") as nobody,
        pytest.raises(ServiceUnreachable, match="http://127"),
    ):
        send(nobody, dataset)


def test_a_service_that_requires_a_key_gets_one_request(dataset: Dataset) -> None:
    requested: list[Request] = []

    async def refuse(request: Request) -> JSONResponse:
        requested.append(request)
        return JSONResponse({"detail": "This service asks for a key."}, 401)

    with (
        serving(Starlette(routes=[Route("/predict", refuse, methods=["POST"])])) as client,
        pytest.raises(TrafficRejected, match="SERVICE_API_KEY"),
    ):
        send(client, dataset)

    assert len(requested) == 1
