"""Simulate traffic: request quotes for held-out cars at a constant rate, with optional drift and sales."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from random import Random
from statistics import median
from typing import Any

import httpx
import polars as pl

from carvalue.demo.scenarios import SimulatedDrift
from carvalue.errors import AppError
from carvalue.listings import FIELDS, REQUIRED_FIELDS, Value
from carvalue.listings.datasets import Dataset

TICK_S = 0.1  # all listings of a tick go in one request; one request each would limit the rate
SEED = 2021
REJECTIONS = (httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS)

OnTick = Callable[["Traffic"], None]
"""Function that is called after each tick."""


class ServiceUnreachable(AppError):
    """The price service does not answer."""

    status, hint = 503, "Start it with `make up`, or set SERVICE_URL."


class TrafficRejected(AppError):
    """The price service rejects the API key or limits the rate."""

    status, hint = 401, "Set SERVICE_API_KEY to a key of `carvalue keys new CLIENT`, or lower --rate."


@dataclass(kw_only=True)
class Traffic:
    """Counters of simulated traffic.

    Attributes:
        sent: Number of listings sent.
        refused: Number of listings without a quote.
        sales: Number of sale prices that the service accepted.
        prices: Prices of the latest answer, in dollars.
        quote_ids: Ids of the quotes of the latest answer.

    Examples:
        >>> Traffic(prices=[9_000, 9_500, 12_000]).median_price
        9500
    """

    sent: int = 0
    refused: int = 0
    sales: int = 0
    prices: list[int] = field(default_factory=list)
    quote_ids: list[str] = field(default_factory=list)

    @property
    def median_price(self) -> float:
        """Median price of the latest answer, in dollars; 0 before the first."""
        return median(self.prices) if self.prices else 0.0


def simulate(
    client: httpx.Client,
    dataset: Dataset,
    *,
    rate: float,
    requests: int,
    drifts: Sequence[SimulatedDrift],
    sales: float,
    on_tick: OnTick,
) -> Traffic:
    """Request quotes for held-out cars in the order in which they were posted.

    Args:
        client: HTTP client of the price service.
        dataset: Dataset with the test rows; after the last car the first follows again.
        rate: Listings per second.
        requests: Number of listings.
        drifts: Changes to apply to the listings, in this order.
        sales: Share of quoted cars that are reported as sold for their asking price, from 0 to 1.
        on_tick: Called with the counters after each tick of 0.1 seconds.

    Returns:
        The final counters.

    Raises:
        ServiceUnreachable: The service does not answer.
        TrafficRejected: The service requires an API key or limits the rate.
    """
    random, traffic = Random(SEED), Traffic()  # noqa: S311  # simulation, not security
    cars, start = held_out_cars(dataset), time.monotonic()
    size = max(1, round(rate * TICK_S))
    while traffic.sent < requests:
        _wait_until(start + traffic.sent / rate)
        batch = list(islice(cars, min(size, requests - traffic.sent)))
        _send(client, batch, drifts=drifts, sales=sales, traffic=traffic, random=random)
        on_tick(traffic)
    return traffic


def held_out_cars(dataset: Dataset) -> Iterator[tuple[dict[str, Value], int]]:
    """Iterate over the held-out cars in the order of posting, endlessly, each car once per round.

    Args:
        dataset: Dataset with the test rows.

    Returns:
        Iterator of listings (field name -> value) and their asking prices in dollars.
    """
    names = [item.name for item in FIELDS]
    rows = pl.read_parquet(dataset.path("test")).sort("posted_at", maintain_order=True)
    # advertisements may lack fields that the price service requires
    cars = rows.drop_nulls(REQUIRED_FIELDS).unique("car", keep="first", maintain_order=True)
    listings = cars.select(names).to_dicts()
    return cycle(zip(listings, cars["price"].to_list(), strict=True))


def _send(
    client: httpx.Client,
    batch: Sequence[tuple[dict[str, Value], int]],
    *,
    drifts: Sequence[SimulatedDrift],
    sales: float,
    traffic: Traffic,
    random: Random,
) -> None:
    listings: list[dict[str, Value]] = []
    for number, (listing, _) in enumerate(batch, start=traffic.sent):
        for drift in drifts:
            listing = drift.apply(listing, number=number, random=random)
        listings.append({name: value for name, value in listing.items() if value is not None})
    quotes = _quotes(client, listings)
    traffic.sent += len(batch)
    traffic.refused += quotes.count(None)
    traffic.quote_ids = [quote["quote_id"] for quote in quotes if quote]
    traffic.prices = [quote["price"] for quote in quotes if quote] or traffic.prices
    for quote, (_, asking_price) in zip(quotes, batch, strict=True):
        if quote and random.random() < sales:
            sale = {"quote_id": quote["quote_id"], "sale_price": asking_price}
            traffic.sales += client.post("/feedback", json=sale).is_success


def _quotes(client: httpx.Client, listings: list[dict[str, Value]]) -> list[dict[str, Any] | None]:
    """Request all quotes at once; if the service rejects the list, request them one by one."""
    try:
        answer = client.post("/predict", json=listings)
    except httpx.HTTPError as error:
        raise ServiceUnreachable(
            f"The price service at {client.base_url} does not answer: {error}."
        ) from error
    if answer.is_success:
        return list(answer.json())
    if answer.status_code in REJECTIONS:
        raise TrafficRejected(str(answer.json()["detail"]))
    if len(listings) == 1:
        return [None]
    return [quote for listing in listings for quote in _quotes(client, [listing])]


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
