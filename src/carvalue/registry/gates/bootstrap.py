"""Paired bootstrap of the difference between two models that quoted the same rows."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TIMES, SEED = 1_000, 0
BATCH = 20  # samples that are held in memory together
NO_ERROR = 1e-6  # a smaller median error counts as this; quotes are whole dollars


@dataclass(frozen=True, kw_only=True)
class PairedChange:
    """Relative change of the median error: -0.02 is 2 % less than the other model's.

    Attributes:
        measured: The change on all rows.
        low: Lower one-sided confidence bound.
        high: Upper one-sided confidence bound.
    """

    measured: float
    low: float
    high: float


def paired_change(*, mine: Floats, theirs: Floats, confidence: float) -> PairedChange:
    """Compare the absolute relative errors of two models on the same rows by a paired percentile bootstrap.

    Rows are resampled with replacement (`TIMES` times, fixed seed), the same for both models, so that rows
    that are hard for both cancel out (Efron and Tibshirani, 1993, chapter 13).

    Args:
        mine: Errors of one model, shape (rows,).
        theirs: Errors of the other model on the same rows, shape (rows,).
        confidence: Confidence of each one-sided bound.

    Returns:
        The change of the median error from `theirs` to `mine` with its bounds.

    Example:
        >>> errors = np.linspace(0.01, 0.3, 200)
        >>> change = paired_change(mine=0.9 * errors, theirs=errors, confidence=0.95)
        >>> round(change.measured, 3), change.high < 0
        (-0.1, True)
    """
    from scipy.stats import bootstrap  # noqa: PLC0415  # takes half a second

    drawn = bootstrap(
        (mine, theirs),
        _change,
        paired=True,
        n_resamples=TIMES,
        batch=BATCH,
        confidence_level=2 * confidence - 1,
        method="percentile",
        rng=np.random.default_rng(SEED),
    )
    low, high = map(float, drawn.confidence_interval)
    return PairedChange(measured=float(_change(mine, theirs)), low=low, high=high)


def _change(mine: Floats, theirs: Floats, axis: int = -1) -> Floats:
    theirs_at_least = np.maximum(np.median(theirs, axis=axis), NO_ERROR)
    change: Floats = np.median(mine, axis=axis) / theirs_at_least - 1
    return change
