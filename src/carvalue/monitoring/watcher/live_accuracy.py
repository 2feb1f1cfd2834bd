"""Live accuracy: the error of quotes against reported sale prices, and an estimate without sales."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, binomtest

from carvalue.journal import Sale

MIN_SALES = 30  # with fewer sales the confidence bounds would be too wide to be useful
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class BoundedShare:
    """A share with its 95 % confidence interval.

    Attributes:
        value: The estimate.
        low: The lower bound.
        high: The upper bound.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class LiveAccuracy:
    """The accuracy of quotes against sale prices. With fewer than `MIN_SALES` sales, the measures are None.

    Attributes:
        sales: The number of sales.
        error: The median absolute percentage error (MdAPE), as a share.
        coverage: The share of sale prices within the quoted range.
        bias: The median of quoted price / sale price - 1.
    """

    sales: int
    error: BoundedShare | None
    coverage: BoundedShare | None
    bias: BoundedShare | None = None


def measure_live_accuracy(sales: Sequence[Sale]) -> LiveAccuracy:
    """Compare quotes with sale prices.

    Args:
        sales: Quotes with their sale prices.

    Returns:
        The measures with 95 % intervals: Wilson's (1927) for the coverage, order statistics for medians.

    >>> sold = [Sale(price=20_000, low=15_000, high=25_000, sale_price=18_000 + 100 * n) for n in range(40)]
    >>> live = measure_live_accuracy(sold)
    >>> round(live.error.value, 3), live.coverage.value
    (0.05, 1.0)
    >>> measure_live_accuracy(sold[:5]).error is None
    True
    """
    if len(sales) < MIN_SALES:
        return LiveAccuracy(sales=len(sales), error=None, coverage=None)
    deviations = sorted(sale.price / sale.sale_price - 1 for sale in sales)
    errors = sorted(map(abs, deviations))
    covered = sum(sale.low <= sale.sale_price <= sale.high for sale in sales)
    share = binomtest(covered, len(sales)).proportion_ci(CONFIDENCE, method="wilson")
    return LiveAccuracy(
        sales=len(sales),
        error=_median(errors),
        coverage=BoundedShare(value=covered / len(sales), low=float(share.low), high=float(share.high)),
        bias=_median(deviations),
    )


def estimated_error(*, width: float, metrics: Mapping[str, float]) -> float:
    """Estimate the median error from the width of recent price ranges.

    The error is assumed proportional to the width. The estimate responds to cars that are harder to price,
    but not to a moved market or wrong inputs.

    Args:
        width: The mean width of recent ranges, as a share of the price.
        metrics: The metrics of the model card: `mdape` and `width` on the validation rows.

    Returns:
        The estimated median absolute percentage error, as a share.

    >>> estimated_error(width=0.75, metrics={"mdape": 0.12, "width": 0.5})
    0.18
    """
    return metrics["mdape"] * width / metrics["width"]


def _median(errors: Sequence[float]) -> BoundedShare:
    """Bound a median by order statistics, without an assumption about the distribution."""
    low, high = binom.interval(CONFIDENCE, len(errors), 0.5)
    return BoundedShare(
        value=float(np.median(errors)), low=errors[int(low)], high=errors[min(int(high), len(errors) - 1)]
    )
