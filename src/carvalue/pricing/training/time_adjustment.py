"""Old prices at today's level: how far the market has moved between listings, and what they would cost now.

Appraisers adjust the prices of comparable sales for the time that has passed; so is done here, block by block
of listings in the order of time. The ruler is a model that knows the cars: how far prices lie from its quotes
says nothing about the cars, and how that changes over time is the market.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.pricing.model import PriceModel

Floats = npt.NDArray[np.float64]

BLOCK = 1_000  # rows; the median of their distances from the ruler is good to about one percent
NEWEST = 400  # rows that say where the market is now
LEAST_MOVE = 0.04  # of the price; twice what chance makes of two such medians


@dataclass(frozen=True, kw_only=True)
class TimeAdjustment:
    """What became of prices.

    Attributes:
        moved: how many rows have another price now.
        factor: by which the prices of these were multiplied, at the median; 1 where none was.
        level: prices of the newest rows relative to the reference model's quotes, at the median.
    """

    moved: int
    factor: float
    level: float = 1.0

    @property
    def says(self) -> str:
        """What to add to the description of the listings; empty where nothing was done."""
        if not self.moved:
            return ""
        return f", {self.moved:,} of them brought to today's prices (times {self.factor:.2f} at the median)"


def adjust_to_newest(rows: pl.DataFrame, *, ruler: PriceModel) -> tuple[pl.DataFrame, TimeAdjustment]:
    """Bring the prices of earlier rows to the level of the newest ones, where the market has moved since.

    Args:
        rows: listings with `price` and `posted_at`.
        ruler: any model that is no worse for some of the rows than for others.
    """
    ordered = rows.sort("posted_at", maintain_order=True).with_columns(listed_price=pl.col("price"))
    if ordered.height < BLOCK + NEWEST:
        return ordered, TimeAdjustment(moved=0, factor=1.0)
    quoted = ruler.quote_frame(ordered)["price"].cast(pl.Float64)
    distance = (ordered["price"].cast(pl.Float64) / quoted).log().to_numpy()
    moves = _moves(distance)
    prices = (ordered["price"].cast(pl.Float64) * pl.Series(np.exp(moves))).round()
    moved = int(np.count_nonzero(moves))
    factor = float(np.exp(np.median(moves[moves != 0]))) if moved else 1.0
    restated = ordered.with_columns(price=prices.cast(ordered.schema["price"]))
    level = float(np.exp(np.median(distance[-NEWEST:])))
    return restated, TimeAdjustment(moved=moved, factor=factor, level=level)


def _moves(distance: Floats) -> Floats:
    """Give how far the market has moved since each row, in logarithms; 0 where that may be chance."""
    now = float(np.median(distance[-NEWEST:]))
    moves = np.zeros_like(distance)
    for block in np.array_split(np.arange(len(distance)), max(1, len(distance) // BLOCK)):
        move = now - float(np.median(distance[block]))
        if abs(move) >= LEAST_MOVE:
            moves[block] = round(move, 2)  # whole percents, which the next ruler will find as well
    return moves
