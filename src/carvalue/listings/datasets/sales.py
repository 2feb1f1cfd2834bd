"""Reported sales as training rows: screened, capped and brought to the price level of the source listings.

Anybody who can reach the price service can report a sale, so sales are unverified unless an operator lists
the client. Unverified sales teach the model how cars compare with each other. They never set the price level,
they never reach the validation and test rows, and no client and no model family exceeds its share.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import AliasChoices, Field

from carvalue.files import atomic_write, write_artifact
from carvalue.listings.cleaning import description_key
from carvalue.listings.schema import FIELDS, PRICE, REQUIRED_FIELDS, NumberField
from carvalue.parallel import parts_of

logger = logging.getLogger(__name__)

SALES_FILE = "sales.parquet"
SALES_REPORT = "sales.json"

MIN_SALES = 200  # fewer sales describe their sellers rather than the market
MIN_CLIENTS = 10  # independent clients, unless the sales are verified
MIN_FAMILY_CLIENTS = 3  # clients that report sales of one model family
MAX_SHARE = 0.05  # sales / source listings
MAX_FAMILY_SHARE = 0.25  # sales of a family / source listings of that family
MAX_CLIENT_SHARE = 0.05  # of all screened sales
MIN_PER_CLIENT = 3  # a client may always contribute this many
MAX_DEVIATION = log(1.5)  # log dollars from the typical sale: a slipped digit, a monthly rate, an invention
MAX_FAMILY_DEVIATION = log(1.25)  # log dollars from what other clients report of the same family
UNKNOWN_CLIENT = "unknown"

COLUMNS: dict[str, pl.DataType] = {
    "told_at": pl.Datetime("us", "UTC"),
    "client": pl.String(),
    "quoted": pl.Int64(),
    "sale_price": pl.Int64(),
    **{field.name: pl.Int64() if isinstance(field, NumberField) else pl.String() for field in FIELDS},
}
"""Columns of reported sales: time of the report, reporter, both prices in dollars, the listing's fields."""


@dataclass(frozen=True, kw_only=True)
class SalesReport:
    """Result of screening reported sales; the field names are those of its JSON file.

    Attributes:
        reported: Number of reported sales.
        joined: Number of sales that became training rows; 0 where there are too few.
        left_out: Number of sales that were left out, by reason.
        clients: Number of different clients whose sales became training rows.
        to_quote: Median of sale price / reference quote of the joined sales; None without any. It is for
            people and changes no price.
    """

    reported: Annotated[int, Field(validation_alias=AliasChoices("reported", "told"))]  # 0.1 wrote `told`
    joined: int
    left_out: Mapping[str, int]
    clients: int
    to_quote: float | None

    @property
    def description(self) -> str:
        """Text to append to the description of a dataset; empty if no sale was joined."""
        if not self.joined:
            return ""
        return (
            f", and {self.joined:,} reported sales of {self.clients:,} clients "
            f"at {self.to_quote:.2f} times their quotes"
        )


def screen_sales(
    sales: pl.DataFrame, *, source_rows: int, level: float = 1.0, verified: Collection[str] = ()
) -> tuple[pl.DataFrame, SalesReport]:
    """Choose the reported sales that may become training rows and bring them to the source's price level.

    A sale is kept if its price is plausible, other clients agree, and neither its client nor its model family
    nor all sales together exceed their share. The typical ratio of sale price to reference quote is divided
    out; it is the median over sales, of which no client has more than its share.

    Args:
        sales: `COLUMNS`, and `reference` (quote of the champion, dollars), `family` (model family) and
            `family_rows` (source listings of that family), in any order.
        source_rows: Number of source listings.
        level: Price level of the newest source listings relative to the reference quotes.
        verified: Clients whose sales an operator vouches for; no cap per client applies to them.

    Returns:
        The chosen sales with `price` (dollars at the source's level) and `car`, by time of report; and the
        report.
    """
    judged = (
        sales.sort("told_at")
        .with_columns(pl.col("client").fill_null(UNKNOWN_CLIENT), price=pl.col("sale_price"))
        .with_columns(car=description_key(), verified=pl.col("client").is_in(list(verified)))
        .with_columns(why=_unusable(), log_ratio=(pl.col("sale_price") / pl.col("reference")).log())
    )
    judged = _reject(judged, "too many from one client", _exceeds_client_share())
    center = _median(judged.filter(pl.col("why").is_null())["log_ratio"])
    judged = judged.with_columns(log_ratio=pl.col("log_ratio") - center)
    judged = _reject(judged, "far from its quote", pl.col("log_ratio").abs() > MAX_DEVIATION)
    judged = _reject(judged, "not confirmed by other clients", _is_unconfirmed())
    judged = _reject(judged, "too many of one model family", _exceeds_family_share())
    judged = _reject(judged, "too many sales altogether", _exceeds_total_share(source_rows))
    kept = judged.filter(pl.col("why").is_null())
    reason = _too_few(kept)
    if reason:
        judged, kept = _reject(judged, reason, pl.lit(value=True)), kept.clear()
    price = (pl.col("reference") * pl.col("log_ratio").exp() * level).round().cast(pl.Int64)
    report = SalesReport(
        reported=sales.height,
        joined=kept.height,
        left_out=dict(judged.drop_nulls("why")["why"].value_counts(sort=True).iter_rows()),
        clients=kept["client"].n_unique(),
        to_quote=exp(center) if kept.height else None,
    )
    return kept.with_columns(price=price), report


