"""Describe in one phrase how a feature has changed."""

from collections.abc import Sequence

import numpy as np

from carvalue.monitoring.drift.bins import Bins, NumberBins
from carvalue.monitoring.drift.statistics import Kind

WHOLE_FROM = 1_000  # larger numbers are written without a fraction


def describe(kind: Kind, bins: Bins, *, reference: Sequence[float], window: Sequence[float]) -> str:
    """Describe what changed most.

    Args:
        kind: The statistic with the highest score.
        bins: The feature's bins.
        reference: Shares of the rows of the reference: each bin, missing, unseen.
        window: The same shares of the window.

    Returns:
        A phrase for people.

    >>> from carvalue.monitoring.drift.bins import CategoryBins
    >>> fuel = CategoryBins(frequent=("gas", "diesel"), rare=frozenset())
    >>> describe("values", fuel, reference=(0.9, 0.1, 0, 0, 0), window=(0.6, 0.4, 0, 0, 0))
    'gas 90.0% -> 60.0%'
    """
    if kind == "missing":
        return f"missing {_change(reference[-2], window[-2])}"
    if kind == "unseen":
        return f"values not in the training data {_change(reference[-1], window[-1])}"
    if kind == "shift" and isinstance(bins, NumberBins):
        return f"median about {_number(median(bins, reference))} -> {_number(median(bins, window))}"
    largest = int(np.argmax(np.abs(np.array(window[:-2]) - np.array(reference[:-2]))))
    return f"{bins.labels[largest]} {_change(reference[largest], window[largest])}"


def median(bins: NumberBins, shares: Sequence[float]) -> float:
    """Interpolate between the edges around the median. The outer bins have one edge each.

    Args:
        bins: The bins of a number.
        shares: The share of each bin, then missing and unseen.

    Returns:
        About the median.
    """
    values = np.array(shares[:-2])
    below = np.cumsum(values) / max(float(values.sum()), 1e-9)
    return float(np.interp(0.5, below[:-1], bins.edges)) if bins.edges else 0.0


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= WHOLE_FROM else f"{value:.3g}"


def _change(before: float, after: float) -> str:
    return f"{before:.1%} -> {after:.1%}"
