"""Live accuracy: the error of quotes against reported sale prices, and an estimate without sales.

Anybody who can reach the price service can report a sale. The influence of one client is therefore bounded,
unless an operator vouches for it (VERIFIED_SALES_CLIENTS).
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom, binomtest

from carvalue.journal import Sale
from carvalue.listings import PRICE
from carvalue.pricing.intervals import NO_CORRECTION, RangeCorrection, correct_by_sales

MIN_SALES = 30  # with fewer sales the confidence bounds would be too wide to be useful
CONFIDENCE = 0.95
MAX_CLIENT_SHARE = 0.05  # of the sales that are measured
MIN_PER_CLIENT = 3  # sales that a client may always contribute
MIN_CLIENTS = 5  # independent clients, unless some sales are verified


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
    """The accuracy of quotes against sale prices.

    The measures are None with fewer than `MIN_SALES` sales or fewer than `MIN_CLIENTS` independent clients.

    Attributes:
        sales: The number of sales that were measured.
        error: The median absolute percentage error (MdAPE), as a share.
        coverage: The share of sale prices within the quoted range.
        bias: The median of quoted price / sale price - 1.
    """

    sales: int
    error: BoundedShare | None
    coverage: BoundedShare | None
    bias: BoundedShare | None = None


def measure_live_accuracy(sales: Sequence[Sale], *, verified: Collection[str] = ()) -> LiveAccuracy:
    """Compare quotes with sale prices, with a bounded number of sales of each client.

    Args:
        sales: Quotes with their sale prices, the last reported first.
        verified: Clients whose sales are not bounded.

    Returns:
        The measures with 95 % intervals: Wilson's (1927) for the coverage, order statistics for medians.

    >>> sold = [
    ...     Sale(price=20_000, low=15_000, high=25_000, sale_price=18_000 + 100 * n, client=f"shop-{n % 20}")
    ...     for n in range(40)
    ... ]
    >>> live = measure_live_accuracy(sold)
    >>> round(live.error.value, 3), live.coverage.value
    (0.05, 1.0)
    >>> measure_live_accuracy(sold[:5]).error is None
    True
    """
    sales = bound_influence(sales, verified=verified)
    if len(sales) < MIN_SALES or not _are_independent(sales, verified=verified):
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


def range_correction(sales: Sequence[Sale], *, verified: Collection[str] = ()) -> RangeCorrection:
    """Compute how sales correct the price ranges of the version that quoted, with bounded influence.

    It depends on nothing but the sales, so that every instance of the watcher computes the same.

    Args:
        sales: Quotes with their sale prices, the last reported first.
        verified: Clients whose sales are not bounded.

    Returns:
        The correction of the ranges as they were calibrated; none with fewer than `MIN_SALES` sales or fewer
        than `MIN_CLIENTS` independent clients.

    >>> sold = [
    ...     Sale(price=20_000, low=16_000, high=24_000, sale_price=20_000 + 100 * n, client=f"shop-{n % 20}")
    ...     for n in range(40)
    ... ]
    >>> range_correction(sold).level
    0.03
    >>> range_correction(sold[:5]).is_active
    False
    """
    plausible = [sale for sale in sales if PRICE.minimum <= sale.sale_price <= PRICE.maximum]
    counted = bound_influence(plausible, verified=verified)[::-1]
    if len(counted) < MIN_SALES or not _are_independent(counted, verified=verified):
        return NO_CORRECTION
    calibrated = np.array([sale.calibrated_range for sale in counted], dtype=np.float64)
    quoted = np.log([sale.price for sale in counted])
    low, high = np.log(np.maximum(calibrated, 1.0)).T  # a range may begin at 0
    sold = np.log([sale.sale_price for sale in counted])
    return correct_by_sales(sold - quoted, below=quoted - low, above=high - quoted)


def bound_influence(sales: Sequence[Sale], *, verified: Collection[str] = ()) -> Sequence[Sale]:
    """Keep the newest sales of each client, at most 5 % of all that are kept, and at least 3.

    Args:
        sales: The last reported first.
        verified: Clients whose sales are all kept.

    Returns:
        The sales that are kept, in the same order. Sales without a client count as those of one client.

    >>> flood = [Sale(price=1, low=1, high=1, sale_price=9, client="flood")] * 400
    >>> honest = [Sale(price=1, low=1, high=1, sale_price=1, client=f"client-{n}") for n in range(95)]
    >>> len(bound_influence([*flood, *honest]))
    100
    """
    allowed = max_per_client(len(sales))
    while True:
        kept = _newest_of_each_client(sales, allowed=allowed, verified=verified)
        if max_per_client(len(kept)) >= allowed:
            return kept
        allowed = max_per_client(len(kept))


def max_per_client(sales: int) -> int:
    """Compute how many sales of one client may be measured.

    Args:
        sales: The number of sales that are measured.

    Returns:
        5 % of them, at least 3.
    """
    return max(MIN_PER_CLIENT, int(MAX_CLIENT_SHARE * sales))


def _newest_of_each_client(
    sales: Sequence[Sale], *, allowed: int, verified: Collection[str]
) -> Sequence[Sale]:
    counts = Counter[str | None]()
    kept = []
    for sale in sales:
        counts[sale.client] += 1
        if sale.client in verified or counts[sale.client] <= allowed:
            kept.append(sale)
    return kept


def _are_independent(sales: Sequence[Sale], *, verified: Collection[str]) -> bool:
    """Whether enough clients agree. With fewer, the bound leaves most of the sales to verified clients."""
    clients = {sale.client for sale in sales}
    return len(clients) >= MIN_CLIENTS or not clients.isdisjoint(verified)


def estimated_error(*, width: float, metrics: Mapping[str, float]) -> float:
    """Estimate the median error from the width of recent price ranges.

    The error is assumed proportional to the width. The estimate responds to cars that are harder to price,
    but not to a moved market or wrong inputs.

    Args:
        width: The mean width of recent ranges, as a share of the price.
        metrics: The metrics of the model card: `mdape` and `width` on the test rows.

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
