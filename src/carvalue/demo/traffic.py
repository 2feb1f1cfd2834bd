"""Traffic as people make it: held-out cars are asked for at a steady rate, with drift where it is wanted."""

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

TICK_S = 0.1  # requests of one tick go as one list: one listing each would cap the rate
SEED = 2021
REJECTIONS = (httpx.codes.UNAUTHORIZED, httpx.codes.TOO_MANY_REQUESTS)

OnTick = Callable[["Traffic"], None]


class ServiceUnreachable(AppError):
    """The price service does not answer."""

    status, hint = 503, "Start it with `make up`, or set SERVICE_URL."


class TrafficRejected(AppError):
    """The price service turns this client away."""

    status, hint = 401, "Set SERVICE_API_KEY to a key that `carvalue keys new CLIENT` made, or lower --rate."


@dataclass(kw_only=True)
class Traffic:
    """What has been asked and answered so far. Prices are in dollars.

    Attributes:
        sent: listings.
        refused: listings that the service did not price.
        sales: sale prices told.
        prices: of the newest answers.
    """

    sent: int = 0
    refused: int = 0
    sales: int = 0
    prices: list[int] = field(default_factory=list)

    @property
    def usual_price(self) -> float:
        """The median price of the newest answers."""
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
    """Ask for the prices of held-out cars, in the order in which they were posted.

    Args:
        client: of the price service.
        dataset: whose test cars are asked for; from the first again when all were.
        rate: listings a second.
        requests: how many listings.
        drifts: how they change.
        sales: the share of cars that are reported as sold, for their asking price.
        on_tick: told after each tick.

    Raises:
        ServiceUnreachable: the service does not answer.
        TrafficRejected: it asks for a key, or for fewer requests.
    """
    random, traffic = Random(SEED), Traffic()  # noqa: S311  # a play, no secret
    cars, began = held_out_cars(dataset), time.monotonic()
    size = max(1, round(rate * TICK_S))
    while traffic.sent < requests:
        _wait_until(began + traffic.sent / rate)
        batch = list(islice(cars, min(size, requests - traffic.sent)))
        _send(client, batch, drifts=drifts, sales=sales, traffic=traffic, random=random)
        on_tick(traffic)
    return traffic


def held_out_cars(dataset: Dataset) -> Iterator[tuple[dict[str, Value], int]]:
    """Go through the held-out cars in the order of posting, each once and again, with their asking prices."""
    names = [item.name for item in FIELDS]
    rows = pl.read_parquet(dataset.path("test")).sort("posted_at", maintain_order=True)
    # the service asks people for these; sellers' advertisements lack them now and then
    once = rows.drop_nulls(REQUIRED_FIELDS).unique("car", keep="first", maintain_order=True)
    listings = once.select(names).to_dicts()
    return cycle(zip(listings, once["price"].to_list(), strict=True))


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
            listing = drift.applied(listing, number=number, random=random)
        listings.append({name: value for name, value in listing.items() if value is not None})
    quotes = _quotes(client, listings)
    traffic.sent += len(batch)
    traffic.refused += quotes.count(None)
    traffic.prices = [quote["price"] for quote in quotes if quote] or traffic.prices
    for quote, (_, asked) in zip(quotes, batch, strict=True):
        if quote and random.random() < sales:
            told = client.post("/feedback", json={"quote_id": quote["quote_id"], "sale_price": asked})
            traffic.sales += told.is_success


def _quotes(client: httpx.Client, listings: list[dict[str, Value]]) -> list[dict[str, Any] | None]:
    """Ask for all at once; where one is refused, ask one by one, so that it costs no other its price."""
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
    left = moment - time.monotonic()
    if left > 0:
        time.sleep(left)
