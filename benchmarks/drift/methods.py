"""Drift detectors, ours and others': they read a stream and return the rows that raise alarms."""

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import pandas as pd
import polars as pl
from evidently.legacy.calculations.stattests import jensenshannon_stat_test, wasserstein_stat_test
from evidently.legacy.core import ColumnType
from noting import NotingDetector
from river.drift import ADWIN
from scipy.stats import chi2_contingency, ks_2samp

from carvalue.monitoring.drift.bins import Codes, Floats
from carvalue.monitoring.drift.profile import ReferenceProfile, first_words, fit_profile
from carvalue.monitoring.drift.thresholds import calibrate

WINDOW = 1_000  # rows; a commonly recommended size
SAMPLE_ROWS = 5_000  # of the reference, for methods whose time grows with it
PORTION = 500  # rows that the watcher reads at once
START = pl.datetime(2026, 11, 1, time_zone="UTC")


class Method(Protocol):
    """A drift detector, fitted on a reference."""

    def raised(self, rows: pl.DataFrame) -> Iterator[int]:
        """Yield the number of each row after which an alarm is raised."""


class Ours:
    """The watcher's own detector: alarms when drift is confirmed."""

    def __init__(self, reference: pl.DataFrame) -> None:
        self._profile, self._null = calibrate(reference)

    def raised(self, rows: pl.DataFrame) -> Iterator[int]:
        """Follow the level after every stride."""
        detector = NotingDetector(self._profile, self._null)
        timed = rows.with_columns(quoted_at=START + pl.duration(seconds=pl.int_range(pl.len())))
        was_confirmed = False
        for start in range(0, len(timed), PORTION):
            detector.noted.clear()
            detector.add(timed[start : start + PORTION])
            for row, is_confirmed in detector.noted:
                if is_confirmed and not was_confirmed:
                    yield row
                was_confirmed = is_confirmed


class Windows:
    """A rule that is applied to each window independently."""

    def __init__(self, rule: Callable[[pl.DataFrame], bool], *, rows: int = WINDOW) -> None:
        self._rule, self._rows = rule, rows

    def raised(self, rows: pl.DataFrame) -> Iterator[int]:
        """Apply the rule to every complete window."""
        for end in range(self._rows, len(rows) + 1, self._rows):
            if self._rule(rows[end - self._rows : end]):
                yield end - 1


class Adwin:
    """ADWIN (river, its default delta) on every feature: numbers as they are, categories by frequency."""

    def __init__(self, reference: pl.DataFrame) -> None:
        self._profile = fit_profile(reference)

    def raised(self, rows: pl.DataFrame) -> Iterator[int]:
        """Update the detectors row by row."""
        detectors = [ADWIN() for _ in self._profile.features]
        values = np.log(self._profile.shares)[self._profile.codes(rows)[:, : len(self._profile.features)]]
        for place, name in enumerate(self._profile.features):
            if name in rows.columns and rows[name].dtype.is_numeric():
                values[:, place] = rows[name].fill_null(0).to_numpy()
        for row, line in enumerate(values.tolist()):
            for detector, value in zip(detectors, line, strict=True):
                detector.update(value)
            if any(detector.drift_detected for detector in detectors):
                yield row


class EDetector:
    """A sequential e-detector (Shiryaev-Roberts): an e-process begins with every row, in every feature.

    The bet is that shares are those of recent rows, at three speeds. An average of such detectors is one, and
    one alarm in `MEAN_ROWS` rows is the most that independent clean rows bring about.
    """

    MEAN_ROWS = 100_000.0
    MEMORIES = (50, 200, 1_000)  # rows
    TRUST = 20.0  # rows that the reference counts for in a bet

    def __init__(self, reference: pl.DataFrame) -> None:
        self._profile = fit_profile(reference)
        starts, sizes = self._profile.starts, self._profile.sizes
        self._shares = self._profile.shares.copy()
        there = 1 - self._profile.missing - self._profile.unseen
        for start, size, share in zip(starts, sizes, there, strict=True):
            self._shares[start : start + size] *= share
        self._shares[starts + sizes] = self._profile.missing
        self._shares[starts + sizes + 1] = self._profile.unseen

    def raised(self, rows: pl.DataFrame) -> Iterator[int]:
        """Update the e-processes row by row."""
        memories = np.array(self.MEMORIES, dtype=np.float64)
        keep, effective = 1 - 1 / memories, memories / (memories + self.TRUST)
        recent = np.tile(self._shares, (len(memories), 1))
        wealth = np.zeros((len(memories), len(self._profile.features)))
        for row, codes in enumerate(self._profile.codes(rows)[:, : len(self._profile.features)]):
            expected = self._shares[codes]
            bet = effective[:, None] * recent[:, codes] + (1 - effective[:, None]) * expected
            wealth = (1 + wealth) * bet / expected
            recent *= keep[:, None]
            recent[:, codes] += (1 - keep)[:, None]
            if wealth.mean() > self.MEAN_ROWS:
                wealth[:] = 0
                yield row


