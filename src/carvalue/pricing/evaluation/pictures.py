"""Pictures of an evaluation: asked against quoted, errors over the price, which features the trees use."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carvalue.pricing.model import PriceModel

SHOWN = 5_000  # points; more make a picture of ink
SEED = 2021


def draw_all(quoted: pl.DataFrame, *, model: PriceModel, into: Path) -> None:
    """Write `asked_quoted.png`, `errors.png` and `features.png` into the folder."""
    shown = quoted.sample(min(SHOWN, quoted.height), seed=SEED)
    for name, draw in (("asked_quoted", _asked_quoted), ("errors", _errors)):
        figure, axes = _canvas()
        draw(axes, shown)
        figure.savefig(into / f"{name}.png", dpi=110)
    figure, axes = _canvas()
    _features(axes, model)
    figure.savefig(into / "features.png", dpi=110)


def _canvas() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 5), layout="constrained")  # no pyplot: it keeps every figure alive
    return figure, figure.subplots()


def _asked_quoted(axes: Axes, shown: pl.DataFrame) -> None:
    axes.scatter(shown["price"].to_numpy(), shown["quoted"].to_numpy(), s=3, alpha=0.3)
    ends = [1_000, 100_000]
    axes.plot(ends, ends, color="black", linewidth=1)
    axes.set(
        xscale="log", yscale="log", xlabel="asked, $", ylabel="quoted, $", title="Asked and quoted prices"
    )


def _errors(axes: Axes, shown: pl.DataFrame) -> None:
    relative = 100 * (shown["quoted"].to_numpy() / shown["price"].to_numpy() - 1)
    axes.scatter(shown["quoted"].to_numpy(), np.clip(relative, -100, 100), s=3, alpha=0.3)
    axes.axhline(0, color="black", linewidth=1)
    axes.set(xscale="log", xlabel="quoted, $", ylabel="quoted above asked, %", title="Errors over the price")


def _features(axes: Axes, model: PriceModel) -> None:
    gains = np.zeros(len(model.encoder.names))
    for name, gain in model.booster.get_score(importance_type="total_gain").items():
        gains[int(name.removeprefix("f"))] = gain if isinstance(gain, float) else 0.0
    order = np.argsort(gains)
    axes.barh([model.encoder.names[i] for i in order], 100 * gains[order] / max(gains.sum(), 1e-9))
    axes.set(xlabel="share of the total gain, %", title="What the trees split on")
