"""Thresholds: how far clean traffic strays from the reference by itself, learned from the reference.

Rows that follow each other are alike (one dealer, one region, one hour): thresholds from shuffled rows alarm
on nearly every clean window. So one half of the reference, in time, is profiled and the other half is
replayed against it, and the other way round. The largest score of every segment of the replay follows an
extreme-value (Gumbel) distribution; its tail gives the threshold for a stated rate of false alarms.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from carvalue.errors import AppError
from carvalue.monitoring.drift.bins import Floats
from carvalue.monitoring.drift.profile import ReferenceProfile, fit_profile
from carvalue.monitoring.drift.statistics import STRIDE, stride_counts, window_scores

# rows; a drift is found soonest by the window that it just fills
WINDOWS = (50, 130, 250, 400, 700, 1200, 2000)
LEAST_REFERENCE = 2_000  # rows; below, a null distribution is a guess
SEGMENT = 5_000  # rows of replay that one maximum stands for
LEAST_SEGMENTS = 10  # of each half; a small reference has shorter ones
CONFIRMED_PER_100K = 3.0  # false alarms that are aimed at, in 100,000 requests, all features together
SUSPECTED_PER_100K = 40.0
LEAST_SPREAD = (
    0.3  # of the square root of a segment's maximum: fewer segments than this would need prove less
)
LEAST_THRESHOLD = 8.0
EULER = 0.5772156649


class ReferenceTooSmall(AppError):
    """The reference has too few rows to tell what clean traffic looks like."""

    status, hint = 409, "Train on more listings; DATA_SOURCE names where they come from."


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """By window and statistic: the score from which drift is suspected, and from which it is confirmed."""

    windows: tuple[int, ...]
    suspected: Floats
    confirmed: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class NullDistribution:
    """The largest scores of each segment of clean traffic. `maxima`: (segments, windows, statistics)."""

    windows: tuple[int, ...]
    segment: int
    maxima: Floats

    def thresholds(self, own: Floats | None = None) -> Thresholds:
        """Fit the tail; `own` are maxima of the service's own quiet traffic, which count like the others."""
        maxima = self.maxima if own is None or not len(own) else np.concatenate([self.maxima, own])
        return Thresholds(
            windows=self.windows,
            suspected=self._tail(maxima, SUSPECTED_PER_100K),
            confirmed=self._tail(maxima, CONFIRMED_PER_100K),
        )

    def _tail(self, maxima: Floats, per_100k: float) -> Floats:
        # square roots: scores grow as the square of a shift, and their tail is too heavy to extrapolate
        roots = np.sqrt(maxima)
        spread = np.maximum(roots.std(axis=0, ddof=1), LEAST_SPREAD)
        scale = spread * np.sqrt(6) / np.pi
        alarms = per_100k * self.segment / 100_000 / roots[0].size  # in one segment, by one statistic
        quantile = roots.mean(axis=0) - EULER * scale - scale * np.log(-np.log1p(-alarms))
        found: Floats = np.maximum(quantile**2, LEAST_THRESHOLD)
        return found


def calibrate(reference: pl.DataFrame) -> tuple[ReferenceProfile, NullDistribution]:
    """Profile a reference, in its order of time, and learn how far clean traffic strays from it.

    Raises:
        ReferenceTooSmall: there are fewer than `LEAST_REFERENCE` rows.
    """
    if len(reference) < LEAST_REFERENCE:
        raise ReferenceTooSmall(
            f"The reference has {len(reference):,} rows: expected {LEAST_REFERENCE:,} or more."
        )
    half = len(reference) // 2
    first, second = reference[:half], reference[half:]
    windows = tuple(rows for rows in WINDOWS if rows <= half // 5)
    segment = max(max(windows), min(SEGMENT, half // LEAST_SEGMENTS))
    replays = (_replay(fit_profile(first), second, windows), _replay(fit_profile(second), first, windows))
    maxima = [part for replay in replays for part in segment_maxima(replay, segment=segment)]
    return fit_profile(reference), NullDistribution(windows=windows, segment=segment, maxima=np.array(maxima))


def segment_maxima(replay: Floats, *, segment: int) -> list[Floats]:
    """Give the largest scores of each whole segment. Shape of each: (windows, statistics)."""
    strides = segment // STRIDE
    return [
        replay[start : start + strides].max(axis=0) for start in range(0, len(replay) - strides + 1, strides)
    ]


def _replay(profile: ReferenceProfile, rows: pl.DataFrame, windows: tuple[int, ...]) -> Floats:
    return window_scores(profile, stride_counts(profile, profile.codes(rows)), windows=windows)
