"""Thresholds for a stated rate of false alarms, calibrated on the reference.

Consecutive rows are alike (same dealer, region or hour), so thresholds from shuffled rows would alarm on
nearly every clean window. Instead, each half of the reference (in time) is profiled and the other half is
replayed like a stream of quotes. The largest score of each segment of the replay follows an extreme-value
distribution (Gumbel 1958), whose upper quantile is the threshold.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from carvalue.errors import AppError
from carvalue.monitoring.drift.bins import Floats
from carvalue.monitoring.drift.history import BaselineScores, StreamHistory
from carvalue.monitoring.drift.profile import ReferenceProfile, fit_profile
from carvalue.monitoring.drift.statistics import STRIDE

# rows; a drift is detected first by the largest window that it fills
WINDOWS = (50, 130, 250, 400, 700, 1200, 2000)
MIN_LARGEST_WINDOW = 700  # rows; also where the reference is too small to replay such a window
MIN_REFERENCE_ROWS = 2_000  # fewer rows give no reliable null distribution
SEGMENT_ROWS = 5_000  # rows of the replay for each maximum
MIN_SEGMENTS = 10  # in each half; a small reference has shorter segments
CONFIRMED_PER_100K = 1.0  # expected false alarms in 100,000 quotes, over all features
SUSPECTED_PER_100K = 40.0
MIN_DEVIATION = 0.3  # of the square root of a maximum; few segments may show a smaller one by chance
# rows of one visitor are alike, also where the reference varies little
MIN_SUSPECTED, MIN_CONFIRMED = 25.0, 60.0
MIN_BASELINE = 0.5  # the mean of a one-sided score of independent rows
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
        baseline: The mean scores.

    >>> maxima = np.random.default_rng(1).chisquare(5, size=(20, 1, 3)) + 10
    >>> baseline = BaselineScores(windows=(50,), mean=np.ones((1, 3)))
    >>> null = NullDistribution(windows=(50,), segment_rows=5_000, maxima=maxima, baseline=baseline)
    >>> thresholds = null.thresholds()
    >>> bool((thresholds.confirmed > thresholds.suspected).all())
    True
    >>> bool((thresholds.confirmed > maxima.mean(axis=0)).all())
    True
    """

    windows: tuple[int, ...]
    segment_rows: int
    maxima: Floats
    baseline: BaselineScores

    def thresholds(self) -> Thresholds:
        """Compute the thresholds from Gumbel distributions fitted by moments.

        The windows of one statistic hold mostly the same rows, so the distribution of each statistic is that
        of its largest standardized score over all windows.

        Returns:
            Thresholds with about `SUSPECTED_PER_100K` and `CONFIRMED_PER_100K` false alarms.
        """
        return Thresholds(
            windows=self.windows,
            suspected=np.maximum(self._quantile(SUSPECTED_PER_100K), MIN_SUSPECTED),
            confirmed=np.maximum(self._quantile(CONFIRMED_PER_100K), MIN_CONFIRMED),
        )

    def _quantile(self, per_100k: float) -> Floats:
        # square roots, because scores grow with the square of a shift and their own tail is too heavy
        roots = np.sqrt(self.maxima)
        mean, deviation = roots.mean(axis=0), np.maximum(roots.std(axis=0, ddof=1), MIN_DEVIATION)
        largest = ((roots - mean) / deviation).max(axis=1)
        scale = largest.std(axis=0, ddof=1) * np.sqrt(6) / np.pi
        alarms = per_100k * self.segment_rows / 100_000 / largest.shape[1]  # in one segment by one statistic
        quantile = largest.mean(axis=0) - EULER * scale - scale * np.log(-np.log1p(-alarms))
        squared: Floats = (mean + deviation * quantile) ** 2
        return squared


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
    replays = [
        _Replay(fit_profile(profiled), replayed, windows)
        for profiled, replayed in ((first, second), (second, first))
    ]
    means = np.stack([replay.mean() for replay in replays])
    # the halves have bins of their own, but as many statistics
    baseline = BaselineScores(windows=windows, mean=np.maximum(means.mean(axis=0), MIN_BASELINE))
    maxima = [part for replay in replays for part in replay.maxima(baseline, segment_rows=segment_rows)]
    null = NullDistribution(
        windows=windows, segment_rows=segment_rows, maxima=np.array(maxima), baseline=baseline
    )
    return fit_profile(reference), _with_larger_windows(null)


def _with_larger_windows(null: NullDistribution) -> NullDistribution:
    """Add windows that a small reference cannot replay, with the scores of its largest one.

    Without them, a stream that is watched with a small reference would learn a slow change as its
    baseline before any window shows it.
    """
    added = tuple(rows for rows in WINDOWS if null.windows[-1] < rows <= MIN_LARGEST_WINDOW)
    if not added:
        return null
    windows, copies = (*null.windows, *added), [null.maxima] + [null.maxima[:, -1:]] * len(added)
    mean = np.concatenate([null.baseline.mean] + [null.baseline.mean[-1:]] * len(added))
    return NullDistribution(
        windows=windows,
        segment_rows=null.segment_rows,
        maxima=np.concatenate(copies, axis=1),
        baseline=BaselineScores(windows=windows, mean=mean),
    )


class _Replay:
    """The scores of rows that are replayed like a stream."""

    def __init__(self, profile: ReferenceProfile, rows: pl.DataFrame, windows: tuple[int, ...]) -> None:
        self._profile, self._windows = profile, windows
        history = StreamHistory(profile, windows)
        self._scores = np.array(list(history.scores(profile.codes(rows))))

    def mean(self) -> Floats:
        known = self._scores.any(axis=2, keepdims=True)
        mean: Floats = self._scores.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return mean

    def maxima(self, baseline: BaselineScores, *, segment_rows: int) -> list[Floats]:
        history = StreamHistory(self._profile, self._windows)
        relative = []
        for scores in self._scores:
            relative.append(history.relative(scores, baseline))
            history.remember(scores)
        return segment_maxima(np.array(relative), segment_rows=segment_rows)


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
