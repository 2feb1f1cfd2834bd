"""Drift: whether what people enter, and what the model answers, has left the reference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import numpy as np
import polars as pl

from carvalue.errors import AppError
from carvalue.monitoring.drift.bins import Floats
from carvalue.monitoring.drift.describe import describe
from carvalue.monitoring.drift.profile import TITLES, ReferenceProfile
from carvalue.monitoring.drift.statistics import (
    STRIDE,
    Statistic,
    list_statistics,
    stride_counts,
    window_scores,
)
from carvalue.monitoring.drift.thresholds import NullDistribution, Thresholds

MIN_ROWS = 200  # under which nothing is said, least of all that there is no drift
RELEASE = 0.6  # of a threshold: what was raised is let go only when well below, so that it does not flap
OWN_SEGMENTS = 4  # of quiet traffic, before thresholds count as proven on it

DriftState = Literal["insufficient data", "clean", "suspected", "confirmed"]
LEVELS: tuple[DriftState, ...] = ("clean", "suspected", "confirmed")
SUSPECTED, CONFIRMED = 1, 2
STATE_FORMAT = 1  # raise it when what `DetectorState` holds changes: windows, statistics, levels


class StateIncompatible(AppError):
    """A saved detector state that this release cannot continue from."""

    status, hint = 500, "Start anew with an empty state: drift is found again within some hundred quotes."


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """One feature at one moment.

    Attributes:
        name: an input, an answer, or a level (`year_level`, `price_level`).
        state: how sure it is.
        score: of the statistic that stands out most, as a share of its threshold for `confirmed`.
        says: how far, in words.
        since: when it left `clean`.
        labels: of the bins, missing and unseen at the end.
        reference: the reference's share of each bin, of all rows.
        window: the same of the newest rows.
    """

    name: str
    state: DriftState
    score: float
    says: str
    since: datetime | None
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]

    @property
    def title(self) -> str:
        """The feature in words."""
        return TITLES.get(self.name, self.name.replace("_", " "))


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """Everything at one moment.

    Attributes:
        state: of the feature that is worst.
        since: when the first feature that is not clean left that state.
        provisional: thresholds rest on the reference alone, not yet on own traffic.
        rows: seen since the model version came into use.
        window: how many of the newest rows the windows' shares are of.
        features: every feature, worst first.
    """

    state: DriftState
    since: datetime | None
    provisional: bool
    rows: int
    window: int
    features: tuple[FeatureDrift, ...]

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """The features whose drift is confirmed."""
        return tuple(item for item in self.features if item.state == "confirmed")


@dataclass(kw_only=True)
class DetectorState:
    """What a detector must remember over a restart, besides the newest rows.

    Attributes:
        rows: seen so far.
        levels: by feature; 0 is clean.
        since: by feature, when it left clean.
        own: the largest scores of each segment of quiet traffic.
    """

    rows: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    own: list[Floats] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON's own types."""
        since = {name: moment.isoformat() for name, moment in self.since.items()}
        own = [maxima.tolist() for maxima in self.own]
        return {
            "format": STATE_FORMAT,
            "rows": self.rows,
            "levels": self.levels,
            "since": since,
            "own": own,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "DetectorState":
        """Read what `as_json` wrote.

        Raises:
            StateIncompatible: another release wrote it, in another format.
        """
        if content.get("format") != STATE_FORMAT:
            raise StateIncompatible(
                f"The detector's state has format {content.get('format')!r}: expected {STATE_FORMAT}."
            )
        return cls(
            rows=content["rows"],
            levels=dict(content["levels"]),
            since={name: datetime.fromisoformat(moment) for name, moment in content["since"].items()},
            own=[np.array(maxima) for maxima in content["own"]],
        )


class Detector:
    """Follows a stream of rows; the same rows in other portions give the same states."""

    def __init__(
        self, profile: ReferenceProfile, null: NullDistribution, memory: DetectorState | None = None
    ) -> None:
        self._profile, self._null = profile, null
        self.memory = memory or DetectorState()
        self._statistics = list_statistics(profile)
        self._of_feature = [
            np.array([place for place, item in enumerate(self._statistics) if item.feature == name])
            for name in profile.features
        ]
        self._by_feature = np.concatenate(self._of_feature)
        self._borders = np.cumsum([0, *(len(places) for places in self._of_feature[:-1])])
        self._codes = np.empty((0, len(profile.features)), dtype=np.int64)
        self._counts = np.empty((0, len(profile.shares)))
        self._newest = np.zeros((len(null.windows), len(self._statistics)))
        self._segment: list[Floats] = []
        self._check(self.memory)
        self._thresholds = self._refit()

    @property
    def reach(self) -> int:
        """How many of the newest rows a detector needs back after a restart."""
        return max(self._null.windows)

    def recall(self, rows: pl.DataFrame) -> None:
        """Take rows that were judged before a restart: they fill the windows and change no state."""
        if len(rows):
            self._take(rows)

    def add(self, rows: pl.DataFrame) -> None:
        """Take the next rows: `quoted_at`, the inputs, `price` and `range_width`."""
        if not len(rows):
            return
        waiting = len(self._codes)
        moments = rows["quoted_at"]
        for number, stride in enumerate(self._take(rows), start=1):
            self.memory.rows += STRIDE
            if self.memory.rows >= MIN_ROWS:
                self._judge(stride, moment=moments[number * STRIDE - waiting - 1])
            self._learn(stride)

    def report(self) -> DriftReport:
        """Tell how everything is."""
        known = self.memory.rows >= MIN_ROWS
        features = sorted(self._features(known=known), key=lambda item: -item.score)
        level = max(self.memory.levels.values(), default=0)
        return DriftReport(
            state=LEVELS[level] if known else "insufficient data",
            since=min(self.memory.since.values(), default=None),
            provisional=len(self.memory.own) < OWN_SEGMENTS,
            rows=self.memory.rows,
            window=len(self._counts) * STRIDE,
            features=tuple(features),
        )

    def _take(self, rows: pl.DataFrame) -> Floats:
        codes = np.concatenate([self._codes, self._profile.codes(rows)])
        new = stride_counts(self._profile, codes)
        self._codes = codes[len(new) * STRIDE :]
        counts = np.concatenate([self._counts, new])
        self._counts = counts[-self.reach // STRIDE :]
        return window_scores(self._profile, counts, windows=self._null.windows, newest=len(new))

    def _judge(self, stride: Floats, *, moment: datetime) -> None:
        self._newest = stride
        confirmed = self._largest(stride / self._thresholds.confirmed)
        suspected = self._largest(stride / self._thresholds.suspected)
        for name, sure, perhaps in zip(self._profile.features, confirmed, suspected, strict=True):
            level = _next_level(self.memory.levels.get(name, 0), confirmed=sure, suspected=perhaps)
            if level == 0:
                self.memory.since.pop(name, None)
            else:
                self.memory.since.setdefault(name, moment)
            self.memory.levels[name] = level

    def _largest(self, stride: Floats) -> list[float]:
        """Give each feature's largest value over its statistics and all windows."""
        found: list[float] = np.maximum.reduceat(stride.max(axis=0)[self._by_feature], self._borders).tolist()
        return found

    def _learn(self, stride: Floats) -> None:
        """Count a whole segment of quiet traffic among what clean traffic looks like."""
        if max(self.memory.levels.values(), default=0) == CONFIRMED:
            self._segment = []
            return
        self._segment.append(stride)
        if len(self._segment) * STRIDE >= self._null.segment:
            self.memory.own.append(np.max(self._segment, axis=0))
            self._segment = []
            self._thresholds = self._refit()

    def _check(self, state: DetectorState) -> None:
        expected = self._null.maxima.shape[1:]
        if any(maxima.shape != expected for maxima in state.own):
            raise StateIncompatible(
                f"The detector's state has scores of shape {state.own[0].shape}: "
                f"expected {expected}, (windows, statistics)."
            )

    def _refit(self) -> Thresholds:
        return self._null.thresholds(np.array(self.memory.own))

    def _features(self, *, known: bool) -> Sequence[FeatureDrift]:
        shares = self._newest / self._thresholds.confirmed
        found = []
        for number, (name, places) in enumerate(zip(self._profile.features, self._of_feature, strict=True)):
            window, place = np.unravel_index(shares[:, places].argmax(), (len(shares), len(places)))
            rows = self._null.windows[int(window)]
            found.append(
                FeatureDrift(
                    name=name,
                    state=LEVELS[self.memory.levels.get(name, 0)] if known else "insufficient data",
                    score=float(shares[:, places].max()),
                    says=self._says(number, self._statistics[places[place]], rows=rows) if known else "",
                    since=self.memory.since.get(name),
                    labels=(*self._profile.bins[name].labels, "(missing)", "(unseen)"),
                    reference=self._shares(number, self._profile_counts(number)),
                    window=self._shares(number, self._counts.sum(axis=0)),
                )
            )
        return found

    def _says(self, number: int, statistic: Statistic, *, rows: int) -> str:
        counts = self._counts[-rows // STRIDE :].sum(axis=0)
        bins = self._profile.bins[statistic.feature]
        usual, now = self._shares(number, self._profile_counts(number)), self._shares(number, counts)
        return describe(statistic.kind, bins, usual=usual, now=now)

    def _profile_counts(self, number: int) -> Floats:
        start, size = self._profile.starts[number], self._profile.sizes[number]
        there = 1 - self._profile.missing[number] - self._profile.unseen[number]
        counts = np.zeros(len(self._profile.shares))
        counts[start : start + size] = self._profile.shares[start : start + size] * there
        counts[start + size] = self._profile.missing[number]
        counts[start + size + 1] = self._profile.unseen[number]
        return counts

    def _shares(self, number: int, counts: Floats) -> tuple[float, ...]:
        start, size = self._profile.starts[number], self._profile.sizes[number]
        part = counts[start : start + size + 2]
        return tuple((part / max(float(part.sum()), 1e-9)).tolist())


def _next_level(level: int, *, confirmed: float, suspected: float) -> int:
    if confirmed > 1 or (level == CONFIRMED and confirmed > RELEASE):
        return CONFIRMED
    if suspected > 1 or (level == SUSPECTED and suspected > RELEASE):
        return SUSPECTED
    return 0
