"""Score quotes, price ranges and distributions: the measures of every table and gate."""

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import kstest

from carvalue.pricing.features import FrameCells
from carvalue.pricing.intervals import LEVELS, NOMINAL_COVERAGE, crps, shares_below
from carvalue.pricing.model import PriceModel

Floats = npt.NDArray[np.float64]
TOLERANCE = 0.2  # largest relative error that `within_20` counts
PERCENTS = (5, 10, 20)  # tolerances of the shares `within_5`, `within_10` and `within_20`
ROWS_AT_ONCE = 10_000  # rows; the quantiles of so many need 16 MB


def price_scores(*, asking: Floats, quoted: Floats) -> dict[str, float]:
    """Score quotes.

    Args:
        asking: Asking prices in dollars, shape (rows,).
        quoted: Quotes in dollars, shape (rows,).

    Returns:
        `mdape` (median absolute percentage error), and `within_5`, `within_10` and `within_20` (errors of at
        most so many percent) as shares, `mae` (mean absolute error) in dollars, `rmse_log` and `mae_log` in
        log dollars, `bias` (median of quote over asking price, less 1) as a share.

    Examples:
        >>> asking = np.array([10_000.0, 20_000.0, 8_000.0])
        >>> scores = price_scores(asking=asking, quoted=np.array([11_000.0, 20_000.0, 12_000.0]))
        >>> {name: round(scores[name], 3) for name in ("mdape", "mae", "within_20", "bias")}
        {'mdape': 0.1, 'mae': 1666.667, 'within_20': 0.667, 'bias': 0.1}
    """
    relative = np.abs(quoted / asking - 1)
    log_error = np.log(quoted) - np.log(asking)
    return {
        "mdape": float(np.median(relative)),
        "mae": float(np.mean(np.abs(quoted - asking))),
        **{f"within_{percent}": float(np.mean(relative <= percent / 100)) for percent in PERCENTS},
        "rmse_log": float(np.sqrt(np.mean(log_error**2))),
        "mae_log": float(np.mean(np.abs(log_error))),
        "bias": float(np.median(quoted / asking - 1)),
    }


def error_deciles(*, asking: Floats, quoted: Floats) -> dict[str, float]:
    """Describe the distribution of the errors, which live accuracy is compared with.

    Args:
        asking: Asking prices in dollars, shape (rows,).
        quoted: Quotes in dollars, shape (rows,).

    Returns:
        `error_p10` to `error_p90`: the deciles of the absolute percentage error, as shares.

    Examples:
        >>> deciles = error_deciles(asking=np.full(11, 10_000.0), quoted=np.linspace(10_000, 11_000, 11))
        >>> round(deciles["error_p10"], 3), round(deciles["error_p90"], 3)
        (0.01, 0.09)
    """
    shares = np.arange(1, 10) / 10
    errors = np.quantile(np.abs(quoted / asking - 1), shares)
    return {f"error_p{share * 100:.0f}": float(error) for share, error in zip(shares, errors, strict=True)}


def range_scores(*, asking: Floats, quoted: Floats, low: Floats, high: Floats) -> dict[str, float]:
    """Score price ranges.

    Args:
        asking: Asking prices in dollars, shape (rows,).
        quoted: Quotes in dollars, shape (rows,).
        low: Lower ends in dollars, shape (rows,).
        high: Upper ends in dollars, shape (rows,).

    Returns:
        `coverage` (asking prices inside the range), and `width` and `median_width` (mean and median of the
        range's width over the quote), as shares.

    Examples:
        >>> quoted = np.array([10_000.0, 10_000.0])
        >>> asking = np.array([9_500.0, 15_000.0])
        >>> range_scores(asking=asking, quoted=quoted, low=quoted * 0.9, high=quoted * 1.2)
        {'coverage': 0.5, 'width': 0.3, 'median_width': 0.3}
    """
    widths = (high - low) / quoted
    return {
        "coverage": float(np.mean((low <= asking) & (asking <= high))),
        "width": float(np.mean(widths)),
        "median_width": float(np.median(widths)),
    }


