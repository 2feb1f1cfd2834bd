"""The drift detector: checks whether the inputs and outputs of live quotes differ from the reference."""

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

MIN_ROWS = 200  # with fewer rows the state is `insufficient data`
RELEASE = 0.6  # of a threshold: a state ends only well below it (hysteresis), so that it does not flap
MIN_LIVE_SEGMENTS = 4  # clean segments of live traffic before the thresholds are no longer provisional

DriftState = Literal["insufficient data", "clean", "suspected", "confirmed"]
STATES: tuple[DriftState, ...] = ("clean", "suspected", "confirmed")
"""The states by level: 0, 1 and 2."""
SUSPECTED, CONFIRMED = 1, 2
STATE_FORMAT = 1  # raise it when what `DetectorState` holds changes: windows, statistics, levels


class StateIncompatible(AppError):
    """A saved detector state was written in another format or with other windows."""

    status, hint = 500, "Start with an empty state: drift is detected again within some hundred quotes."


@dataclass(frozen=True, kw_only=True)
class FeatureDrift:
    """The drift of one feature.

    Attributes:
        name: An input, an output, or a residual (`year_level`, `price_level`).
        state: `clean`, `suspected`, `confirmed`, or `insufficient data`.
        score: The largest statistic, as a multiple of its threshold for `confirmed`.
        description: What has changed, in a phrase for people.
        since: When the feature left the state `clean`; None while it is clean.
        labels: The labels of the bins, with missing and unseen at the end.
        reference: The share of each bin among all rows of the reference.
        window: The share of each bin among the newest rows.
    """

    name: str
    state: DriftState
    score: float
    description: str
    since: datetime | None
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]

    @property
    def title(self) -> str:
        """The display name of the feature."""
        return TITLES.get(self.name, self.name.replace("_", " "))


@dataclass(frozen=True, kw_only=True)
class DriftReport:
    """The drift of all features.

    Attributes:
        state: The worst state of any feature.
        since: When the first of the features that are not clean left `clean`; None if all are clean.
        provisional: Whether the thresholds rest on the reference alone, without live traffic.
        rows: The number of rows since the model version came into use.
        window: The number of newest rows behind `FeatureDrift.window`.
        features: All features, the highest score first.
    """

    state: DriftState
    since: datetime | None
    provisional: bool
    rows: int
    window: int
    features: tuple[FeatureDrift, ...]

    @property
    def drifted(self) -> tuple[FeatureDrift, ...]:
        """The features with confirmed drift."""
        return tuple(item for item in self.features if item.state == "confirmed")


