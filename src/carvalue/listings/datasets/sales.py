"""Reported sales as listings: what quoted cars were sold for, beside what sellers ask."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import polars as pl

from carvalue.files import atomic_write, write_artifact
from carvalue.listings.cleaning import description_key
from carvalue.listings.schema import FIELDS, PRICE, REQUIRED_FIELDS, NumberField

logger = logging.getLogger(__name__)

WITH_SALES_FILE = "with_sales.parquet"
SALES_REPORT = "sales.json"

MIN_SALES = 200  # fewer are a handful of people's; they would say more of those people than of the market
FARTHEST = 3.0  # times the quote, or a third of it: a slipped digit, a monthly rate or a bad joke

COLUMNS: dict[str, pl.DataType] = {
    "told_at": pl.Datetime("us", "UTC"),
    "quoted": pl.Int64(),
    "sale_price": pl.Int64(),
    **{field.name: pl.Int64() if isinstance(field, NumberField) else pl.String() for field in FIELDS},
}


@dataclass(frozen=True, kw_only=True)
class SalesReport:
    """What became of the reported sales.

    Attributes:
        told: how many sales were reported.
        joined: how many of them are among the listings now; 0 where there are too few.
        left_out: how many were not taken, by reason.
        to_quote: the median of sale price / quote of those taken; None where none was.
    """

    told: int
    joined: int
    left_out: Mapping[str, int]
    to_quote: float | None

    @property
    def says(self) -> str:
        """What to add to the description of the listings; empty where no sale is among them."""
        if not self.joined:
            return ""
        return f", and {self.joined:,} reported sales at {self.to_quote:.2f} times their quotes (median)"


def join_sales(listings: Path, *, sold: Iterable[Mapping[str, object]], into: Path) -> SalesReport:
    """Write the listings of a clean table together with reported sales, if there are enough of these.

    A sale is a listing posted when it was told, priced at what the car was sold for. Its id is negative:
    no advertisement has such a one.

    Args:
        listings: the clean table.
        sold: the listing's fields of each, and `told_at`, `quoted`, `sale_price` in dollars; any order.
        into: the folder for both, `WITH_SALES_FILE` and the report.
    """
    told = pl.DataFrame([*sold], schema=COLUMNS, orient="row", strict=False)
    judged = told.sort("told_at").with_columns(why=_why_not(), price=pl.col("sale_price"))
    usable = judged.filter(pl.col("why").is_null()).with_columns(car=description_key())
    usable = usable.unique("car", keep="last", maintain_order=True)
    joined = usable if usable.height >= MIN_SALES else usable.clear()
    _write(listings, joined, into=into)
    report = SalesReport(
        told=told.height,
        joined=joined.height,
        left_out=_left_out(judged, usable, joined),
        to_quote=_ratio(joined),
    )
    write_artifact(report, into / SALES_REPORT)
    logger.info(
        "reported sales", extra={"told": report.told, "joined": report.joined, "to_quote": report.to_quote}
    )
    return report


def _why_not() -> pl.Expr:
    """Name the first thing that is wrong with a sale; null where nothing is."""
    sale, ratio = pl.col("sale_price"), pl.col("sale_price") / pl.col("quoted")
    lacks = pl.any_horizontal(pl.col(name).is_null() for name in REQUIRED_FIELDS)
    return (
        pl.when(~sale.is_between(PRICE.minimum, PRICE.maximum))
        .then(pl.lit("price out of range"))
        .when(~ratio.is_between(1 / FARTHEST, FARTHEST))
        .then(pl.lit("far from its quote"))
        .when(lacks)
        .then(pl.lit("make, model or year missing"))
    )


def _left_out(judged: pl.DataFrame, usable: pl.DataFrame, joined: pl.DataFrame) -> Mapping[str, int]:
    wrong = judged.drop_nulls("why")["why"].value_counts(sort=True)
    again = judged["why"].null_count() - usable.height
    few = usable.height - joined.height
    counts = {**dict(wrong.iter_rows()), "same car told again": again, "too few sales": few}
    return {reason: count for reason, count in counts.items() if count}


def _ratio(sales: pl.DataFrame) -> float | None:
    ratios = sorted(sales["sale_price"] / sales["quoted"])
    return median(ratios) if ratios else None


def _write(listings: Path, sales: pl.DataFrame, *, into: Path) -> None:
    known = pl.scan_parquet(listings)
    schema = known.collect_schema()
    as_listings = sales.with_columns(
        posted_at=pl.col("told_at"), id=-1 - pl.int_range(pl.len(), dtype=pl.Int64)
    ).select(
        (pl.col(name) if name in sales.columns or name in {"id", "posted_at"} else pl.lit(None))
        .cast(kind)
        .alias(name)
        for name, kind in schema.items()
    )
    with atomic_write(into / WITH_SALES_FILE) as aside:
        pl.concat([known, as_listings.lazy()]).sink_parquet(aside, compression="lz4", engine="streaming")
