"""Adjust earlier prices to today's market level, as appraisers adjust comparable sales for time.

A reference model quotes every listing. The log of asking price over quote is a residual: the car itself
cancels out, and what remains over time is the market's level. Listings are taken in blocks in the order of
posting; where a block's median residual differs from that of the newest listings, the block's prices are
multiplied by the difference. Reference: "time adjustment" or "market conditions adjustment" in the sales
comparison approach, The Appraisal of Real Estate (Appraisal Institute).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.listings import FIELD_BY_NAME
from carvalue.parallel import (
    IN_PROCESS,
    Workers,
    group_parts,
    part_file,
    parts_of,
    scratch_folder,
    store_table,
    table_of,
    written_part,
)
from carvalue.pricing.model import PriceModel

Floats = npt.NDArray[np.float64]

BLOCK_ROWS = 1_000  # rows; the median residual of a block has a standard error of about one percent
NEWEST_ROWS = 400  # rows whose median residual is today's market level
MIN_CHANGE = 0.04  # log dollars; twice what two such medians differ by chance
CHUNK_ROWS = 100_000  # rows that are quoted at once
UNCHANGED = pl.DataFrame(schema={"posted_at": pl.Datetime("us", "UTC"), "change": pl.Float64})


@dataclass(frozen=True, kw_only=True)
class TimeAdjustment:
    """Summary of an adjustment; the field names are those of its JSON file.

    Attributes:
        moved: Number of rows whose price was changed.
        factor: Median of the factors by which those prices were multiplied; 1 if there were none.
        level: Median price of the newest rows relative to the reference model's quotes.
    """

    moved: int
    factor: float
    level: float = 1.0

    @property
    def description(self) -> str:
        """Text to append to the description of a dataset; empty if no price was changed.

        Examples:
            >>> TimeAdjustment(moved=1_200, factor=1.08).description
            ', 1,200 of them adjusted to the newest price level (times 1.08 at the median)'
        """
        if not self.moved:
            return ""
        return (
            f", {self.moved:,} of them adjusted to the newest price level "
            f"(times {self.factor:.2f} at the median)"
        )


def adjust_to_newest(
    listings: Path, *, into: Path, reference_model: PriceModel | None, workers: Workers = IN_PROCESS
) -> TimeAdjustment:
    """Write listings with earlier prices at the level of the newest ones, part by part.

    Listings of the same moment are at the same level. Fewer than `BLOCK_ROWS` + `NEWEST_ROWS` listings are
    left unchanged.

    Args:
        listings: Clean listings with `price`, in dollars: a Parquet file, or a folder of them.
        into: The table to write, likewise: the listings with adjusted prices, and `listed_price`, the price
            before. Each part is in the order of `posted_at`.
        reference_model: Model whose quotes the prices are compared with. Its bias does not matter as long as
            it is the same at all times. None leaves all prices unchanged.
        workers: Where the parts are quoted and written.

    Returns:
        A summary.
    """
    files = parts_of(listings)
    rows = pl.scan_parquet(files, glob=False).select(pl.len()).collect().item()
    workers = workers.for_rows(rows)
    parts = list(enumerate(group_parts(files, workers.partitions)))
    changes, adjustment = UNCHANGED, TimeAdjustment(moved=0, factor=1.0)
    with scratch_folder(into.parent) as scratch:
        if reference_model:
            residuals = workers.map(
                partial(_write_residuals, folder=scratch / "residuals"),
                parts,
                description="compare with quotes",
                shared={"model": reference_model},
            )
            changes, adjustment = _market_history(table_of(residuals)())
        adjusted = workers.map(
            partial(_write_adjusted, folder=scratch / "adjusted"),
            parts,
            description="adjust prices",
            shared={"changes": changes},
        )
        store_table(adjusted, into)
    return adjustment


def _write_residuals(part: tuple[int, tuple[Path, ...]], *, model: PriceModel, folder: Path) -> Path:
    """Write the log of asking price over quote of each listing of a part."""
    number, files = part
    rows = table_of(files)().select("posted_at", "id", "price", *FIELD_BY_NAME).collect()
    residuals = [
        chunk.select(
            "posted_at",
            "id",
            residual=(pl.col("price").cast(pl.Float64) / model.quote_frame(chunk)["price"]).log(),
        )
        for chunk in rows.iter_slices(CHUNK_ROWS)
    ]
    empty = rows.select("posted_at", "id", residual=pl.lit(0.0)).clear()  # a part may have no rows
    path = part_file(folder, number)
    with written_part(path) as temporary:
        pl.concat([empty, *residuals]).write_parquet(temporary)
    return path


def _market_history(residuals: pl.LazyFrame) -> tuple[pl.DataFrame, TimeAdjustment]:
    """Return the moments from which the market's change to the newest listings is another, and a summary."""
    ordered = residuals.sort("posted_at", "id").collect()
    if ordered.height < BLOCK_ROWS + NEWEST_ROWS:
        return UNCHANGED, TimeAdjustment(moved=0, factor=1.0)
    values = ordered["residual"].to_numpy()
    rows = ordered.select("posted_at", change=pl.Series(market_changes(values))).with_columns(
        pl.col("change").last().over("posted_at")
    )
    moved = rows.filter(pl.col("change") != 0)["change"]
    adjustment = TimeAdjustment(
        moved=moved.len(),
        factor=float(np.exp(moved.median())) if moved.len() else 1.0,  # type: ignore[arg-type]
        level=float(np.exp(np.median(values[-NEWEST_ROWS:]))),
    )
    is_other = pl.col("change") != pl.col("change").shift()
    return rows.filter(is_other.fill_null(value=True)), adjustment


def _write_adjusted(part: tuple[int, tuple[Path, ...]], *, changes: pl.DataFrame, folder: Path) -> Path:
    """Write the listings of a part with adjusted prices."""
    number, files = part
    rows = table_of(files)().collect().sort("posted_at", maintain_order=True)
    factors = rows.select("posted_at").join_asof(changes, on="posted_at")["change"].fill_null(0).exp()
    price = (rows["price"].cast(pl.Float64) * factors).round().cast(rows.schema["price"])
    path = part_file(folder, number)
    with written_part(path) as temporary:
        rows.with_columns(price=price, listed_price=rows["price"]).write_parquet(temporary)
    return path


def market_changes(residuals: Floats) -> Floats:
    """Estimate how much the market level has changed since each row.

    Args:
        residuals: Log of asking price over quote, in the order of posting, shape (rows,).

    Returns:
        Change in log dollars, shape (rows,): the same for all rows of a block, rounded to 0.01, and 0 where
        it is smaller than `MIN_CHANGE`.

    Examples:
        The market rises by 0.1 log dollars after the first 1,000 of 2,000 listings:

        >>> changes = market_changes(np.repeat([0.0, 0.1], 1_000))
        >>> changes[[0, -1]].tolist()
        [0.1, 0.0]

        A rise by 0.03 may be chance:

        >>> bool(market_changes(np.repeat([0.0, 0.03], 1_000)).any())
        False
    """
    newest_level = float(np.median(residuals[-NEWEST_ROWS:]))
    changes = np.zeros_like(residuals)
    earlier = np.arange(max(len(residuals) - NEWEST_ROWS, 0))  # the newest rows define the level
    for block in np.array_split(earlier, max(1, round(len(earlier) / BLOCK_ROWS))):
        change = newest_level - float(np.median(residuals[block]))
        if abs(change) >= MIN_CHANGE:
            changes[block] = round(
                change, 2
            )  # whole percents, so that the next reference model finds the same
    return changes
