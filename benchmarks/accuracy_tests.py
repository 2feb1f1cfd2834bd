"""False alarms and delays of the tests of live accuracy.

Run `python -m benchmarks.accuracy_tests DATASETS BUNDLE`.

BUNDLE is the model of an evaluation. Sales are test listings that it has never seen, in random order, sold
for the asking price. `STREAMS` streams of `SALES` sales keep the measured error; in as many others, every
error is a quarter larger from the first sale on. A test raises an alarm when its capital exceeds its limit
for the first time.
"""

import sys
from pathlib import Path

import numpy as np
import polars as pl
from benchmarks.results import describe_model, save

from carvalue.monitoring.watcher.accuracy_tests import (
    ALPHA_BIAS,
    ALPHA_COVERAGE,
    ALPHA_ERROR,
    AT_ONCE,
    MAX_BIAS,
    SIDES,
    UNCOVERED_SCALES,
    error_factors,
    later_share,
)
from carvalue.pricing import PriceModel
from carvalue.pricing.evaluation.scores import error_deciles, price_scores, range_scores

STREAMS, SALES, SEED = 1_000, 20_000, 3
WORSE = 1.25


def main(rows: Path, bundle: Path) -> None:
    """Simulate both kinds of streams and save the results."""
    listings = pl.read_parquet(rows)
    quotes = PriceModel.load(bundle).quote_frame(listings)
    asking = listings["price"].cast(pl.Float64).to_numpy()
    price, low, high = (quotes[name].cast(pl.Float64).to_numpy() for name in ("price", "low", "high"))
    scores = {"asking": asking, "quoted": price}
    metrics = price_scores(**scores) | range_scores(**scores, low=low, high=high) | error_deciles(**scores)
    random = np.random.default_rng(SEED)
    unchanged, worse = [], []
    for _ in range(STREAMS):
        drawn = random.integers(len(asking), size=SALES)
        unchanged.append(
            first_alarm(metrics, price[drawn] / asking[drawn], low[drawn], high[drawn], asking[drawn])
        )
        few = drawn[:3_000]
        grown = price[few] / (1 + WORSE * (price[few] / asking[few] - 1)).clip(0.05)
        worse.append(first_alarm(metrics, price[few] / grown, low[few], high[few], grown))
    found = [number for number in worse if number is not None]
    save(
        "accuracy_tests",
        {
            "streams": STREAMS,
            "sales": SALES,
            "false_alarms": sum(number is not None for number in unchanged) / STREAMS,
            "found": len(found) / STREAMS,
            "median_delay": float(np.median([number or 10**9 for number in worse])),
        },
        command="python -m benchmarks.accuracy_tests ROWS BUNDLE",
        model=describe_model(bundle),
    )


def first_alarm(
    metrics: dict[str, float], ratio: np.ndarray, low: np.ndarray, high: np.ndarray, sold: np.ndarray
) -> int | None:
    """Give the number of the sale at which any test raises an alarm; None if none does."""
    borders, factors = error_factors(metrics)
    error = np.log(factors)[np.searchsorted(borders, np.abs(ratio - 1))]
    outside, expected = ~((low <= sold) & (sold <= high)), 1 - metrics["coverage"]
    scales = np.minimum(np.array(UNCOVERED_SCALES) * expected, 0.9)
    coverage = np.log(np.where(outside[:, None], scales / expected, (1 - scales) / (1 - expected)))
    sides = [
        np.log(np.where(beyond[:, None], 2 * np.array(SIDES), 2 * (1 - np.array(SIDES))))
        for beyond in (ratio > 1 + MAX_BIAS, ratio < 1 - MAX_BIAS)
    ]
    tests = ((error, ALPHA_ERROR), (coverage, ALPHA_COVERAGE), *((side, ALPHA_BIAS) for side in sides))
    firsts = [_first(bets, alpha) for bets, alpha in tests]
    return min((first for first in firsts if first is not None), default=None)


def _first(bets: np.ndarray, alpha: float) -> int | None:
    shares = np.exp([later_share(sale + 1) for sale in range(len(bets))])
    # the capital put on sale k grows by all bets from k on
    sums = np.cumsum(bets, axis=0)
    before = np.vstack([np.zeros(bets.shape[1]), sums[:-1]])
    started = np.logaddexp.accumulate(
        np.vstack([np.full(bets.shape[1], np.log(AT_ONCE)), np.log(shares)[:, None] - before]), axis=0
    )
    capital = np.logaddexp.reduce(started[1:] + sums, axis=1) - np.log(bets.shape[1])
    beyond = np.flatnonzero(capital > -np.log(alpha))
    return int(beyond[0]) + 1 if len(beyond) else None


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
