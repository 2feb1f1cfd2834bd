"""How far quotes are from asked prices: the measures that every table and rule uses."""

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.pricing.model import PriceModel

Floats = npt.NDArray[np.float64]
WITHIN = 0.2  # a quote within 20 % of the asked price counts as close


def price_scores(*, asked: Floats, quoted: Floats) -> dict[str, float]:
    """Score quotes in dollars: mdape and within_20 as shares, mae in dollars, the rest in log dollars."""
    relative = np.abs(quoted / asked - 1)
    log_error = np.log(quoted) - np.log(asked)
    return {
        "mdape": float(np.median(relative)),
        "mae": float(np.mean(np.abs(quoted - asked))),
        "within_20": float(np.mean(relative <= WITHIN)),
        "rmse_log": float(np.sqrt(np.mean(log_error**2))),
        "mae_log": float(np.mean(np.abs(log_error))),
        "bias": float(np.median(quoted / asked - 1)),
    }


def range_scores(*, asked: Floats, quoted: Floats, low: Floats, high: Floats) -> dict[str, float]:
    """Score ranges: the share that holds the asked price, and the mean width relative to the quote."""
    return {
        "coverage": float(np.mean((low <= asked) & (asked <= high))),
        "width": float(np.mean((high - low) / quoted)),
    }


def score_model(model: PriceModel, frame: pl.DataFrame) -> dict[str, float]:
    """Quote rows with known prices and score prices and ranges."""
    quotes = model.quote_frame(frame)
    dollars = {name: quotes[name].cast(pl.Float64).to_numpy() for name in ("price", "low", "high")}
    asked = frame["price"].cast(pl.Float64).to_numpy()
    quoted = dollars["price"]
    ranges = range_scores(asked=asked, quoted=quoted, low=dollars["low"], high=dollars["high"])
    return price_scores(asked=asked, quoted=quoted) | ranges
