"""Plot an evaluation: quotes over asking prices, residuals, calibration of the range, feature importance."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carvalue.listings import CURRENCY, DISTANCE
from carvalue.pricing.evaluation.calibration import coverage_table
from carvalue.pricing.intervals import NOMINAL_COVERAGE
from carvalue.pricing.model import PriceModel

MAX_POINTS = 5_000  # points; more would overlap
SEED = 2021
BINS = 20  # of equal size, along the horizontal axis of residuals
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
RESIDUAL_AXES = {"quoted": f"quote, {CURRENCY.symbol}", "year": "model year", "odometer": DISTANCE.unit}

Draw = Callable[[Axes], None]


def draw_all(quoted: pl.DataFrame, *, model: PriceModel, into: Path) -> None:
    """Write the plots.

    They are `quote_by_asking_price.png`, `errors.png`, `residuals.png`, `calibration.png` and `features.png`.

    Args:
        quoted: Listings with `price` (asking price), `quoted`, `low`, `high`, in dollars, `year` and
            `odometer`.
        model: The model that quoted them, for the feature importance.
        into: An existing folder.
    """
    points = quoted.sample(min(MAX_POINTS, quoted.height), seed=SEED)
    _save(into / "quote_by_asking_price.png", partial(_quote_by_asking_price, points=points))
    _save(into / "errors.png", partial(_errors, points=points))
    _save(into / "residuals.png", *(partial(_residuals, quoted=quoted, over=over) for over in RESIDUAL_AXES))
    table = coverage_table(quoted)
    _save(
        into / "calibration.png",
        *(partial(_calibration, table=table, by=by) for by in table["by"].unique(maintain_order=True)),
    )
    _save(into / "features.png", partial(_features, model=model))


def _save(path: Path, *draws: Draw) -> None:
    """Draw side by side, without pyplot, which would keep every figure in memory."""
    figure = Figure(figsize=(7 if len(draws) == 1 else 5 * len(draws), 5), layout="constrained")
    for position, draw in enumerate(draws, start=1):
        draw(figure.add_subplot(1, len(draws), position))
    figure.savefig(path, dpi=110)


def _quote_by_asking_price(axes: Axes, *, points: pl.DataFrame) -> None:
    axes.scatter(points["price"].to_numpy(), points["quoted"].to_numpy(), s=3, alpha=0.3)
    limits = [1_000, 100_000]
    axes.plot(limits, limits, color="black", linewidth=1)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=f"asking price, {CURRENCY.symbol}",
        ylabel=f"quote, {CURRENCY.symbol}",
        title="Quotes over asking prices",
    )


def _errors(axes: Axes, *, points: pl.DataFrame) -> None:
    relative = 100 * (points["quoted"].to_numpy() / points["price"].to_numpy() - 1)
    axes.scatter(points["quoted"].to_numpy(), np.clip(relative, -100, 100), s=3, alpha=0.3)
    axes.axhline(0, color="black", linewidth=1)
    axes.set(
        xscale="log",
        xlabel=f"quote, {CURRENCY.symbol}",
        ylabel="quote above asking price, %",
        title="Errors over the quote",
    )


def _residuals(axes: Axes, *, quoted: pl.DataFrame, over: str) -> None:
    """Draw the median and the central 50 and 80 % of residuals, in bins of equal size."""
    known = quoted.filter(pl.col(over).is_not_null()).sort(over)
    residual = (known["quoted"].cast(pl.Float64).log() - known["price"].cast(pl.Float64).log()).to_numpy()
    bins = [part for part in np.array_split(np.arange(known.height), BINS) if len(part)]
    centers = [float(np.median(known[over].to_numpy()[part])) for part in bins]
    low, lower, middle, upper, high = np.array([np.quantile(residual[part], QUANTILES) for part in bins]).T
    axes.fill_between(centers, low, high, alpha=0.2, label="10 to 90 %")
    axes.fill_between(centers, lower, upper, alpha=0.4, label="25 to 75 %")
    axes.plot(centers, middle, color="black", label="median")
    axes.axhline(0, color="grey", linewidth=1)
    axes.set(
        xlabel=RESIDUAL_AXES[over], ylabel="log quote - log asking price", title=f"Residuals over {over}"
    )
    axes.legend()


def _calibration(axes: Axes, *, table: pl.DataFrame, by: str) -> None:
    rows = table.filter(pl.col("by") == by)
    deciles = rows["decile"].to_numpy()
    axes.bar(deciles, 100 * rows["coverage"].to_numpy(), color="tab:blue", alpha=0.6)
    axes.axhline(100 * NOMINAL_COVERAGE, color="black", linewidth=1)
    axes.set(
        ylim=(50, 100),
        xticks=deciles,
        xlabel=f"decile by {by}",
        ylabel="asking price in the range, %",
        title=f"Coverage by {by}",
    )


def _features(axes: Axes, *, model: PriceModel) -> None:
    gains = np.zeros(len(model.encoder.names))
    for name, gain in model.booster.get_score(importance_type="total_gain").items():
        gains[int(name.removeprefix("f"))] = gain if isinstance(gain, float) else 0.0
    order = np.argsort(gains)
    axes.barh([model.encoder.names[i] for i in order], 100 * gains[order] / max(gains.sum(), 1e-9))
    axes.set(xlabel="share of the total gain, %", title="Feature importance")
