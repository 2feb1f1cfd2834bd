"""Thresholds for a stated rate of false alarms, calibrated on the reference.

Consecutive rows are alike (same dealer, region or hour), so thresholds from shuffled rows would alarm on
nearly every clean window. Instead, each half of the reference (in time) is profiled and the other half is
replayed against it. The largest score of each segment of the replay follows an extreme-value distribution
(Gumbel 1958), whose upper quantile is the threshold.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from carvalue.errors import AppError
from carvalue.monitoring.drift.bins import Floats
from carvalue.monitoring.drift.profile import ReferenceProfile, fit_profile
from carvalue.monitoring.drift.statistics import STRIDE, stride_counts, window_scores

# rows; a drift is detected first by the largest window that it fills
WINDOWS = (50, 130, 250, 400, 700, 1200, 2000)
MIN_REFERENCE_ROWS = 2_000  # fewer rows give no reliable null distribution
SEGMENT_ROWS = 5_000  # rows of the replay for each maximum
MIN_SEGMENTS = 10  # in each half; a small reference has shorter segments
CONFIRMED_PER_100K = 3.0  # expected false alarms in 100,000 quotes, over all features
SUSPECTED_PER_100K = 40.0
MIN_DEVIATION = 0.3  # of the square root of a maximum; few segments may show a smaller one by chance
MIN_THRESHOLD = 8.0
EULER = 0.5772156649  # the Euler-Mascheroni constant, the mean of the standard Gumbel distribution


class ReferenceTooSmall(AppError):
    """The reference has too few rows to calibrate thresholds."""

    status, hint = 409, "Train on more listings (DATA_SOURCE)."


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """The thresholds of all scores.

    Attributes:
        windows: The window sizes in rows.
        suspected: The score above which drift is suspected, shape (windows, statistics).
        confirmed: The score above which drift is confirmed, shape (windows, statistics).
    """

    windows: tuple[int, ...]
    suspected: Floats
    confirmed: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class NullDistribution:
    """The distribution of the scores of clean traffic.

    Attributes:
        windows: The window sizes in rows.
        segment_rows: The number of rows for each maximum.
        maxima: The largest scores of each segment, shape (segments, windows, statistics).

    >>> maxima = np.random.default_rng(1).chisquare(5, size=(20, 1, 3)) + 10
    >>> null = NullDistribution(windows=(50,), segment_rows=5_000, maxima=maxima)
    >>> thresholds = null.thresholds()
    >>> bool((thresholds.confirmed > thresholds.suspected).all())
    True
    >>> bool((thresholds.confirmed > maxima.mean(axis=0)).all())
    True
    """

    windows: tuple[int, ...]
    segment_rows: int
    maxima: Floats

    def thresholds(self, live_maxima: Floats | None = None) -> Thresholds:
        """Compute the thresholds from a Gumbel distribution fitted by moments.

        Args:
            live_maxima: Maxima of clean segments of live traffic, shape (segments, windows, statistics); they
                are added to those of the reference.

        Returns:
            Thresholds with about `SUSPECTED_PER_100K` and `CONFIRMED_PER_100K` false alarms.
        """
        has_live = live_maxima is not None and len(live_maxima)
        maxima = np.concatenate([self.maxima, live_maxima]) if has_live else self.maxima
        return Thresholds(
            windows=self.windows,
            suspected=self._quantile(maxima, SUSPECTED_PER_100K),
            confirmed=self._quantile(maxima, CONFIRMED_PER_100K),
        )

    def _quantile(self, maxima: Floats, per_100k: float) -> Floats:
        # square roots, because scores grow with the square of a shift and their own tail is too heavy
        roots = np.sqrt(maxima)
        deviation = np.maximum(roots.std(axis=0, ddof=1), MIN_DEVIATION)
        scale = deviation * np.sqrt(6) / np.pi
        alarms = per_100k * self.segment_rows / 100_000 / roots[0].size  # in one segment by one statistic
        quantile = roots.mean(axis=0) - EULER * scale - scale * np.log(-np.log1p(-alarms))
        thresholds: Floats = np.maximum(quantile**2, MIN_THRESHOLD)
        return thresholds


def calibrate(reference: pl.DataFrame) -> tuple[ReferenceProfile, NullDistribution]:
    """Profile a reference and calibrate the scores of clean traffic on it.

    Args:
        reference: The inputs, `price` (dollars) and `range_width` of each row, in the order of time.

    Returns:
        The profile of all rows, and the null distribution.

    Raises:
        ReferenceTooSmall: The reference has fewer than `MIN_REFERENCE_ROWS` rows.
    """
    if len(reference) < MIN_REFERENCE_ROWS:
        raise ReferenceTooSmall(
            f"The reference has {len(reference):,} rows: expected {MIN_REFERENCE_ROWS:,} or more."
        )
    half = len(reference) // 2
    first, second = reference[:half], reference[half:]
    windows = tuple(rows for rows in WINDOWS if rows <= half // 5)
    segment_rows = max(max(windows), min(SEGMENT_ROWS, half // MIN_SEGMENTS))
    replays = (_replay(fit_profile(first), second, windows), _replay(fit_profile(second), first, windows))
    maxima = [part for replay in replays for part in segment_maxima(replay, segment_rows=segment_rows)]
    null = NullDistribution(windows=windows, segment_rows=segment_rows, maxima=np.array(maxima))
    return fit_profile(reference), null


def segment_maxima(scores: Floats, *, segment_rows: int) -> list[Floats]:
    """Compute the largest scores of each complete segment.

    Args:
        scores: Scores of consecutive strides, shape (strides, windows, statistics).
        segment_rows: The size of a segment in rows.

    Returns:
        One array for each segment, shape (windows, statistics).
    """
    strides = segment_rows // STRIDE
    return [
        scores[start : start + strides].max(axis=0) for start in range(0, len(scores) - strides + 1, strides)
    ]


def _replay(profile: ReferenceProfile, rows: pl.DataFrame, windows: tuple[int, ...]) -> Floats:
    return window_scores(profile, stride_counts(profile, profile.codes(rows)), windows=windows)
