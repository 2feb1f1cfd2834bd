"""Trees that predict the ends of a price range: the 5 % and the 95 % quantile of the log asking price.

Which cars scatter more than others depends on many fields together, as no product of factors does. The
distances of both quantiles from the quote scale the residuals before the intervals are calibrated: conformal
prediction keeps the coverage, the trees make the intervals narrow where prices agree.

References:
    Koenker and Bassett (1978), "Regression quantiles", Econometrica 46: the quantile loss. Romano, Patterson
    and Candès (2019), "Conformalized quantile regression", NeurIPS 32: calibrated quantiles. Sesia and Candès
    (2020), "A comparison of some conformal quantile regression methods", Stat 9: scaling of each tail by its
    distance, here from the quote instead of the median.
"""

from dataclasses import dataclass

import numpy as np

from carvalue.pricing.features import Matrix
from carvalue.pricing.intervals.distribution import Floats
from carvalue.pricing.trees import FlatTrees

MIN_SPREAD = 0.15
"""Log dollars; where the trees expect a smaller distance, it counts as this one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantileTrees:
    """Trees of both quantiles; each starts from the additive model's log price, as the trees of the price."""

    low: FlatTrees
    """Trees of the 5 % quantile."""
    high: FlatTrees
    """Trees of the 95 % quantile."""

    @property
    def rounds(self) -> tuple[int, int]:
        """Number of trees of the low and of the high quantile."""
        return len(self.low.roots), len(self.high.roots)

    def spreads(self, matrix: Matrix, *, log_price: Floats) -> tuple[Floats, Floats]:
        """Predict how far asking prices lie below and above quoted prices.

        Args:
            matrix: Encoded rows, shape (rows, features); the last column is the base margin.
            log_price: Quoted log prices, shape (rows,).

        Returns:
            Distances of the low and of the high quantile from the quote in log dollars, at least
            `MIN_SPREAD`, each of shape (rows,).
        """
        base_margin = matrix[:, -1]
        below = log_price - self.low.predict(matrix, base_margin=base_margin)
        above = self.high.predict(matrix, base_margin=base_margin) - log_price
        return np.maximum(below, MIN_SPREAD), np.maximum(above, MIN_SPREAD)
