"""Answers of the watcher: drift, live accuracy, retrainings, decisions and reports. All moments are UTC."""

from datetime import datetime

from msgspec import Struct

from carvalue.api.messages.incidents import AlertView


class AlertsView(Struct, frozen=True, kw_only=True):
    """All alerts.

    Attributes:
        firing: Active alerts.
        past: Ended alerts, the newest first.
    """

    firing: tuple[AlertView, ...]
    past: tuple[AlertView, ...]


class FeatureDriftView(Struct, frozen=True, kw_only=True):
    """Drift of one feature.

    Attributes:
        name: The feature.
        title: Its name for people.
        state: insufficient data, clean, suspected or confirmed.
        score: Drift statistic as a multiple of its threshold.
        says: How the feature changed, in a line.
        labels: Names of the bins, shape (bins,).
        reference: Share of each bin in the training data, shape (bins,).
        window: Share of each bin in the newest quotes, shape (bins,).
        since: When it was first suspected; None while it is clean.
    """

    name: str
    title: str
    state: str
    score: float
    says: str
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]
    since: datetime | None = None


class BoundedShareView(Struct, frozen=True, kw_only=True):
    """A share with its 95 % confidence interval.

    Attributes:
        value: The share, from 0 to 1.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float


class LiveAccuracyView(Struct, frozen=True, kw_only=True):
    """Accuracy against reported sale prices.

    Attributes:
        sales: Number of reported sales.
        error: Median absolute percentage error; None with too few sales.
        coverage: Share of sale prices within the price range; None with too few sales.
        bias: Median of quote / sale price - 1; None with too few sales.
        estimated_error: Median error that the width of the price ranges suggests.
        range_level: Log dollars by which these sales move the price ranges; 0 if they do not.
        range_scale: Factor by which they widen them; 1 if they do not.
    """

    sales: int
    error: BoundedShareView | None
    coverage: BoundedShareView | None
    bias: BoundedShareView | None
    estimated_error: float | None
    range_level: float = 0.0
    range_scale: float = 1.0


class DriftView(Struct, frozen=True, kw_only=True):
    """The state of drift detection.

    Attributes:
        state: insufficient data, clean, suspected or confirmed.
        features: Drift of each feature, the largest score first.
        provisional: Whether the history of a channel is too short for reliable thresholds.
        rows_seen: Number of quotes that were checked.
        window_rows: Number of quotes in the window.
        since: When the drift was first suspected; None without one.
        model_version: The version whose quotes are checked; empty before the first round.
        reference: The fingerprint of the training data that it is compared with.
        live: Accuracy against reported sale prices.
    """

    state: str
    features: tuple[FeatureDriftView, ...]
    provisional: bool = True
    rows_seen: int = 0
    window_rows: int = 0
    since: datetime | None = None
    model_version: str = ""
    reference: str = ""
    live: LiveAccuracyView | None = None


class RetrainingView(Struct, frozen=True, kw_only=True):
    """The newest retraining.

    Attributes:
        run: Its Airflow run; None before the first.
        outcome: How it ended; None while it runs.
        reasons: Why it ended so.
        ended_at: When it ended, UTC.
        next: What happens next; empty if the next alert starts a retraining.
    """

    run: str | None
    outcome: str | None
    reasons: tuple[str, ...]
    ended_at: datetime | None
    next: str


class DecisionView(Struct, frozen=True, kw_only=True):
    """A decision on a model version.

    Attributes:
        at: When it was made, UTC.
        act: What was decided: promoted, refused, rolled back or adopted.
        version: The version that was promoted, refused, restored or found in production.
        earlier: The version in production before; None if there was none.
        by: Who decided.
        reasons: Why.
    """

    at: datetime
    act: str
    version: int
    earlier: int | None
    by: str
    reasons: tuple[str, ...]


class HourCount(Struct, frozen=True, kw_only=True):
    """The number of quotes in an hour.

    Attributes:
        hour: Start of the hour, UTC.
        quotes: Number of quotes.
    """

    hour: datetime
    quotes: int


class ReportView(Struct, frozen=True, kw_only=True):
    """A drift report.

    Attributes:
        name: Its file name.
        made_at: When it was made, UTC.
        why: What it was made for.
    """

    name: str
    made_at: datetime
    why: str


class WatcherHealth(Struct, frozen=True, kw_only=True):
    """The state of the watcher itself.

    Attributes:
        status: `alive`.
        trouble: Why the last round failed; empty if it did not.
    """

    status: str
    trouble: str
