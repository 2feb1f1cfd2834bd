"""Measure the accuracy that the public page shows: overall, by price and by support."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import get_args

import polars as pl

from carvalue.listings import MARKET
from carvalue.pricing.bundle import Accuracy, EarlierVersion, GroupAccuracy, ModelCard
from carvalue.pricing.evaluation.scores import TOLERANCE
from carvalue.pricing.evaluation.slices import MIN_ROWS
from carvalue.pricing.market import SupportGrade

MAX_EARLIER = 10
"""Number of earlier versions that a version names."""


def measure_accuracy(
    quoted: pl.DataFrame,
    *,
    metrics: Mapping[str, float],
    new_listings: Mapping[str, float],
    noise_floor: Mapping[str, float],
    earlier: tuple[EarlierVersion, ...] = (),
) -> Accuracy:
    """Measure the accuracy on the test rows.

    Args:
        quoted: Test rows with `posted_at`, `price`, `quoted`, `low`, `high` and `support_grade`.
        metrics: Metrics on the test rows.
        new_listings: Metrics on all new listings, with their number as `rows`; empty if it is not known.
        noise_floor: Attributes of `NoiseFloor`; empty if it is not known.
        earlier: Versions that were in production before.

    Returns:
        The accuracy; groups of fewer than `MIN_ROWS` rows are left out.
    """
    band = pl.lit(0)
    for edge in MARKET.price_bands:
        band = pl.when(pl.col("quoted") >= edge).then(edge).otherwise(band)
    by_price = _groups(quoted, band.cast(pl.String))
    by_support = _groups(quoted, pl.col("support_grade"))
    grades = get_args(SupportGrade)
    return Accuracy(
        tested_from=_day(quoted["posted_at"].min()),
        tested_to=_day(quoted["posted_at"].max()),
        unseen={**metrics, "rows": quoted.height},
        new=new_listings,
        noise_floor=noise_floor,
        by_price=tuple(sorted(by_price, key=lambda group: int(group.name))),
        by_support=tuple(sorted(by_support, key=lambda group: -grades.index(group.name))),
        earlier=earlier[:MAX_EARLIER],
    )


def earlier_versions(name: str, card: ModelCard) -> tuple[EarlierVersion, ...]:
    """List a version and those that were in production before it.

    Args:
        name: How tables name the version.
        card: Its card.

    Returns:
        The versions, the newest first.
    """
    metrics = card.accuracy.unseen if card.accuracy else card.metrics
    own = EarlierVersion(
        name=name, data_as_of=card.data_as_of, mdape=metrics["mdape"], coverage=metrics["coverage"]
    )
    return (own, *(card.accuracy.earlier if card.accuracy else ()))


def _groups(quoted: pl.DataFrame, by: pl.Expr) -> list[GroupAccuracy]:
    asking = pl.col("price")
    error = (pl.col("quoted") / asking - 1).abs()
    table = quoted.group_by(by.alias("name")).agg(
        pl.len().alias("rows"),
        error.median().alias("mdape"),
        (error <= TOLERANCE).mean().alias("within_20"),
        asking.is_between(pl.col("low"), pl.col("high")).mean().alias("coverage"),
    )
    return [GroupAccuracy(**row) for row in table.filter(pl.col("rows") >= MIN_ROWS).to_dicts()]


def _day(moment: object) -> date:
    if not isinstance(moment, datetime):
        raise TypeError(f"posted_at of the test rows: expected times, found {moment!r}.")
    return moment.date()
