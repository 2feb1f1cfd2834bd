"""Scores of windows of rows: two-sample likelihood-ratio statistics (G) against the rows before them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from carvalue.monitoring.drift.bins import Codes, Floats
from carvalue.monitoring.drift.profile import EFFORT, OPTIONAL_INPUTS, ReferenceProfile

STRIDE = 10  # rows between two evaluations of the windows
PRIOR_ROWS = 5.0  # what all requests of a stream count for among those that fill in as much
MAX_COUNT = 2**16  # a stream remembers fewer rows
X_LOG_X = np.arange(MAX_COUNT) * np.log(np.maximum(np.arange(MAX_COUNT), 1))
MIN_HISTORY = 450  # rows before a window, without which nothing can be said to have changed

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
        *(Statistic(name, "missing") for name in OPTIONAL_INPUTS),
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
    strides, bins = len(codes) // STRIDE, profile.width
    stride = np.repeat(np.arange(strides), STRIDE * codes.shape[1])
    cells = stride * bins + codes[: strides * STRIDE].ravel()
    return np.bincount(cells, minlength=strides * bins).reshape(strides, bins).astype(np.float64)


def window_scores(
    profile: ReferenceProfile,
    counts: Floats,
    past: Floats,
    *,
    windows: tuple[int, ...],
    newest: int | None = None,
) -> Floats:
    """Compare the windows that end with each stride with the rows before each window.

    Args:
        profile: The profile of the reference, which defines the bins.
        counts: The result of `stride_counts`, shape (strides, bins).
        past: The counts of the rows before the first stride, shape (bins,).
        windows: Window sizes in rows, multiples of `STRIDE`.
        newest: How many strides to score, counted from the end; None for all.

    Returns:
        Scores, shape (strides, windows, statistics); 0 for a window without enough rows, or with fewer than
        `MIN_HISTORY` rows before it. If all rows are independent and of one distribution, each score follows
        approximately a chi-squared distribution.
    """
    sums = np.vstack([np.zeros(counts.shape[1]), np.cumsum(counts, axis=0)])
    scored = len(counts) if newest is None else newest
    scores = np.zeros((scored, len(windows), len(list_statistics(profile))))
    for number, rows in enumerate(windows):
        strides = rows // STRIDE
        complete = min(scored, len(counts) - strides + 1)  # windows with all their rows
        if complete > 0:
            starts = slice(len(sums) - strides - complete, len(sums) - strides)
            before = past + sums[starts]
            known = before[:, : profile.sizes[0] + 2].sum(axis=1) >= MIN_HISTORY
            scores[scored - complete :, number] = (
                _compare(profile, sums[-complete:] - sums[starts], before) * known[:, None]
            )
    return scores


def rate_scores(counts: Floats, rows: Floats, before: Floats, rows_before: Floats) -> Floats:
    """Score rates of missing or unseen values that have risen. Rates that fell score 0.

    Args:
        counts: How many rows of the window are missing or unseen, shape (strides, features).
        rows: The rows of the window, shape (strides, 1).
        before: How many rows before the window were missing or unseen, shape (strides, features).
        rows_before: The rows before the window, shape (strides, 1).

    Returns:
        One-sided two-sample likelihood-ratio statistics (G), with the shape of `counts`.

    >>> rows, before = np.array([[100.0]]), np.array([[1000.0]])
    >>> rate_scores(np.array([[2.0, 30.0]]), rows, np.array([[20.0, 20.0]]), before).round(1).tolist()
    [[0.0, 88.5]]
    """
    scores = 2 * (
        _xlogx(counts)
        + _xlogx(rows - counts)
        - _xlogx(rows)
        + _xlogx(before)
        + _xlogx(rows_before - before)
        - _xlogx(rows_before)
        - _xlogx(counts + before)
        - _xlogx(rows + rows_before - counts - before)
        + _xlogx(rows + rows_before)
    )
    # rounding can give a value slightly below 0, which has no square root
    has_risen = counts * rows_before > before * rows
    return np.where(has_risen, np.maximum(scores, 0), 0)


def _compare(profile: ReferenceProfile, counts: Floats, before: Floats) -> Floats:
    ends = profile.starts + profile.sizes
    bins = len(profile.shares)
    values, values_before = counts[:, :bins].copy(), before[:, :bins].copy()
    for part in (values, values_before):
        part[:, ends], part[:, ends + 1] = 0, 0
    categories = [number for number, bins in enumerate(profile.bins.values()) if not bins.is_ordered]
    rows, rows_before = (part[:, : ends[0] + 2].sum(axis=1, keepdims=True) for part in (counts, before))
    unseen = ends[categories] + 1
    return np.column_stack(
        [
            _value_scores(profile, values, values_before),
            _shift_scores(profile, values, values_before),
            _missing_scores(profile, counts, before),
            rate_scores(counts[:, unseen], rows, before[:, unseen], rows_before),
        ]
    )


def _missing_scores(profile: ReferenceProfile, counts: Floats, before: Floats) -> Floats:
    """Compare how often fields are missing, among requests that fill in as many other fields."""
    shape = (-1, len(profile.presence_starts), len(EFFORT) + 1, 2)
    start = profile.presence_starts[0]
    window, past = (part[:, start:].reshape(shape) for part in (counts, before))
    rows, missing = window.sum(axis=3), window[..., 1].sum(axis=2)
    rows_before = past.sum(axis=3)
    everywhere = past[..., 1].sum(axis=2, keepdims=True) / np.maximum(
        rows_before.sum(axis=2, keepdims=True), 1
    )
    rates = (past[..., 1] + PRIOR_ROWS * everywhere) / (rows_before + PRIOR_ROWS)
    total = np.maximum(rows.sum(axis=2), 1)
    expected = (rows * rates).sum(axis=2) / total  # as often as before, among such requests
    # the number of rows of the history behind the expected rate: few, where few requests filled in as much;
    # but a program that has never left out so much is compared with all that it has sent
    known = np.where(rows_before > 0, rows_before + PRIOR_ROWS, rows_before.sum(axis=2, keepdims=True) + 1)
    support = total**2 / np.maximum((rows**2 / known).sum(axis=2), 1e-9)
    return rate_scores(missing, total, support * expected, support)


def _value_scores(profile: ReferenceProfile, values: Floats, before: Floats) -> Floats:
    """Two-sample G-test of the shares of the values, among the rows that have one."""
    parts = _of_count(values) + _of_count(before) - _of_count(values + before)
    summed: Floats = np.add.reduceat(parts, profile.starts, axis=1)
    total, total_before = (np.add.reduceat(part, profile.starts, axis=1) for part in (values, before))
    scores = summed - _xlogx(total) - _xlogx(total_before) + _xlogx(total + total_before)
    return 2 * np.maximum(scores, 0)


def _shift_scores(profile: ReferenceProfile, values: Floats, before: Floats) -> Floats:
    """Square the standardized difference of mean ranks: more sensitive when all values move one way."""
    columns = []
    for start, size, bins in zip(profile.starts, profile.sizes, profile.bins.values(), strict=True):
        if bins.is_ordered:
            window, past = values[:, start : start + size], before[:, start : start + size]
            columns.append(_shift_score(profile.ranks[start : start + size], window, past))
    return np.column_stack(columns)


def _shift_score(ranks: Floats, values: Floats, before: Floats) -> Floats:
    pooled = values + before
    totals, totals_before, both = (np.maximum(part.sum(axis=1), 1) for part in (values, before, pooled))
    mean = pooled @ ranks / both
    variance = np.maximum(pooled @ ranks**2 / both - mean**2, 1e-4)
    difference = values @ ranks / totals - before @ ranks / totals_before
    has_both = (values.sum(axis=1) > 0) & (before.sum(axis=1) > 0)
    score: Floats = difference**2 / (variance * (1 / totals + 1 / totals_before)) * has_both
    return score


def _of_count(counts: Floats) -> Floats:
    """Look up `_xlogx` of whole numbers, which is faster than a logarithm."""
    return np.take(X_LOG_X, counts.astype(np.intp))


def _xlogx(values: Floats) -> Floats:
    products: Floats = values * np.log(np.where(values > 0, values, 1))
    return products
