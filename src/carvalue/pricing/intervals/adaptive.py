"""Adaptive conformal correction of the intervals from prices that cars were sold for.

Two numbers follow the sales one by one: the level of the interval and its scale. Both are online gradient
steps on the quantile loss, which need no assumption about how the market changes. Each step is decided by the
side of a boundary on which a sale lies, never by how far away it is: one absurd price counts like any other.

References:
    Gibbs and Candès (2021), "Adaptive conformal inference under distribution shift", NeurIPS 34: the step
    that follows the coverage. Angelopoulos, Candès and Tibshirani (2023), "Conformal PID control for time
    series prediction", NeurIPS 36, section 2.1: the same step on a quantile itself (quantile tracking).
"""

from dataclasses import dataclass, field
from math import expm1, log

import numpy as np

from carvalue.pricing.intervals.conformal import NOMINAL_COVERAGE
from carvalue.pricing.intervals.distribution import Floats

MAX_CORRECTION = log(1.1)
"""Log dollars that an end of an interval moves at most: no correction makes it 10 % higher, or 9 % lower."""
LEVEL_STEP = 0.002
"""Log dollars by which one sale moves the level."""
SCALE_STEP = 0.005
"""Step of the log scale, times how far one sale (1 outside, 0 inside) is above the expected share outside."""
MAX_LOG_SCALE = log(1.5)
DIGITS = 2
"""The correction is rounded to so many digits: ranges do not change with each sale."""


@dataclass(frozen=True, kw_only=True)
class RangeCorrection:
    """A shift of the level and a change of the width of all intervals. It never changes a quoted price.

    Raises:
        ValueError: The level or the scale is not a number within its bound.

    Examples:
        >>> correction = RangeCorrection(level=0.05)
        >>> below, above = correction.corrected(np.array([0.3]), np.array([0.2]))
        >>> below.round(2).tolist(), above.round(2).tolist()
        ([0.25], [0.25])
        >>> RangeCorrection().is_active
        False
    """

    level: float = 0.0
    """Log dollars by which both ends are moved."""
    log_scale: float = 0.0
    """Logarithm of the factor by which both distances from the quote are multiplied."""
    sales: int = field(default=0, compare=False)
    """Number of sales that it was computed from."""

    def __post_init__(self) -> None:
        """Check the bounds."""
        for name, limit in (("level", MAX_CORRECTION), ("log_scale", MAX_LOG_SCALE)):
            if not abs(value := getattr(self, name)) <= limit:
                raise ValueError(f"{name} is {value}: expected at most {limit:.3f} in either direction")

    @property
    def is_active(self) -> bool:
        """Whether it changes any interval."""
        return bool(self.level or self.log_scale)

    def corrected(self, below: Floats, above: Floats) -> tuple[Floats, Floats]:
        """Correct calibrated intervals.

        The ends are `price * exp(level - scale * below)` and `price * exp(level + scale * above)`. Neither
        end moves by more than `MAX_CORRECTION`, and neither crosses the quoted price.

        Args:
            below: Distances of the lower ends from the quotes, non-negative log dollars, shape (rows,).
            above: Distances of the upper ends from the quotes, non-negative log dollars, shape (rows,).

        Returns:
            The corrected distances, each of shape (rows,).
        """
        growth = expm1(self.log_scale)
        lower = np.maximum(below - _bounded(self.level - growth * below, MAX_CORRECTION), 0.0)
        upper = np.maximum(above + _bounded(self.level + growth * above, MAX_CORRECTION), 0.0)
        return lower, upper

    def corrected_quantiles(self, offsets: Floats, *, below: Floats, above: Floats) -> Floats:
        """Correct the quantiles of predictive distributions, so that they agree with the intervals.

        The quantiles between the quote and an end are rescaled; those beyond an end move with it.

        Args:
            offsets: Quantiles relative to the quotes in log dollars, shape (rows, levels).
            below: Calibrated distances of the lower ends, shape (rows,).
            above: Calibrated distances of the upper ends, shape (rows,).

        Returns:
            The corrected quantiles, shape (rows, levels).
        """
        below, above = below[:, None], above[:, None]
        new_below, new_above = self.corrected(below, above)
        inside = np.clip(offsets, -below, above)
        old, new = np.where(inside < 0, below, above), np.where(inside < 0, new_below, new_above)
        scaled = np.divide(inside * new, old, out=np.zeros_like(inside), where=old > 0)
        corrected: Floats = scaled + (offsets - inside)
        return corrected


NO_CORRECTION = RangeCorrection()


def correct_by_sales(
    residuals: Floats, *, below: Floats, above: Floats, coverage: float = NOMINAL_COVERAGE
) -> RangeCorrection:
    r"""Follow the sales in the order of their reports, from no correction at all.

    With the residual :math:`r = \log(\text{sale price} / \text{quote})` of a sale, the level :math:`\ell`
    takes a step of `LEVEL_STEP` towards the residual, so that it follows the median. The log scale grows by
    `SCALE_STEP` times the coverage if the sale lies outside of the interval, and otherwise falls by
    `SCALE_STEP` times (1 - coverage), so that the share of sales outside approaches 1 - coverage.

    Args:
        residuals: Log sale price minus quoted log price, in the order of the reports, shape (sales,).
        below: Distances of the lower ends as they were calibrated, without any correction, shape (sales,).
        above: Distances of the upper ends, likewise, shape (sales,).
        coverage: Share of sale prices that the intervals should contain.

    Returns:
        The correction after the last sale, rounded. The same sales have the same correction.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> ends = np.full(300, 0.33)  # nine in ten prices lie within, before the market moves by 10 %
        >>> sold = random.normal(0.0, 0.2, 300) + np.log(1.1)
        >>> correction = correct_by_sales(sold, below=ends, above=ends)
        >>> correction.sales, correction.level, correction.log_scale
        (300, 0.05, 0.02)
    """
    level = log_scale = 0.0
    for number, residual in enumerate(residuals.tolist()):
        correction = RangeCorrection(level=level, log_scale=log_scale)
        new_below, new_above = correction.corrected(below[number], above[number])
        is_outside = not -new_below <= residual <= new_above
        level = _limited(level + LEVEL_STEP * ((residual > level) - (residual < level)), MAX_CORRECTION)
        log_scale = _limited(log_scale + SCALE_STEP * (is_outside - (1 - coverage)), MAX_LOG_SCALE)
    return RangeCorrection(
        level=_limited(round(level, DIGITS), MAX_CORRECTION),
        log_scale=_limited(round(log_scale, DIGITS), MAX_LOG_SCALE),
        sales=len(residuals),
    )


def _bounded(values: Floats, limit: float) -> Floats:
    bounded: Floats = np.minimum(np.maximum(values, -limit), limit)  # a third of the time of np.clip
    return bounded


def _limited(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)
