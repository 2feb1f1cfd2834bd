"""What the gates look at: the challenger as it would be served, and what it and others quote."""

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import polars as pl

from carvalue.errors import AppError
from carvalue.listings.datasets import read_sample
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import Champion, quote_rows

BASKET_CARS = 200


class AccuracyUnknown(AppError):
    """The challenger was fitted on the test rows, and no model that has not seen them can quote them."""

    status, hint = 409, "Register the version with its evaluation, which contains the evaluated model."


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """The limits of the gates that depend on the market and on the number of listings.

    Attributes:
        level_change: How far the price level may move without a person's approval, as a share of the
            champion's prices.
        worse: How much larger than the champion's the median error may be on newer data, as a share of it:
            the smallest difference that 1,700 test rows can rule out.
        slice_error: The largest median error of a slice; that of the hardest slice of the US listings, cars
            without a make, is 0.22.
        coverage_deviation: How far the coverage of the range may be from the nominal one, besides the
            sampling error.
        generated: Whether a version trained on generated listings may go into production.
    """

    level_change: float = 0.1
    worse: float = 0.05
    slice_error: float = 0.3
    coverage_deviation: float = 0.03
    generated: bool = True


DEFAULT_LIMITS = GateLimits()


@dataclass(frozen=True, kw_only=True)
class GateEvidence:
    """What the gates look at.

    Attributes:
        model: The challenger, which may have been fitted on all listings, the test rows included.
        bundle: The folder that it was loaded from, as the price service loads it.
        loading_s: Seconds to load it, including checksums and golden quotes.
        quoted: The test rows with `quoted`, `low` and `high` of the evaluated model, which has not seen them,
            `refitted` of the challenger, the `baseline` of medians, `production`, `production_low` and
            `production_high` where there is a champion, and `listed_price`; prices in dollars.
        champion: The version in production; None if there is none that can be used.
        basket: `challenger` and `champion`: quotes in dollars of up to `BASKET_CARS` fixed cars; empty
            without a champion.
        limits: The limits of the gates.
    """

    model: PriceModel
    bundle: Path
    loading_s: float
    quoted: pl.DataFrame
    champion: Champion | None
    basket: pl.DataFrame
    limits: GateLimits

    def errors(self, column: str = "quoted", *, rows: pl.DataFrame | None = None) -> pl.Series:
        """Compute the absolute relative errors of the quotes in a column.

        Args:
            column: The column of quotes, in dollars.
            rows: The rows to compare; None for all test rows.

        Returns:
            |quote / asking price - 1| by row.
        """
        frame = self.quoted if rows is None else rows
        return (frame[column].cast(pl.Float64) / frame["price"] - 1).abs()


def gather_evidence(
    *,
    bundle: Path,
    train: Path,
    test: Path,
    champion: Champion | None,
    evaluated: Path | None = None,
    limits: GateLimits = DEFAULT_LIMITS,
) -> GateEvidence:
    """Load the challenger and quote the test rows and the basket with it and with the champion.

    Args:
        bundle: Folder of the challenger's bundle.
        train: Training rows; the basket is chosen among its source listings.
        test: Test rows.
        champion: The champion; None where there is none.
        evaluated: Folder of the bundle before the last fit on all listings; None if the challenger itself has
            not seen the test rows.
        limits: The limits of the gates.

    Returns:
        What the gates look at.

    Raises:
        BundleCorrupt, BundleIncompatible: The price service could not load the bundle either.
        AccuracyUnknown: The accuracy cannot be measured, because every model was fitted on the test rows.
    """
    began = perf_counter()
    model = PriceModel.load(bundle)
    loading_s = perf_counter() - began
    rows, known = read_sample(test), read_sample(train)
    if "listed_price" not in rows.columns:
        rows = rows.with_columns(listed_price=pl.col("price"))
    unseen = model if evaluated is None else PriceModel.load(evaluated)
    if "test" in unseen.card.rows:
        raise AccuracyUnknown("The model was fitted on the test rows, and the evaluated one is missing.")
    quoted = quote_rows(unseen, rows, train=known)
    quoted = quoted.with_columns(model.quote_frame(rows)["price"].alias("refitted"))
    if champion is not None:
        theirs = champion.quote(rows)
        quoted = quoted.with_columns(
            theirs["quoted"].alias("production"),
            *(theirs[end].alias(f"production_{end}") for end in ("low", "high")),
        )
    return GateEvidence(
        model=model,
        bundle=bundle,
        loading_s=loading_s,
        quoted=quoted,
        champion=champion,
        basket=_basket(known, challenger=model, champion=champion.model if champion else None),
        limits=limits,
    )


def _basket(known: pl.DataFrame, *, challenger: PriceModel, champion: PriceModel | None) -> pl.DataFrame:
    """Quote the cars of source listings with the smallest keys: mostly the same cars each time."""
    if champion is None:
        return pl.DataFrame(schema={"challenger": pl.Int64, "champion": pl.Int64})
    listings = known.filter(pl.col("id") >= 0).drop_nulls(["manufacturer", "model", "year", "odometer"])
    # the champion cannot know the prices of newer model years
    listings = listings.filter(pl.col("year") <= champion.known_categories.newest_year)
    cars = listings.unique("car", keep="first").sort("car").head(BASKET_CARS)
    return pl.DataFrame(
        {
            name: model.quote_frame(cars)["price"]
            for name, model in (("challenger", challenger), ("champion", champion))
        }
    )
