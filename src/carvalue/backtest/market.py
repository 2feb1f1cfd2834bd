"""Simulate a past market day by day: published listings, quote requests, and sales reported later."""

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
    """The listings span fewer days than a replay needs."""

    status, hint = 422, "Use a dataset of more days, or fewer days of history."


class InvalidPriceShift(AppError):
    """A price shift does not have the form FACTOR@DAY."""

    status, hint = 422, "For example --move 1.1@18: prices are 10 % higher from day 18 on."


@dataclass(frozen=True, kw_only=True)
class PriceShift:
    """A sudden change of all prices.

    Attributes:
        factor: New price over old price.
        day: First day of the new prices, counted from the first listing, which is on day 0.
    """

    factor: float
    day: int


def parse_price_shift(text: str) -> PriceShift | None:
    """Parse the option FACTOR@DAY.

    Args:
        text: For example `1.1@18`; may be empty.

    Returns:
        The price shift; None if the text is empty.

    Raises:
        InvalidPriceShift: The text has another form, or the factor is 0.

    Examples:
        >>> parse_price_shift("1.1@18")
        PriceShift(factor=1.1, day=18)
        >>> parse_price_shift("") is None
        True
    """
    if not text:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)@(\d+)", text)
    if match is None or not float(match[1]):
        raise InvalidPriceShift(f"--move {text!r}: expected FACTOR@DAY.")
    return PriceShift(factor=float(match[1]), day=int(match[2]))


@dataclass(frozen=True, kw_only=True)
class MarketAssumptions:
    """Assumptions about what the listings do not contain: quote requests and reported sales.

    Attributes:
        cars: Largest number of different cars; fewer make a replay faster.
        request_share: Share of the cars that quotes are requested for; the others are published.
        report_share: Share of the quoted cars whose sale is reported.
        min_report_days: Fewest days from a quote to the report of its sale.
        max_report_days: Most days from a quote to the report of its sale; all numbers of days in between are
            equally likely.
    """

    cars: int = 40_000
    request_share: float = 0.5
    report_share: float = 0.3
    min_report_days: int = 2
    max_report_days: int = 7


class Market:
    """Past listings in two parts that share no car: published listings, and cars that get a quote.

    Args:
        listings: Listings with `posted_at`, `car` and `price`, in dollars.
        assumptions: Which cars get a quote, and which of their sales are reported when.
        price_shift: Sudden change of all prices; None leaves them as they were.
    """

    def __init__(
        self,
        listings: pl.DataFrame,
        *,
        assumptions: MarketAssumptions,
        price_shift: PriceShift | None = None,
    ) -> None:
        self._began: datetime = listings["posted_at"].min()  # type: ignore[assignment]
        dated = _with_day(listings, self._began)
        self._listings = _with_requests(_with_price_shift(dated, price_shift), assumptions)

    @cached_property
    def days(self) -> int:
        """Number of days that the listings span."""
        return int(self._listings["day"].max()) + 1  # type: ignore[arg-type]

    def end_of_day(self, day: int) -> datetime:
        """Compute when a day ends.

        Args:
            day: Number of the day, from 0.

        Returns:
            A whole number of days after the first listing.
        """
        return self._began + timedelta(days=day + 1)

    def published(self, day: int) -> pl.DataFrame:
        """List the listings that were published by the end of a day.

        Args:
            day: Number of the day, from 0.

        Returns:
            Listings of cars that get no quote.
        """
        return self._listings.filter(~pl.col("is_requested"), pl.col("day") <= day)

    def requested(self, day: int) -> pl.DataFrame:
        """List the cars that get a quote on a day, each once.

        Args:
            day: Number of the day, from 0.

        Returns:
            Listings whose `price` is taken as the sale price; `reported_day` is the day on which the sale is
            reported, or null if it is not.
        """
        return self._listings.filter(pl.col("is_requested"), pl.col("day") == day).unique(
            "car", keep="first", maintain_order=True
        )


def read_listings(dataset: Dataset) -> pl.DataFrame:
    """Read all splits of a dataset.

    Args:
        dataset: A published dataset.

    Returns:
        Its listings in the order of `posted_at`.

    Raises:
        DatasetMissing: A split is missing.
    """
    return pl.concat([pl.read_parquet(dataset.path(name)) for name in SPLITS]).sort("posted_at", "id")


def reported_sales(market: Market, day: int, *, sold: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """List the sales that were reported by the end of a day.

    Args:
        market: The market, whose first day dates the reports.
        day: The day, counted from the first listing.
        sold: Cars with `reported_day`, `quoted` and `price` (sale price), both in dollars.

    Returns:
        The columns of `carvalue.listings.datasets.COLUMNS`; each of `CLIENTS` clients reports its share.
    """
    moments = pl.lit(market.end_of_day(0)) + pl.duration(days=pl.col("reported_day"))
    parts = [
        part.filter(pl.col("reported_day") <= day).select(
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


def _with_day(listings: pl.DataFrame, began: datetime) -> pl.DataFrame:
    return listings.with_columns(day=(pl.col("posted_at") - began).dt.total_days())


def _with_price_shift(listings: pl.DataFrame, price_shift: PriceShift | None) -> pl.DataFrame:
    """Multiply the prices from a day on.

    Examples:
        >>> listings = pl.DataFrame({"day": [0, 1], "price": [10_000, 10_000]})
        >>> _with_price_shift(listings, PriceShift(factor=1.1, day=1))["price"].to_list()
        [10000, 11000]
    """
    if price_shift is None:
        return listings
    shifted = (pl.col("price") * price_shift.factor).round().cast(listings.schema["price"])
    is_later = pl.col("day") >= price_shift.day
    return listings.with_columns(price=pl.when(is_later).then(shifted).otherwise("price"))


def _with_requests(listings: pl.DataFrame, assumptions: MarketAssumptions) -> pl.DataFrame:
    """Draw requests and reports by car, with a fixed seed, so that all listings of a car agree."""
    cars = listings.select("car").unique(maintain_order=True)
    cars = cars.sample(min(assumptions.cars, cars.height), seed=SEED, shuffle=False)
    draws = [
        pl.Series(name, _uniform(cars.height, seed))
        for seed, name in enumerate(("request_draw", "report_draw", "delay_draw"))
    ]
    days = assumptions.max_report_days - assumptions.min_report_days + 1
    delay = assumptions.min_report_days + (pl.col("delay_draw") * days).floor().cast(pl.Int64)
    drawn = cars.hstack(draws).select(
        "car",
        is_requested=pl.col("request_draw") < assumptions.request_share,
        report_delay=pl.when(pl.col("report_draw") < assumptions.report_share).then(delay),
    )
    kept = listings.join(drawn, on="car", how="inner", maintain_order="left")
    return kept.with_columns(reported_day=pl.col("day") + pl.col("report_delay")).drop("report_delay")


def _uniform(count: int, seed: int) -> pl.Series:
    """Draw numbers that are spread evenly over [0, 1), in random order."""
    return pl.int_range(count, eager=True).sample(count, seed=SEED + seed, shuffle=True) / count
