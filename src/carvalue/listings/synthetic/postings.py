"""Offer the cars: who posts what where and when, the same car often more than once."""

from dataclasses import dataclass

import numpy as np

from carvalue.listings.synthetic.cars import Rng
from carvalue.listings.synthetic.catalogue import Catalogue, Floats, Ints

REPOSTED_SHARE = 0.44  # of all rows: a car that another row already offers
ELSEWHERE_SHARE = 0.7  # of the repeats: in another region; the rest on another day
REDUCED_SHARE = 0.1  # of the repeats: somewhat cheaper than the first time
FIRST_SECOND = 1_617_494_400  # 2021-04-04T00:00:00 as a local clock shows it
DAYS = 29
FIRST_ID, LAST_ID = 7_301_583_321, 7_317_101_084  # the original's ids grow with time


@dataclass(frozen=True, kw_only=True)
class Posts:
    """One position per row of the file: which car, where, when (local clock, seconds), how much."""

    car: Ints
    region: Ints
    posted_s: Ints
    price: Ints
    lat: Floats
    long: Floats


def cars_for(rows: int) -> int:
    """How many different cars stand behind so many rows."""
    return max(1, round(rows * (1 - REPOSTED_SHARE)))


def post_cars(rng: Rng, catalogue: Catalogue, *, prices: Ints, home: Ints, rows: int) -> Posts:
    """Post every car once and some again, until there are `rows` posts."""
    car = np.concatenate(
        [np.arange(len(prices)), _reposted(rng, cars=len(prices), repeats=rows - len(prices))]
    )
    is_repeat = np.arange(rows) >= len(prices)
    elsewhere = rng.choice(len(catalogue.regions), size=rows, p=catalogue.region_shares)
    moved = is_repeat & (rng.random(rows) < ELSEWHERE_SHARE)
    region = np.where(moved, elsewhere, home[car])
    lat = np.asarray([item.lat for item in catalogue.regions])[region]
    long = np.asarray([item.long for item in catalogue.regions])[region]
    return Posts(
        car=car,
        region=region,
        posted_s=_moments(rng, rows),
        price=_reduced(rng, prices[car], is_repeat=is_repeat),
        lat=np.round(lat + rng.normal(0, 0.12, rows), 4),
        long=np.round(long + rng.normal(0, 0.15, rows), 4),
    )


def ids_in_time_order(rng: Rng, posted_s: Ints, *, chunk: int, chunks: int) -> Ints:
    """Number the posts in the order of their time; no two chunks share a number."""
    slots = (LAST_ID - FIRST_ID) // chunks
    drawn = np.sort(rng.choice(slots, size=len(posted_s), replace=False))
    ids = np.empty(len(posted_s), dtype=np.int64)
    ids[np.argsort(posted_s, kind="stable")] = FIRST_ID + drawn * chunks + chunk
    return ids


def _reposted(rng: Rng, *, cars: int, repeats: int) -> Ints:
    """Choose the cars to post again: a few dealers flood every region with the same car."""
    eagerness = rng.pareto(1.5, cars) + 0.03
    return rng.choice(cars, size=repeats, p=eagerness / eagerness.sum())


def _moments(rng: Rng, rows: int) -> Ints:
    """Draw local seconds: more towards the end of the month, mostly in daytime."""
    weights = 1.0 + np.arange(DAYS) / 12
    day = rng.choice(DAYS, size=rows, p=weights / weights.sum())
    hour = 6.5 + 16.5 * rng.beta(1.6, 1.9, rows)
    return (FIRST_SECOND + day * 86_400 + np.floor(hour * 3_600)).astype(np.int64)


def _reduced(rng: Rng, price: Ints, *, is_repeat: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    reduced = is_repeat & (rng.random(len(price)) < REDUCED_SHARE) & (price > 1_000)
    cheaper = np.round(price * rng.uniform(0.93, 0.99, len(price)) / 10) * 10
    return np.where(reduced, cheaper, price).astype(np.int64)