def write_sales(sales: pl.DataFrame, report: SalesReport, *, listings: Path, into: Path) -> None:
    """Write screened sales as rows of the clean table, and their report.

    The id of a sale is negative; no advertisement has such an id.

    Args:
        sales: What `screen_sales` returned.
        report: The report of `screen_sales`.
        listings: The clean table, whose schema the sales get: a Parquet file, or a folder of them.
        into: Folder for `SALES_FILE` and `SALES_REPORT`.
    """
    columns = sales.with_columns(
        posted_at=pl.col("told_at"),
        listed_price=pl.col("price"),
        id=-1 - pl.int_range(pl.len(), dtype=pl.Int64),
    )
    rows = columns.select(
        (pl.col(name) if name in columns.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in pl.read_parquet_schema(parts_of(listings)[0]).items()
    )
    with atomic_write(into / SALES_FILE) as temporary:
        rows.write_parquet(temporary, compression="lz4")
    write_artifact(report, into / SALES_REPORT)
    logger.info(
        "reported sales screened",
        extra={"reported": report.reported, "joined": report.joined, "clients": report.clients},
    )


def _unusable() -> pl.Expr:
    """Name what is wrong with a sale by itself; null where nothing is."""
    lacks = pl.any_horizontal(pl.col(name).is_null() for name in REQUIRED_FIELDS)
    return (
        pl.when(~pl.col("sale_price").is_between(PRICE.minimum, PRICE.maximum))
        .then(pl.lit("price out of range"))
        .when(lacks | pl.col("reference").is_null())
        .then(pl.lit("make, model or year missing"))
        .when(pl.int_range(pl.len()).over("car") < pl.len().over("car") - 1)
        .then(pl.lit("same car reported again"))
    )


def _median(values: pl.Series) -> float:
    middle = values.median()
    return float(middle) if isinstance(middle, int | float) else 0.0


def _reject(rows: pl.DataFrame, reason: str, is_broken: pl.Expr) -> pl.DataFrame:
    """Give the rows that are still kept and break a rule its reason."""
    kept, rejected = rows.filter(pl.col("why").is_null()), rows.filter(pl.col("why").is_not_null())
    judged = kept.with_columns(why=pl.when(is_broken).then(pl.lit(reason)).otherwise("why"))
    return pl.concat([judged, rejected]).sort("told_at", maintain_order=True)


def _is_unconfirmed() -> pl.Expr:
    others = pl.col("client").n_unique().over("family") < MIN_FAMILY_CLIENTS
    middle = pl.col("log_ratio").median().over("family")
    return ~pl.col("verified") & (others | ((pl.col("log_ratio") - middle).abs() > MAX_FAMILY_DEVIATION))


def _exceeds_client_share() -> pl.Expr:
    allowed = pl.max_horizontal(pl.lit(MIN_PER_CLIENT), (pl.len() * MAX_CLIENT_SHARE).floor())
    return ~pl.col("verified") & (_newest_rank().over("client") > allowed)


def _exceeds_family_share() -> pl.Expr:
    allowed = (pl.col("family_rows") * MAX_FAMILY_SHARE).floor().clip(lower_bound=1)
    return _newest_rank().over("family") > allowed


def _exceeds_total_share(source_rows: int) -> pl.Expr:
    return _newest_rank() > int(source_rows * MAX_SHARE)


def _newest_rank() -> pl.Expr:
    return pl.col("told_at").rank("ordinal", descending=True)


def _too_few(kept: pl.DataFrame) -> str:
    if kept.height < MIN_SALES:
        return "too few sales"
    independent = kept["client"].n_unique() >= MIN_CLIENTS or bool(kept["verified"].all())
    return "" if independent else "too few independent clients"