@dataclass(kw_only=True)
class DetectorState:
    """What a detector must keep over a restart, apart from the newest rows.

    Attributes:
        rows: The number of rows so far.
        levels: The level by feature: 0 clean, 1 suspected, 2 confirmed.
        since: When each feature that is not clean left the state `clean`.
        live_maxima: The largest scores of each clean segment of live traffic, shape (windows, statistics).

    >>> saved = DetectorState(rows=40, levels={"year": 1}).as_json()
    >>> DetectorState.from_json(saved).levels
    {'year': 1}
    >>> DetectorState.from_json({**saved, "format": 0})
    Traceback (most recent call last):
    carvalue.monitoring.drift.detector.StateIncompatible: The detector's state has format 0: expected 1. ...
    """

    rows: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    live_maxima: list[Floats] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Convert the state to JSON types.

        Returns:
            The fields, with `STATE_FORMAT` as `format`.
        """
        since = {name: moment.isoformat() for name, moment in self.since.items()}
        live_maxima = [maxima.tolist() for maxima in self.live_maxima]
        return {
            "format": STATE_FORMAT,
            "rows": self.rows,
            "levels": self.levels,
            "since": since,
            "own": live_maxima,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "DetectorState":
        """Read a saved state.

        Args:
            content: The result of `as_json`.

        Returns:
            The state.

        Raises:
            StateIncompatible: Another release wrote it in another format.
        """
        if (found := content.get("format", 1)) != STATE_FORMAT:  # release 0.1 wrote no format
            raise StateIncompatible(f"The detector's state has format {found!r}: expected {STATE_FORMAT}.")
        return cls(
            rows=content["rows"],
            levels=dict(content["levels"]),
            since={name: datetime.fromisoformat(moment) for name, moment in content["since"].items()},
            live_maxima=[np.array(maxima) for maxima in content["own"]],
        )


class Detector:
    """Checks a stream of rows for drift. The result does not depend on how the stream is split into portions.

    Args:
        profile: The profile of the reference.
        null: The scores of clean traffic.
        state: The saved state of an earlier detector; None to start anew.

    Attributes:
        state: What to save for the next start.

    Raises:
        StateIncompatible: The saved state has other windows or statistics.

    >>> from carvalue.listings import FIELDS, NumberField
    >>> from carvalue.monitoring.drift.profile import INPUTS, fit_profile
    >>> numbers = [field.name for field in FIELDS if isinstance(field, NumberField)]
    >>> years = pl.Series([2010, 2020] * 200)
    >>> inputs = {name: years if name in numbers else ["a"] * 400 for name in INPUTS}
    >>> rows = pl.DataFrame(inputs).with_columns(
    ...     price=9_000.0, range_width=0.5, quoted_at=datetime(2026, 1, 1)
    ... )
    >>> profile = fit_profile(rows)
    >>> maxima = np.full((20, 1, len(list_statistics(profile))), 9.0)
    >>> null = NullDistribution(windows=(50,), segment_rows=5_000, maxima=maxima)
    >>> detector = Detector(profile, null)
    >>> detector.add(rows[:300])
    >>> detector.report().state
    'clean'
    >>> detector.add(rows[300:].with_columns(fuel=pl.lit("electric")))
    >>> [(item.name, item.state, item.description) for item in detector.report().drifted]
    [('fuel', 'confirmed', 'values not in the training data 0.2% -> 100.0%')]
    """

    def __init__(
        self, profile: ReferenceProfile, null: NullDistribution, state: DetectorState | None = None
    ) -> None:
        self._profile, self._null = profile, null
        self.state = state or DetectorState()
        self._statistics = list_statistics(profile)
        self._of_feature = [
            np.array([index for index, item in enumerate(self._statistics) if item.feature == name])
            for name in profile.features
        ]
        self._by_feature = np.concatenate(self._of_feature)
        self._starts = np.cumsum([0, *(len(indices) for indices in self._of_feature[:-1])])
        self._codes = np.empty((0, len(profile.features)), dtype=np.int64)
        self._counts = np.empty((0, len(profile.shares)))
        self._newest = np.zeros((len(null.windows), len(self._statistics)))
        self._segment: list[Floats] = []
        self._check(self.state)
        self._thresholds = self._refit()

    @property
    def max_window(self) -> int:
        """The number of newest rows that `refill` needs after a restart."""
        return max(self._null.windows)

    def refill(self, rows: pl.DataFrame) -> None:
        """Fill the windows with rows that were checked before a restart, without changing the state.

        Args:
            rows: The newest rows before the restart, in order: the columns of `add`.
        """
        if len(rows):
            self._take(rows)

    def add(self, rows: pl.DataFrame) -> None:
        """Check the next rows.

        Args:
            rows: `quoted_at`, the inputs, `price` (dollars) and `range_width` (share of the price), in order.
        """
        if not len(rows):
            return
        waiting = len(self._codes)
        moments = rows["quoted_at"]
        for number, stride in enumerate(self._take(rows), start=1):
            self.state.rows += STRIDE
            if self.state.rows >= MIN_ROWS:
                self._update_states(stride, moment=moments[number * STRIDE - waiting - 1])
            self._collect_maxima(stride)

    def report(self) -> DriftReport:
        """Summarize the drift of all features.

        Returns:
            The state after the last row.
        """
        known = self.state.rows >= MIN_ROWS
        features = sorted(self._features(known=known), key=lambda item: -item.score)
        level = max(self.state.levels.values(), default=0)
        return DriftReport(
            state=STATES[level] if known else "insufficient data",
            since=min(self.state.since.values(), default=None),
            provisional=len(self.state.live_maxima) < MIN_LIVE_SEGMENTS,
            rows=self.state.rows,
            window=len(self._counts) * STRIDE,
            features=tuple(features),
        )

    def _take(self, rows: pl.DataFrame) -> Floats:
        codes = np.concatenate([self._codes, self._profile.codes(rows)])
        new = stride_counts(self._profile, codes)
        self._codes = codes[len(new) * STRIDE :]
        counts = np.concatenate([self._counts, new])
        self._counts = counts[-self.max_window // STRIDE :]
        return window_scores(self._profile, counts, windows=self._null.windows, newest=len(new))

    def _update_states(self, stride: Floats, *, moment: datetime) -> None:
        self._newest = stride
        confirmed = self._largest(stride / self._thresholds.confirmed)
        suspected = self._largest(stride / self._thresholds.suspected)
        for name, *scores in zip(self._profile.features, confirmed, suspected, strict=True):
            level = _next_level(self.state.levels.get(name, 0), confirmed=scores[0], suspected=scores[1])
            if level == 0:
                self.state.since.pop(name, None)
            else:
                self.state.since.setdefault(name, moment)
            self.state.levels[name] = level

    def _largest(self, stride: Floats) -> list[float]:
        """Compute the largest value of each feature over its statistics and all windows."""
        largest: list[float] = np.maximum.reduceat(
            stride.max(axis=0)[self._by_feature], self._starts
        ).tolist()
        return largest

    def _collect_maxima(self, stride: Floats) -> None:
        """Add each complete segment of traffic without confirmed drift to the null distribution."""
        if max(self.state.levels.values(), default=0) == CONFIRMED:
            self._segment = []
            return
        self._segment.append(stride)
        if len(self._segment) * STRIDE >= self._null.segment_rows:
            self.state.live_maxima.append(np.max(self._segment, axis=0))
            self._segment = []
            self._thresholds = self._refit()

    def _check(self, state: DetectorState) -> None:
        expected = self._null.maxima.shape[1:]
        if any(maxima.shape != expected for maxima in state.live_maxima):
            raise StateIncompatible(
                f"The detector's state has scores of shape {state.live_maxima[0].shape}: "
                f"expected {expected}, (windows, statistics)."
            )

    def _refit(self) -> Thresholds:
        return self._null.thresholds(np.array(self.state.live_maxima))

    def _features(self, *, known: bool) -> Sequence[FeatureDrift]:
        shares = self._newest / self._thresholds.confirmed
        features = []
        for number, (name, indices) in enumerate(zip(self._profile.features, self._of_feature, strict=True)):
            window, largest = np.unravel_index(shares[:, indices].argmax(), (len(shares), len(indices)))
            rows = self._null.windows[int(window)]
            statistic = self._statistics[indices[largest]]
            features.append(
                FeatureDrift(
                    name=name,
                    state=STATES[self.state.levels.get(name, 0)] if known else "insufficient data",
                    score=float(shares[:, indices].max()),
                    description=self._describe(number, statistic, rows=rows) if known else "",
                    since=self.state.since.get(name),
                    labels=(*self._profile.bins[name].labels, "(missing)", "(unseen)"),
                    reference=self._shares(number, self._profile_counts(number)),
                    window=self._shares(number, self._counts.sum(axis=0)),
                )
            )
        return features

    def _describe(self, number: int, statistic: Statistic, *, rows: int) -> str:
        counts = self._counts[-rows // STRIDE :].sum(axis=0)
        bins = self._profile.bins[statistic.feature]
        reference = self._shares(number, self._profile_counts(number))
        return describe(statistic.kind, bins, reference=reference, window=self._shares(number, counts))

    def _profile_counts(self, number: int) -> Floats:
        start, size = self._profile.starts[number], self._profile.sizes[number]
        present = 1 - self._profile.missing[number] - self._profile.unseen[number]
        counts = np.zeros(len(self._profile.shares))
        counts[start : start + size] = self._profile.shares[start : start + size] * present
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
