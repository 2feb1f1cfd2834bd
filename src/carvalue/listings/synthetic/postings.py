"""Draw postings: where and when each car is posted; many cars are posted more than once."""

from dataclasses import dataclass

import numpy as np

from carvalue.listings.synthetic.cars import Rng
from carvalue.listings.synthetic.catalogue import Catalogue, Floats, Ints

REPOSTED_SHARE = 0.44  # of all rows: re-posts of a car of another row
ELSEWHERE_SHARE = 0.7  # of the re-posts: in another region; the others are on another day
REDUCED_SHARE = 0.1  # of the re-posts: at a lower price
FIRST_SECOND = 1_617_494_400  # 2021-04-04T00:00:00 in local time
DAYS = 29
FIRST_ID, LAST_ID = 7_301_583_321, 7_317_101_084  # ids increase with time, as in the Kaggle data set


@dataclass(frozen=True, kw_only=True)
class Posts:
    """Postings as columns of shape (rows,).

    Attributes:
        car: The index of the car.
        region: The index of the region in the catalogue.
        posted_s: The posting time in local time, in seconds since 1970.
        price: The asking price, in dollars.
        lat: The latitude, in degrees.
        long: The longitude, in degrees.
    """

    car: Ints
    region: Ints
    posted_s: Ints
    price: Ints
    lat: Floats
    long: Floats


def cars_for(rows: int) -> int:
    """Compute the number of different cars among a number of rows.

    Args:
        rows: The number of rows.

    Returns:
        The number of cars, at least 1.

    Example:
        >>> cars_for(1_000)
        560
    """
    return max(1, round(rows * (1 - REPOSTED_SHARE)))


def post_cars(rng: Rng, catalogue: Catalogue, *, prices: Ints, home: Ints, rows: int) -> Posts:
    """Post every car once, and some cars again.

    Args:
        rng: The random generator.
        catalogue: The models and regions.
        prices: The asking price of each car in dollars, shape (cars,).
        home: The index of each car's region, shape (cars,).
        rows: The number of postings, at least the number of cars.

    Returns:
        The postings.
    """
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
    """Assign increasing ids in the order of the posting times; ids of different chunks differ.

    Args:
        rng: The random generator.
        posted_s: Posting times in seconds, shape (rows,).
        chunk: The index of this chunk.
        chunks: The number of chunks.

    Returns:
        Ids, shape (rows,).
    """
    slots = (LAST_ID - FIRST_ID) // chunks
    drawn = np.sort(rng.choice(slots, size=len(posted_s), replace=False))
    ids = np.empty(len(posted_s), dtype=np.int64)
    ids[np.argsort(posted_s, kind="stable")] = FIRST_ID + drawn * chunks + chunk
    return ids


def _reposted(rng: Rng, *, cars: int, repeats: int) -> Ints:
    """Choose the cars to post again; the number of re-posts of a car follows a Pareto distribution."""
    rates = rng.pareto(1.5, cars) + 0.03
    return rng.choice(cars, size=repeats, p=rates / rates.sum())


def _moments(rng: Rng, rows: int) -> Ints:
    """Draw posting times in local time: more at the end of the month, mostly in daytime."""
    weights = 1.0 + np.arange(DAYS) / 12
    day = rng.choice(DAYS, size=rows, p=weights / weights.sum())
    hour = 6.5 + 16.5 * rng.beta(1.6, 1.9, rows)
    return (FIRST_SECOND + day * 86_400 + np.floor(hour * 3_600)).astype(np.int64)


def _reduced(rng: Rng, price: Ints, *, is_repeat: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Ints:
    reduced = is_repeat & (rng.random(len(price)) < REDUCED_SHARE) & (price > 1_000)
    cheaper = np.round(price * rng.uniform(0.93, 0.99, len(price)) / 10) * 10
    return np.where(reduced, cheaper, price).astype(np.int64)
