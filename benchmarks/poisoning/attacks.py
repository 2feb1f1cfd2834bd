"""Honest and false sales for the attack simulator, and what a retraining makes of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from carvalue.listings import FIELDS
from carvalue.listings.datasets import COLUMNS, SALES_FILE, SalesReport, screen_sales, split, write_sales
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation import Champion
from carvalue.pricing.training import adjust_to_newest, sales_evidence
from carvalue.registry import PromotionDecision
from carvalue.registry.gates import gather_evidence, run_gates

REPORTED = datetime(2026, 11, 1, tzinfo=UTC)
HONEST_CLIENTS = 200
HONEST_RATIO, HONEST_NOISE = 0.95, 0.08  # of the quote; cars are sold slightly below their asking price

Attack = Callable[[pl.DataFrame, np.random.Generator], pl.DataFrame]
Train = Callable[[Path], Path]
"""Trains on the splits in a folder and returns the folder of the bundle."""


def reports(
    cars: pl.DataFrame,
    *,
    quoted: pl.Series,
    ratio: np.ndarray[tuple[int], np.dtype[np.float64]],
    client: pl.Expr,
    days: int = 30,
) -> pl.DataFrame:
    """Build reported sales of cars.

    Args:
        cars: Rows with the fields of a listing.
        quoted: Quotes in dollars.
        ratio: Sale price / quote, shape (cars,).
        client: Who reports.
        days: Over how many days the reports are spread.

    Returns:
        The columns of `carvalue.listings.datasets.COLUMNS`.
    """
    moments = [REPORTED + timedelta(days=days * number / cars.height) for number in range(cars.height)]
    fields = {field.name: pl.col(field.name).cast(COLUMNS[field.name]) for field in FIELDS}
    return cars.select(
        told_at=pl.Series(moments, dtype=COLUMNS["told_at"]),
        client=client,
        quoted=quoted.cast(pl.Int64),
        sale_price=(quoted.cast(pl.Float64) * pl.Series(ratio)).round().cast(pl.Int64).clip(1),
        **fields,
    )


def honest_sales(cars: pl.DataFrame, *, model: PriceModel, random: np.random.Generator) -> pl.DataFrame:
    """Build sales of independent clients near their quotes.

    Args:
        cars: The cars that were sold.
        model: The model that quoted them.
        random: Source of chance.

    Returns:
        Reported sales.
    """
    ratio = HONEST_RATIO * np.exp(random.normal(0, HONEST_NOISE, cars.height))
    number = pl.int_range(pl.len()) % HONEST_CLIENTS
    return reports(
        cars, quoted=model.quote_frame(cars)["price"], ratio=ratio, client="honest" + number.cast(pl.String)
    )


def _false(
    ratio: float, *, clients: int | None, days: int = 1, family: bool = False, states: bool = False
) -> "Attack":
    def attack(sales: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
        number = pl.int_range(pl.len())
        name = pl.lit("attacker") if clients is None else "attacker" + (number % clients).cast(pl.String)
        moments = [REPORTED + timedelta(days=31 + days * k / sales.height) for k in range(sales.height)]
        price = (pl.col("quoted") * ratio * pl.Series(np.exp(random.normal(0, 0.02, sales.height)))).round()
        made = sales.with_columns(
            told_at=pl.Series(moments, dtype=COLUMNS["told_at"]),
            client=name,
            sale_price=price.cast(pl.Int64).clip(1),
            odometer=pl.col("odometer") + 13 + number,  # other cars than those of honest sales
        )
        if states:
            made = made.with_columns(state=pl.col("state").shuffle(seed=1))
        if family:
            first = sales.row(0, named=True)
            made = made.with_columns(manufacturer=pl.lit(first["manufacturer"]), model=pl.lit(first["model"]))
        return made

    return attack


def _replayed(sales: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Report one car again and again."""
    one = pl.concat([sales.head(1)] * sales.height)
    return _false(0.5, clients=50)(one, random).with_columns(odometer=pl.lit(50_001, pl.Int64))


ATTACKS: Mapping[str, Attack] = {
    "low prices, a thousand clients": _false(0.34, clients=1_000),
    "high prices, a thousand clients": _false(2.5, clients=1_000),
    "20 % low, a thousand clients": _false(0.8, clients=1_000),
    "20 % high, a thousand clients": _false(1.25, clients=1_000),
    "low prices, one client": _false(0.5, clients=None),
    "spread over states and days": _false(0.7, clients=300, days=30, states=True),
    "one model family, low": _false(0.6, clients=300, family=True),
    "slow drip, 10 % low": _false(0.9, clients=300, days=90),
    "one car replayed": _replayed,
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a retraining made of the sales.

    Attributes:
        report: Which sales became training rows.
        decision: What the gates decided.
        prices: Quotes of the basket by the new model, in dollars.
    """

    report: SalesReport
    decision: PromotionDecision
    prices: pl.Series


def retrain(
    listings: pl.DataFrame, sales: pl.DataFrame, *, champion: PriceModel, train: Train, folder: Path
) -> Outcome:
    """Run a retraining's steps on listings and sales, up to the gates.

    Args:
        listings: Clean source listings.
        sales: Reported sales.
        champion: The model in production.
        train: Trains on the splits in a folder.
        folder: An empty folder.

    Returns:
        The screened sales, the decision, and what the new model quotes.
    """
    source, adjusted = folder / "listings.parquet", folder / "adjusted.parquet"
    listings.write_parquet(source)
    adjustment = adjust_to_newest(source, into=adjusted, reference_model=champion)
    evidence = sales_evidence(sales, listings=pl.scan_parquet(adjusted), reference=champion)
    screened, report = screen_sales(evidence, source_rows=listings.height, level=adjustment.level)
    write_sales(screened, report, listings=adjusted, into=folder)
    split(adjusted, into=folder, sales=folder / SALES_FILE)
    bundle = train(folder)
    gates = gather_evidence(
        bundle=bundle,
        train=folder / "train.parquet",
        test=folder / "test.parquet",
        champion=Champion(name="champion", model=champion),
    )
    return Outcome(report=report, decision=run_gates(gates), prices=gates.basket["challenger"])


def with_attack(honest: pl.DataFrame, attack: Attack, *, share: float, seed: int = 1) -> pl.DataFrame:
    """Add false sales, so that they are this share of all.

    Args:
        honest: Honest sales, from which the false ones take their cars.
        attack: What the attacker does with them.
        share: False sales / all sales, below 1.
        seed: Of chance.

    Returns:
        Honest and false sales together.
    """
    count = round(honest.height * share / (1 - share))
    cars = honest.sample(count, with_replacement=count > honest.height, seed=seed, shuffle=True)
    return pl.concat([honest, attack(cars, np.random.default_rng(seed))])