class MmdCusum:
    """MMD-CUSUM for mixing processes (Chen et al. 2024, arXiv 2312.09197).

    The distance of each block from the reference, less an offset, is summed up and never below 0. A Gaussian
    kernel on the features' bins, approximated by random Fourier features (Rahimi and Recht 2007); the
    offset is a standard deviation above the mean of the reference's blocks, and the threshold is the largest
    sum of the reference itself.
    """

    BLOCK, FEATURES, SEED = 50, 256, 3

    def __init__(self, reference: pl.DataFrame) -> None:
        self._profile = fit_profile(reference)
        random = np.random.default_rng(self.SEED)
        # two random rows differ in most features, and each adds 2 to the squared distance of one-hot codes
        bandwidth = np.sqrt(2 * len(self._profile.features))
        self._frequencies = random.normal(0, 1 / bandwidth, (self._profile.width, self.FEATURES))
        self._phases = random.uniform(0, 2 * np.pi, self.FEATURES)
        blocks = self._blocks(reference)
        self._mean = blocks.mean(axis=0)
        distances = np.linalg.norm(blocks - self._mean, axis=1)
        self._offset = float(distances.mean() + distances.std())
        self._threshold = max(self._sums(distances, threshold=np.inf))

    def raised(self, rows: pl.DataFrame) -> Iterator[int]:
        """Add up block by block, and begin again after an alarm."""
        distances = np.linalg.norm(self._blocks(rows) - self._mean, axis=1)
        for number, total in enumerate(self._sums(distances, threshold=self._threshold)):
            if total > self._threshold:
                yield (number + 1) * self.BLOCK - 1

    def _sums(self, distances: Floats, *, threshold: float) -> Iterator[float]:
        total = 0.0
        for distance in distances.tolist():
            total = max(total + distance - self._offset, 0.0)
            yield total
            if total > threshold:
                total = 0.0

    def _blocks(self, rows: pl.DataFrame) -> Floats:
        codes = self._profile.codes(rows)[:, : len(self._profile.features)]
        means = []
        for start in range(0, len(codes) - self.BLOCK + 1, self.BLOCK):
            angles = self._frequencies[codes[start : start + self.BLOCK]].sum(axis=1) + self._phases
            means.append(np.cos(angles).mean(axis=0) * np.sqrt(2 / self.FEATURES))
        return np.array(means)


def p_values(reference: pl.DataFrame, *, level: float) -> Method:
    """Kolmogorov-Smirnov for numbers, chi-squared for categories; an alarm if one p-value is too small."""
    known = first_words(reference).sample(SAMPLE_ROWS, seed=1)
    numbers, words = _columns(known)

    def rule(window: pl.DataFrame) -> bool:
        now = first_words(window)
        of_numbers = (
            ks_2samp(known[name].drop_nulls().to_numpy(), now[name].drop_nulls().to_numpy()).pvalue
            for name in numbers
        )
        of_words = (_chi_squared(known[name], now[name]) for name in words)
        return any(p < level for p in (*of_numbers, *of_words))

    return Windows(rule)


def population_stability(reference: pl.DataFrame) -> Method:
    """PSI over 0.2 in any feature, missing and unseen values counted as bins."""
    profile = fit_profile(reference)
    expected = _shares(profile, profile.codes(reference))

    def rule(window: pl.DataFrame) -> bool:
        now = _shares(profile, profile.codes(window))
        parts = (now - expected) * np.log(now / expected)
        return bool((np.add.reduceat(parts, profile.starts) > 0.2).any())

    return Windows(rule)


def evidently(reference: pl.DataFrame, *, share: float, rows: int = WINDOW) -> Method:
    """Evidently's default tests; alarms when a share of the columns, at least one, drifts.

    The tests are called as its report calls them, without the report: that takes seconds.
    """
    known = _pandas(reference.sample(SAMPLE_ROWS, seed=1))
    numbers, words = _columns(first_words(reference))

    def rule(window: pl.DataFrame) -> bool:
        now = _pandas(window)
        found = [
            _moved(wasserstein_stat_test, known[name], now[name], ColumnType.Numerical) for name in numbers
        ]
        found += [
            _moved(jensenshannon_stat_test, known[name], now[name], ColumnType.Categorical) for name in words
        ]
        return sum(found) >= max(1, share * len(found))

    return Windows(rule, rows=rows)


def _moved(test: object, known: pd.Series, now: pd.Series, kind: ColumnType) -> bool:
    known, now = known.dropna(), now.dropna()  # as its report does
    return len(now) > 0 and test(known, now, kind, None).drifted  # type: ignore[operator]


def _pandas(rows: pl.DataFrame) -> pd.DataFrame:
    rows = first_words(rows)
    return pd.DataFrame({name: rows[name].to_list() for name in rows.columns})


def _columns(rows: pl.DataFrame) -> tuple[list[str], list[str]]:
    numbers = [name for name in rows.columns if rows[name].dtype.is_numeric()]
    return numbers, [name for name in rows.columns if name not in numbers]


def _chi_squared(known: pl.Series, now: pl.Series) -> float:
    words = sorted({*known.drop_nulls(), *now.drop_nulls()})
    both = [known.drop_nulls().value_counts(), now.drop_nulls().value_counts()]
    counts = [dict(found.iter_rows()) for found in both]
    table = np.array([[found.get(word, 0) for word in words] for found in counts])
    return float(chi2_contingency(table).pvalue)


def _shares(profile: ReferenceProfile, codes: Codes) -> Floats:
    own = codes[:, : len(profile.features)]  # without the columns that say what is present
    counts = np.bincount(own.ravel(), minlength=len(profile.shares)) + 0.5
    sums = np.add.reduceat(counts, profile.starts)
    shares: Floats = counts / np.repeat(sums, profile.sizes + 2)
    return shares
