"""The drift detector: checks whether the inputs and outputs of live quotes differ from the reference."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from pydantic import Field, TypeAdapter, ValidationError

from carvalue.errors import AppError
from carvalue.monitoring.drift.bins import Codes, Floats, NumberBins
from carvalue.monitoring.drift.describe import describe, median
from carvalue.monitoring.drift.history import StreamHistory
from carvalue.monitoring.drift.profile import TITLES, ReferenceProfile
from carvalue.monitoring.drift.statistics import (
    STRIDE,
    Kind,
    Statistic,
    list_statistics,
)
from carvalue.monitoring.drift.thresholds import NullDistribution

MIN_ROWS = 500  # of a stream; with fewer the state is `insufficient data`
PROVEN_ROWS = 5_000  # of a stream's history; with fewer, its baseline is less certain
RELEASE = 0.6  # of a threshold: a state ends only well below it (hysteresis), so that it does not flap

DriftState = Literal["insufficient data", "clean", "suspected", "confirmed"]
STATES: tuple[DriftState, ...] = ("clean", "suspected", "confirmed")
"""The states by level: 0, 1 and 2."""
SUSPECTED, CONFIRMED = 1, 2
STATE_FORMAT = 2  # raise it when what `DetectorState` holds changes: windows, statistics, levels


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
        kind: What has changed most, see `Statistic`.
        reference: The share of each bin among all rows of the reference.
        rows: The number of newest rows that show the change best.
        medians: Of a number, about the median before the change and after it.
        channel: The channel whose quotes are described; empty in the report of one channel.
        history: The share of each bin among the rows before the change.
        changed: The share of each bin among the newest rows that show the change best.
        window: The share of each bin among the newest rows of the stream.
    """

    name: str
    state: DriftState
    score: float
    description: str
    since: datetime | None
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]
    history: tuple[float, ...] = ()
    changed: tuple[float, ...] = ()
    kind: Kind = "values"
    channel: str = ""
    rows: int = 0
    medians: tuple[float, float] = (0.0, 0.0)

    @property
    def rank(self) -> tuple[int, float]:
        """What orders features: the state first, then the score."""
        return STATES.index(self.state) if self.state in STATES else -1, self.score

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
        provisional: Whether the stream's own history is still short.
        rows: The number of rows of the stream since the model version came into use.
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
        levels: The level by feature: 0 clean, 1 suspected, 2 confirmed.
        since: When each feature that is not clean left the state `clean`.
        history: What `StreamHistory.as_json` returned; None at the beginning.

    >>> saved = DetectorState(levels={"year": 1}).as_json()
    >>> DetectorState.from_json(saved).levels
    {'year': 1}
    >>> DetectorState.from_json({**saved, "format": 0})
    Traceback (most recent call last):
    carvalue.monitoring.drift.detector.StateIncompatible: The detector's state has format 0: expected 2. ...
    """

    levels: dict[str, Annotated[int, Field(ge=0, le=CONFIRMED)]] = field(default_factory=dict)
    since: dict[str, datetime] = field(default_factory=dict)
    history: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Convert the state to JSON types.

        Returns:
            The fields, with `STATE_FORMAT` as `format`.
        """
        since = {name: moment.isoformat() for name, moment in self.since.items()}
        return {"format": STATE_FORMAT, "levels": self.levels, "since": since, "history": self.history}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "DetectorState":
        """Read a saved state.

        Args:
            content: The result of `as_json`.

        Returns:
            The state.

        Raises:
            StateIncompatible: Another release wrote it in another format, or it is damaged.
        """
        if (found := content.get("format", 1)) != STATE_FORMAT:  # release 0.1 wrote no format
            raise StateIncompatible(f"The detector's state has format {found!r}: expected {STATE_FORMAT}.")
        try:
            return _STORED_STATE.validate_python({name: content[name] for name in _STORED_FIELDS})
        except (KeyError, ValidationError) as error:
            raise StateIncompatible(f"The detector's state is damaged: {error}.") from None


