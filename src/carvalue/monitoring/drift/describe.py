"""How far a feature has moved, in words."""

from collections.abc import Sequence

import numpy as np

from carvalue.monitoring.drift.bins import Bins, NumberBins
from carvalue.monitoring.drift.statistics import Kind


def describe(kind: Kind, bins: Bins, *, usual: Sequence[float], now: Sequence[float]) -> str:
    """Tell what changed most.

    Args:
        kind: the statistic that stands out.
        bins: the feature's bins.
        usual: shares of the reference: each bin, missing, unseen.
        now: the same of the window.
    """
    if kind == "missing":
        return f"missing {_rose(usual[-2], now[-2])}"
    if kind == "unseen":
        return f"words not in the training data {_rose(usual[-1], now[-1])}"
    if kind == "shift" and isinstance(bins, NumberBins):
        return f"median about {_median(bins, usual):,.4g} -> {_median(bins, now):,.4g}"
    most = int(np.argmax(np.abs(np.array(now[:-2]) - np.array(usual[:-2]))))
    return f"{bins.labels[most]} {_rose(usual[most], now[most])}"


def _rose(usual: float, now: float) -> str:
    return f"{usual:.1%} -> {now:.1%}"


def _median(bins: NumberBins, shares: Sequence[float]) -> float:
    """Interpolate between the edges that the middle value lies between; the outer bins have one edge each."""
    values = np.array(shares[:-2])
    below = np.cumsum(values) / max(float(values.sum()), 1e-9)
    return float(np.interp(0.5, below[:-1], bins.edges)) if bins.edges else 0.0
