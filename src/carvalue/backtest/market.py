"""A past market, day by day: what the source publishes, who asks, and which sales are told when."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import polars as pl

from carvalue.errors import AppError
from carvalue.listings.datasets import COLUMNS, SPLITS, Dataset

SEED = 2021
CLIENTS = 499  # who report sales


class MarketTooShort(AppError):
    """The listings do not span the days that a replay needs."""

    status, hint = 422, "Give a dataset of more days, or fewer days of history."


class InvalidPriceShift(AppError):
    """A change of prices that cannot be read."""

    status, hint = 422, "For example --move 1.1@18: a tenth dearer from day 18 on."


@dataclass(frozen=True, kw_only=True)
class PriceShift:
    """All prices change at once.

    Attributes:
        factor: by how much.
        day: from which day on, counted from the first listing.
    """

    factor: float
    day: int


def parse_price_shift(text: str) -> PriceShift | None:
    """Read FACTOR@DAY; empty is none.

    Raises:
        InvalidPriceShift: it is neither.
    """
    if not text:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)@(\d+)", text)
    if found is None or not float(found[1]):
        raise InvalidPriceShift(f"--move {text!r}: expected FACTOR@DAY.")
    return PriceShift(factor=float(found[1]), day=int(found[2]))


@dataclass(frozen=True, kw_only=True)
class MarketAssumptions:
    """What is assumed of people and of the source.

    Attributes:
        cars: how many different cars at most; fewer make a quicker replay.
        asking: the share of cars that people ask for; the source publishes the others.
        told: the share of the cars asked for whose sale is told.
        first_told, last_told: after how many days, each day as likely as the other.
    """

    cars: int = 40_000
    asking: float = 0.5
    told: float = 0.3
    first_told: int = 2
    last_told: int = 7


class Market:
    """Listings of the past in two parts that share no car: published ones, and those that people ask for."""

    def __init__(
        self, listings: pl.DataFrame, *, habits: MarketAssumptions, move: PriceShift | None = None
    ) -> None:
        self._began: datetime = listings["posted_at"].min()  # type: ignore[assignment]
        self._listings = _with_habits(_moved(_in_days(listings, self._began), move), habits)

    @cached_property
    def days(self) -> int:
        """How many days it spans."""
        return int(self._listings["day"].max()) + 1  # type: ignore[arg-type]

    def evening(self, day: int) -> datetime:
        """Tell when a day ends."""
        return self._began + timedelta(days=day + 1)

    def published(self, day: int) -> pl.DataFrame:
        """List what the source has published by the evening of a day."""
        return self._listings.filter(~pl.col("asked"), pl.col("day") <= day)

    def asked(self, day: int) -> pl.DataFrame:
        """List the cars that people ask for on a day, each once, with what they turn out to be sold for."""
        return self._listings.filter(pl.col("asked"), pl.col("day") == day).unique(
            "car", keep="first", maintain_order=True
        )


def read_listings(dataset: Dataset) -> pl.DataFrame:
    """Read all of a dataset in the order of posting.

    Raises:
        DatasetMissing: a split is gone.
    """
    return pl.concat([pl.read_parquet(dataset.path(name)) for name in SPLITS]).sort("posted_at", "id")


def sales_told_by(market: Market, day: int, *, sold: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """List the sales that were reported by the evening of a day.

    Args:
        market: The market, whose first evening dates the reports.
        day: The day, counted from the first listing.
        sold: Cars with `told_on` (day of the report), `quoted` and `price` (sale price), both in dollars.

    Returns:
        The columns of `carvalue.listings.datasets.COLUMNS`; each of `CLIENTS` clients reports its share.
    """
    moments = pl.lit(market.evening(0)) + pl.duration(days=pl.col("told_on"))
    parts = [
        part.filter(pl.col("told_on") <= day).select(
            told_at=moments.cast(COLUMNS["told_at"]),
            client="client" + (pl.col("car") % CLIENTS).cast(pl.String),
            quoted=pl.col("quoted").cast(pl.Int64),
            sale_price=pl.col("price").cast(pl.Int64),
            **{
                name: pl.col(name).cast(kind)
                for name, kind in COLUMNS.items()
                if name in part.columns and name != "quoted"
            },
        )
        for part in sold
    ]
    return pl.concat([pl.DataFrame(schema=COLUMNS), *parts])


def _in_days(listings: pl.DataFrame, began: datetime) -> pl.DataFrame:
    return listings.with_columns(day=(pl.col("posted_at") - began).dt.total_days())


def _moved(listings: pl.DataFrame, move: PriceShift | None) -> pl.DataFrame:
    if move is None:
        return listings
    moved = (pl.col("price") * move.factor).round().cast(listings.schema["price"])
    return listings.with_columns(price=pl.when(pl.col("day") >= move.day).then(moved).otherwise("price"))


def _with_habits(listings: pl.DataFrame, habits: MarketAssumptions) -> pl.DataFrame:
    """Draw by car, so that a car that is posted again has one fate; the same seed draws the same."""
    cars = listings.select("car").unique(maintain_order=True)
    cars = cars.sample(min(habits.cars, cars.height), seed=SEED, shuffle=False)
    luck = [pl.Series(name, _uniform(cars.height, seed)) for seed, name in enumerate(("ask", "tell", "wait"))]
    days = habits.last_told - habits.first_told + 1
    after = habits.first_told + (pl.col("wait") * days).floor().cast(pl.Int64)
    drawn = cars.hstack(luck).select(
        "car",
        asked=pl.col("ask") < habits.asking,
        told_after=pl.when(pl.col("tell") < habits.told).then(after),
    )
    kept = listings.join(drawn, on="car", how="inner", maintain_order="left")
    return kept.with_columns(told_on=pl.col("day") + pl.col("told_after")).drop("told_after")


def _uniform(count: int, seed: int) -> pl.Series:
    return pl.int_range(count, eager=True).sample(count, seed=SEED + seed, shuffle=True) / count
