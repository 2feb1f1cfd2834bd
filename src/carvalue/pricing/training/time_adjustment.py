"""Adjust earlier prices to today's market level, as appraisers adjust comparable sales for time.

A reference model quotes every listing. The log of asking price over quote is a residual: the car itself
cancels out, and what remains over time is the market's level. Listings are taken in blocks in the order of
posting; where a block's median residual differs from that of the newest listings, the block's prices are
multiplied by the difference. Reference: "time adjustment" or "market conditions adjustment" in the sales
comparison approach, The Appraisal of Real Estate (Appraisal Institute).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.pricing.model import PriceModel

Floats = npt.NDArray[np.float64]

BLOCK_ROWS = 1_000  # rows; the median residual of a block has a standard error of about one percent
NEWEST_ROWS = 400  # rows whose median residual is today's market level
MIN_CHANGE = 0.04  # log dollars; twice what two such medians differ by chance


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
    rows: pl.DataFrame, *, reference_model: PriceModel
) -> tuple[pl.DataFrame, TimeAdjustment]:
    """Multiply earlier prices so that they match the level of the newest ones.

    Args:
        rows: Listings with `price`, in dollars, `posted_at` and all fields of a listing. Fewer than
            `BLOCK_ROWS` + `NEWEST_ROWS` rows are left unchanged.
        reference_model: Model whose quotes the prices are compared with. Its bias does not matter as long as
            it is the same at all times.

    Returns:
        The rows in the order of `posted_at` with adjusted prices, and a summary.
    """
    ordered = rows.sort("posted_at", maintain_order=True)
    if ordered.height < BLOCK_ROWS + NEWEST_ROWS:
        return ordered, TimeAdjustment(moved=0, factor=1.0)
    quoted = reference_model.quote_frame(ordered)["price"].cast(pl.Float64)
    residuals = (ordered["price"].cast(pl.Float64) / quoted).log().to_numpy()
    changes = market_changes(residuals)
    prices = (ordered["price"].cast(pl.Float64) * pl.Series(np.exp(changes))).round()
    adjusted_rows = int(np.count_nonzero(changes))
    factor = float(np.exp(np.median(changes[changes != 0]))) if adjusted_rows else 1.0
    adjusted = ordered.with_columns(price=prices.cast(ordered.schema["price"]))
    level = float(np.exp(np.median(residuals[-NEWEST_ROWS:])))
    return adjusted, TimeAdjustment(moved=adjusted_rows, factor=factor, level=level)


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
