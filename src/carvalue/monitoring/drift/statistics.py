"""Scores of windows of rows: likelihood-ratio statistics (G-tests) over the bins of the reference."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from carvalue.monitoring.drift.bins import Codes, Floats
from carvalue.monitoring.drift.profile import ReferenceProfile

STRIDE = 10  # rows between two evaluations of the windows

Kind = Literal["values", "shift", "missing", "unseen"]


@dataclass(frozen=True)
class Statistic:
    """One test of one feature.

    Attributes:
        feature: The name of the feature.
        kind: What is tested: the shares of the bins (`values`), the mean rank (`shift`), the share of missing
            values (`missing`) or of values that the reference does not contain (`unseen`).
    """

    feature: str
    kind: Kind


def list_statistics(profile: ReferenceProfile) -> tuple[Statistic, ...]:
    """List all statistics.

    Args:
        profile: The profile of the reference.

    Returns:
        Statistics in the order of the last axis of `window_scores`.
    """
    ordered = [name for name, bins in profile.bins.items() if bins.is_ordered]
    categories = [name for name, bins in profile.bins.items() if not bins.is_ordered]
    return (
        *(Statistic(name, "values") for name in profile.features),
        *(Statistic(name, "shift") for name in ordered),
        *(Statistic(name, "missing") for name in profile.features),
        *(Statistic(name, "unseen") for name in categories),
    )


def stride_counts(profile: ReferenceProfile, codes: Codes) -> Floats:
    """Count rows by bin for each complete stride.

    Args:
        profile: The profile of the reference.
        codes: The bins of consecutive rows, shape (rows, features).

    Returns:
        Counts, shape (strides, bins).
    """
    strides, bins = len(codes) // STRIDE, len(profile.shares)
    stride = np.repeat(np.arange(strides), STRIDE * codes.shape[1])
    cells = stride * bins + codes[: strides * STRIDE].ravel()
    return np.bincount(cells, minlength=strides * bins).reshape(strides, bins).astype(np.float64)


def window_scores(
    profile: ReferenceProfile, counts: Floats, *, windows: tuple[int, ...], newest: int | None = None
) -> Floats:
    """Score the windows that end with each stride.

    Args:
        profile: The profile of the reference.
        counts: The result of `stride_counts`, shape (strides, bins).
        windows: Window sizes in rows, multiples of `STRIDE`.
        newest: How many strides to score, counted from the end; None for all.

    Returns:
        Scores, shape (strides, windows, statistics); 0 for a window without enough rows. For independent rows
        of the reference's distribution, each score follows approximately a chi-squared distribution.

    >>> from carvalue.monitoring.drift.bins import NumberBins
    >>> profile = ReferenceProfile(
    ...     bins={"year": NumberBins(edges=(2015,))},  # below 2015, 2015 and more, missing, unseen
    ...     shares=np.array([0.9, 0.1, 1, 1]), missing=np.array([0.01]), unseen=np.array([0.01]),
    ...     residual_models={},
    ... )
    >>> expected, drifted = np.array([[9.0, 1, 0, 0]]), np.array([[2.0, 8, 0, 0]])
    >>> scores = window_scores(profile, np.vstack([expected, drifted]), windows=(10,))
    >>> [item.kind for item in list_statistics(profile)]
    ['values', 'shift', 'missing']
    >>> scores[:, 0, 0].round(1).tolist()  # the shares of the values, in each stride
    [0.0, 27.3]
    """
    sums = np.vstack([np.zeros(counts.shape[1]), np.cumsum(counts, axis=0)])
    scored = len(counts) if newest is None else newest
    scores = np.zeros((scored, len(windows), len(list_statistics(profile))))
    for number, rows in enumerate(windows):
        strides = rows // STRIDE
        complete = min(scored, len(counts) - strides + 1)  # windows with all their rows
        if complete > 0:
            ends = sums[-complete:]
            starts = sums[len(sums) - strides - complete : len(sums) - strides]
            scores[scored - complete :, number] = _window_scores(profile, ends - starts, rows=rows)
    return scores


def rate_scores(counts: Floats, rows: int, expected: Floats) -> Floats:
    """Score rates of missing or unseen values that have risen. Rates that fell score 0.

    Args:
        counts: How many of the rows are missing or unseen; the last axis is the feature.
        rows: The size of the window.
        expected: The rates in the reference, shape (features,), between 0 and 1.

    Returns:
        One-sided likelihood-ratio statistics (G), with the shape of `counts`.

    >>> rate_scores(np.array([2.0, 30.0]), 100, np.array([0.02, 0.02])).round(1).tolist()
    [0.0, 115.4]
    """
    risen = np.maximum(counts, rows * expected)
    rest = rows - risen
    risen_terms = _xlogx(risen) - risen * np.log(rows * expected)
    rest_terms: Floats = _xlogx(rest) - rest * np.log(rows * (1 - expected))
    # rounding can give a value slightly below 0, which has no square root
    scores: Floats = 2 * np.maximum(risen_terms + rest_terms, 0)
    return scores


def _window_scores(profile: ReferenceProfile, counts: Floats, *, rows: int) -> Floats:
    starts, ends = profile.starts, profile.starts + profile.sizes
    values = counts.copy()
    values[:, ends], values[:, ends + 1] = 0, 0
    totals = np.add.reduceat(values, starts, axis=1)
    categories = [number for number, bins in enumerate(profile.bins.values()) if not bins.is_ordered]
    return np.column_stack(
        [
            _value_scores(profile, values, totals),
            _shift_scores(profile, values, totals),
            rate_scores(counts[:, ends], rows, profile.missing),
            rate_scores(counts[:, ends[categories] + 1], rows, profile.unseen[categories]),
        ]
    )


def _value_scores(profile: ReferenceProfile, values: Floats, totals: Floats) -> Floats:
    parts = _xlogx(values) - values * np.log(profile.shares)
    summed: Floats = np.add.reduceat(parts, profile.starts, axis=1)
    return 2 * np.maximum(summed - _xlogx(totals), 0)


def _shift_scores(profile: ReferenceProfile, values: Floats, totals: Floats) -> Floats:
    """Square the standardized mean rank, which is more sensitive when all values move in one direction."""
    columns = []
    for number, (start, size, bins) in enumerate(
        zip(profile.starts, profile.sizes, profile.bins.values(), strict=True)
    ):
        if bins.is_ordered:
            shares = profile.shares[start : start + size]
            rank = np.cumsum(shares) - shares / 2
            variance = max(float(shares @ rank**2) - 0.25, 1e-9)
            total = np.maximum(totals[:, number], 1)
            mean = values[:, start : start + size] @ rank / total
            columns.append(np.where(totals[:, number] > 0, total * (mean - 0.5) ** 2 / variance, 0))
    return np.column_stack(columns)


def _xlogx(values: Floats) -> Floats:
    products: Floats = values * np.log(np.where(values > 0, values, 1))
    return products