_STORED_FIELDS = ("levels", "since", "history")
_STORED_STATE = TypeAdapter(DetectorState)


class Detector:
    """Checks one stream of rows for change. The result does not depend on how it is split into portions.

    A stream is compared with its own history, never with the training data: people who leave fields empty
    are no drift, people who begin to leave a field empty are.

    Args:
        profile: The profile of the reference, which defines the bins.
        null: The scores of rows that do not change.
        state: The saved state of an earlier detector; None to start anew.

    Raises:
        StateIncompatible: The saved state has other features, windows or statistics.

    >>> from carvalue.listings import FIELDS, NumberField
    >>> from carvalue.monitoring.drift.profile import INPUTS, fit_profile
    >>> from carvalue.monitoring.drift.history import BaselineScores
    >>> numbers = [field.name for field in FIELDS if isinstance(field, NumberField)]
    >>> years = pl.Series([2010, 2020] * 400)
    >>> inputs = {name: years if name in numbers else ["a"] * 800 for name in INPUTS}
    >>> rows = pl.DataFrame(inputs).with_columns(
    ...     price=9_000.0, range_width=0.5, quoted_at=datetime(2026, 1, 1)
    ... )
    >>> profile = fit_profile(rows)
    >>> shape = (1, len(list_statistics(profile)))
    >>> null = NullDistribution(
    ...     windows=(50,), segment_rows=5_000, maxima=np.full((20, *shape), 9.0),
    ...     baseline=BaselineScores(windows=(50,), mean=np.ones(shape)),
    ... )
    >>> detector = Detector(profile, null)
    >>> detector.add(rows[:700])
    >>> detector.report().state
    'clean'
    >>> detector.add(rows[700:].with_columns(fuel=pl.lit("electric")))
    >>> [(item.name, item.state, item.description) for item in detector.report().drifted]
    [('fuel', 'confirmed', 'values not in the training data 0.0% -> 100.0%')]
    """

    def __init__(
        self, profile: ReferenceProfile, null: NullDistribution, state: DetectorState | None = None
    ) -> None:
        self._profile, self._null = profile, null
        state = state or DetectorState()
        self._levels, self._since = dict(state.levels), dict(state.since)
        try:
            self._history = StreamHistory(profile, null.windows, state.history)
        except (KeyError, TypeError, ValueError, IndexError, zlib.error) as error:
            raise StateIncompatible(f"The detector's state does not fit: {error}.") from None
        self._statistics = list_statistics(profile)
        self._of_feature = [
            np.array([index for index, item in enumerate(self._statistics) if item.feature == name])
            for name in profile.features
        ]
        self._by_feature = np.concatenate(self._of_feature)
        self._starts = np.cumsum([0, *(len(indices) for indices in self._of_feature[:-1])])
        self._newest = np.zeros((len(null.windows), len(self._statistics)))
        self._thresholds = null.thresholds()

    @property
    def state(self) -> DetectorState:
        """What to save for the next start."""
        return DetectorState(
            levels=dict(self._levels), since=dict(self._since), history=self._history.as_json()
        )

    @property
    def rows(self) -> int:
        """The number of rows so far, in complete strides."""
        return self._history.rows

    @property
    def drifted_rows(self) -> int:
        """The number of rows since drift was confirmed; 0 while it is not."""
        return self._history.drifted_rows

    def accept(self) -> None:
        """Accept a change: the newest rows are the baseline from now on."""
        self._history.accept()
        self._levels.clear()
        self._since.clear()
        self._newest = np.zeros_like(self._newest)

    def add(self, rows: pl.DataFrame) -> None:
        """Check the next rows.

        Args:
            rows: `quoted_at`, the inputs, `price` (dollars) and `range_width` (share of the price), in order.
        """
        if len(rows):
            self.add_codes(self._profile.codes(rows), rows["quoted_at"].to_list())

    def add_codes(self, codes: Codes, moments: Sequence[datetime]) -> None:
        """Check the next rows, assigned to bins already.

        Args:
            codes: The bins of the rows, shape (rows, features).
            moments: When each of them was quoted.
        """
        before = self._history.rows_with_rest
        for stride in self._history.scores(codes):
            moment = moments[self._history.rows - before - 1]
            relative = self._history.relative(stride, self._null.baseline)
            if self._history.rows >= MIN_ROWS:
                self._update_states(relative, moment=moment)
            self._history.freeze(has_drifted=self._level == CONFIRMED)
            if not self._history.is_frozen:
                self._history.remember(stride)

    def report(self) -> DriftReport:
        """Summarize the drift of all features.

        Returns:
            The state after the last row.
        """
        known = self._history.rows >= MIN_ROWS
        features = sorted(self._features(known=known), key=lambda item: -item.score)
        return DriftReport(
            state=STATES[self._level] if known else "insufficient data",
            since=min(self._since.values(), default=None),
            provisional=self._history.rows < PROVEN_ROWS,
            rows=self._history.rows,
            window=len(self._history.newest) * STRIDE,
            features=tuple(features),
        )

    @property
    def _level(self) -> int:
        return max(self._levels.values(), default=0)

    def _update_states(self, stride: Floats, *, moment: datetime) -> None:
        self._newest = stride
        confirmed = self._largest(stride / self._thresholds.confirmed)
        suspected = self._largest(stride / self._thresholds.suspected)
        for name, *scores in zip(self._profile.features, confirmed, suspected, strict=True):
            level = _next_level(self._levels.get(name, 0), confirmed=scores[0], suspected=scores[1])
            if level == 0:
                self._since.pop(name, None)
            else:
                self._since.setdefault(name, moment)
            self._levels[name] = level

    def _largest(self, stride: Floats) -> list[float]:
        """Compute the largest value of each feature over its statistics and all windows."""
        largest: list[float] = np.maximum.reduceat(
            stride.max(axis=0)[self._by_feature], self._starts
        ).tolist()
        return largest

    def _features(self, *, known: bool) -> Sequence[FeatureDrift]:
        shares = self._newest / self._thresholds.confirmed
        top = self._null.windows[int(np.unravel_index(shares.argmax(), shares.shape)[0])]
        baseline, newest = self._history.baseline(top), self._history.newest.sum(axis=0)
        changed = self._history.newest[-top // STRIDE :].sum(axis=0)
        features = []
        for number, (name, indices) in enumerate(zip(self._profile.features, self._of_feature, strict=True)):
            window, largest = np.unravel_index(shares[:, indices].argmax(), (len(shares), len(indices)))
            rows = self._null.windows[int(window)]
            statistic = self._statistics[indices[largest]]
            features.append(
                FeatureDrift(
                    name=name,
                    state=STATES[self._levels.get(name, 0)] if known else "insufficient data",
                    score=float(shares[:, indices].max()),
                    kind=statistic.kind,
                    rows=rows,
                    description=self._describe(number, statistic, rows=rows) if known else "",
                    since=self._since.get(name),
                    labels=(*self._profile.bins[name].labels, "(missing)", "(unseen)"),
                    reference=self._shares(number, self._profile.all_shares),
                    history=self._shares(number, baseline),
                    changed=self._shares(number, changed),
                    window=self._shares(number, newest),
                    medians=self._medians(number, baseline, changed),
                )
            )
        return features

    def _medians(self, number: int, before: Floats, newest: Floats) -> tuple[float, float]:
        bins = self._profile.bins[self._profile.features[number]]
        if not isinstance(bins, NumberBins):
            return 0.0, 0.0
        return median(bins, self._shares(number, before)), median(bins, self._shares(number, newest))

    def _describe(self, number: int, statistic: Statistic, *, rows: int) -> str:
        counts = self._history.newest[-rows // STRIDE :].sum(axis=0)
        bins = self._profile.bins[statistic.feature]
        before = self._shares(number, self._history.baseline(rows))
        return describe(statistic.kind, bins, reference=before, window=self._shares(number, counts))

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