def winkler_score(*, asking: Floats, low: Floats, high: Floats, coverage: float = NOMINAL_COVERAGE) -> float:
    """Score intervals by width and misses together (Winkler 1972; Gneiting and Raftery 2007, equation 43).

    The score is proper: no intervals have a smaller expected score than those between the true quantiles.

    Args:
        asking: Asking prices, shape (rows,).
        low: Lower ends in the same unit, shape (rows,).
        high: Upper ends, shape (rows,).
        coverage: Share of the asking prices that the intervals should contain.

    Returns:
        Mean of the widths, plus 2 / (1 - coverage) times the mean distance of the prices outside.

    Examples:
        >>> ends = {"low": np.array([9_000.0, 9_000.0]), "high": np.array([11_000.0, 11_000.0])}
        >>> round(winkler_score(asking=np.array([10_000.0, 11_100.0]), **ends))
        3000
    """
    outside = np.maximum(low - asking, 0) + np.maximum(asking - high, 0)
    return float(np.mean(high - low + 2 / (1 - coverage) * outside))


def score_distributions(model: PriceModel, frame: pl.DataFrame) -> pl.DataFrame:
    """Score the predictive distribution of each listing.

    Args:
        model: The model to score.
        frame: Listings with `price`.

    Returns:
        `crps`, the continuous ranked probability score in dollars (Gneiting and Raftery 2007), and `pit`, the
        probability integral transform of the asking price; one row for each listing. Both are null if the
        bundle of the model has no quantiles.
    """
    if not model.intervals.has_quantiles:
        return pl.DataFrame(schema={"crps": pl.Float64, "pit": pl.Float64}).clear(frame.height)
    parts = []
    for rows in frame.iter_slices(ROWS_AT_ONCE):
        prices = model.quantiles(FrameCells(rows), np.array(LEVELS))
        asking = rows["price"].cast(pl.Float64).to_numpy()
        parts.append(pl.DataFrame({"crps": crps(prices, asking), "pit": shares_below(prices, asking)}))
    return pl.concat(parts)


def distribution_scores(scores: pl.DataFrame) -> dict[str, float]:
    """Summarize the scores of predictive distributions.

    Args:
        scores: Columns `crps` and `pit`, as `score_distributions` returns them.

    Returns:
        `crps`, the mean in dollars, and `pit_deviation`, the largest difference between the share of PIT
        values up to a level and that level (the Kolmogorov-Smirnov statistic), which is near 0 for calibrated
        distributions. Empty if the scores are null.

    Examples:
        >>> scores = pl.DataFrame({"crps": [900.0, 1_100.0], "pit": [0.25, 0.75]})
        >>> distribution_scores(scores)
        {'crps': 1000.0, 'pit_deviation': 0.25}
    """
    known = scores.drop_nulls(["crps", "pit"])
    if known.is_empty():
        return {}
    deviation = kstest(known["pit"].to_numpy(), "uniform").statistic
    return {"crps": float(known["crps"].to_numpy().mean()), "pit_deviation": float(deviation)}


def score_listings(model: PriceModel, frame: pl.DataFrame) -> pl.DataFrame:
    """Quote listings, and score the distribution of each.

    Args:
        model: The model to score.
        frame: Listings with `price`.

    Returns:
        `asking`, `quoted`, `low` and `high` in dollars, `crps` and `pit`; one row for each listing.
    """
    quotes = model.quote_frame(frame).select(pl.col("price").alias("quoted"), "low", "high")
    asking = frame.select(pl.col("price").alias("asking"))
    prices = pl.concat([asking, quotes], how="horizontal").cast(pl.Float64)
    return pl.concat([prices, score_distributions(model, frame)], how="horizontal")


def summarize_scores(listings: pl.DataFrame) -> dict[str, float]:
    """Summarize the scores of listings.

    Args:
        listings: What `score_listings` returns.

    Returns:
        All measures of `price_scores`, `range_scores`, `error_deciles` and `distribution_scores`.
    """
    asking, quoted, low, high = (listings[name].to_numpy() for name in ("asking", "quoted", "low", "high"))
    return {
        **price_scores(asking=asking, quoted=quoted),
        **range_scores(asking=asking, quoted=quoted, low=low, high=high),
        **error_deciles(asking=asking, quoted=quoted),
        **distribution_scores(listings),
    }
