"""Live accuracy: how far quotes were from what cars were sold for, and an estimate where nobody told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, binomtest

from carvalue.journal import Sale

MIN_SALES = 30  # fewer say little: the bounds would span everything
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class BoundedShare:
    """A share with its confidence bounds (95 %)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class LiveAccuracy:
    """How good the quotes were.

    Attributes:
        sales: how many were told.
        error: the median absolute percentage error; None with fewer than `MIN_SALES`.
        coverage: the share of sale prices within the quoted range; None likewise.
        bias: the median of quote / sale price - 1; None likewise.
    """

    sales: int
    error: BoundedShare | None
    coverage: BoundedShare | None
    bias: BoundedShare | None = None


def measure_live_accuracy(sales: Sequence[Sale]) -> LiveAccuracy:
    """Compare quotes with sale prices."""
    if len(sales) < MIN_SALES:
        return LiveAccuracy(sales=len(sales), error=None, coverage=None)
    distances = sorted(sale.price / sale.sale_price - 1 for sale in sales)
    errors = sorted(map(abs, distances))
    held = sum(sale.low <= sale.sale_price <= sale.high for sale in sales)
    share = binomtest(held, len(sales)).proportion_ci(CONFIDENCE, method="wilson")
    return LiveAccuracy(
        sales=len(sales),
        error=_median(errors),
        coverage=BoundedShare(value=held / len(sales), low=float(share.low), high=float(share.high)),
        bias=_median(distances),
    )


def estimated_error(*, width: float, metrics: Mapping[str, float]) -> float:
    """Estimate the median error from how wide the ranges are now.

    A model as unsure as on its validation rows errs as it did there; ranges half as wide again promise an
    error half as large again. It sees cars that are harder to price; it cannot see that the market has
    moved, or that the inputs are wrong.

    Args:
        width: the mean width of recent ranges, as a share of the price.
        metrics: the model card's: `mdape` and `width` on validation rows.
    """
    return metrics["mdape"] * width / metrics["width"]


def _median(errors: Sequence[float]) -> BoundedShare:
    """Bound a median by order statistics: no assumption about the errors' distribution."""
    low, high = binom.interval(CONFIDENCE, len(errors), 0.5)
    return BoundedShare(
        value=float(np.median(errors)), low=errors[int(low)], high=errors[min(int(high), len(errors) - 1)]
    )
