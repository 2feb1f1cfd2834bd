"""HTTP client of the watcher; without a watcher, the page still prices cars."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from carvalue.errors import AppError
from carvalue.web.client.incidents import AlertView, AnswerModel, IncidentRecordView, IncidentView

ANSWER_S = 3.0

AnswerT = TypeVar("AnswerT")


class WatcherUnavailable(AppError):
    """The watcher gives no usable answer."""

    status, hint = 503, "Prices are not affected; `make status` shows whether it runs."


class AlertsView(AnswerModel):
    """All alerts.

    Attributes:
        firing: Active alerts.
        past: Ended alerts, the newest first.
    """

    firing: tuple[AlertView, ...]
    past: tuple[AlertView, ...]


class FeatureDriftView(AnswerModel):
    """Drift of one feature.

    Attributes:
        title: The feature.
        state: insufficient data, clean, suspected or confirmed.
        score: Drift statistic as a multiple of its threshold.
        says: How the feature changed, in a line.
        labels: Names of the bins, shape (bins,).
        reference: Share of each bin in the training data, shape (bins,).
        window: Share of each bin in the newest quotes, shape (bins,).
    """

    title: str
    state: str
    score: float
    says: str
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]


class BoundedShareView(AnswerModel):
    """A share with its 95 % confidence interval.

    Attributes:
        value: The share, from 0 to 1.
        low: Lower end of the interval.
        high: Upper end of the interval.
    """

    value: float
    low: float
    high: float


class LiveAccuracyView(AnswerModel):
    """Accuracy against reported sale prices.

    Attributes:
        sales: Number of reported sales.
        error: Median absolute percentage error; None with too few sales.
        coverage: Share of sale prices within the price range; None with too few sales.
        estimated_error: Median error that the width of the price ranges suggests.
    """

    sales: int
    error: BoundedShareView | None
    coverage: BoundedShareView | None
    estimated_error: float | None


class DriftView(AnswerModel):
    """The state of drift detection.

    Attributes:
        state: insufficient data, clean, suspected or confirmed.
        features: Drift of each feature, the largest score first.
        provisional: Whether the thresholds rest on the training data alone.
        rows_seen: Number of quotes that were checked.
        window_rows: Number of quotes in the window.
        live: Accuracy against reported sale prices.
    """

    state: str
    features: tuple[FeatureDriftView, ...]
    provisional: bool = True
    rows_seen: int = 0
    window_rows: int = 0
    live: LiveAccuracyView | None = None


class RetrainingView(AnswerModel):
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


class DecisionView(AnswerModel):
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


class HourCount(AnswerModel):
    """The number of quotes in an hour.

    Attributes:
        hour: Start of the hour, UTC.
        quotes: Number of quotes.
    """

    hour: datetime
    quotes: int


class ReportView(AnswerModel):
    """A drift report.

    Attributes:
        name: Its file name.
        made_at: When it was made, UTC.
        why: What it was made for.
    """

    name: str
    made_at: datetime
    why: str


class WatcherClient:
    """HTTP client of the watcher, with one connection pool.

    Every method can raise `WatcherUnavailable` (no answer, or an unusable one).
    """

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        """Create the connection pool; nothing is sent yet.

        Args:
            url: Base URL of the watcher.
            transport: Replaces the network in tests.
        """
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=ANSWER_S, transport=transport)

    def alerts(self) -> AlertsView:
        """Read the alerts.

        Returns:
            Active and ended alerts.
        """
        return self._read("/alerts", TypeAdapter(AlertsView))

    def incidents(self) -> tuple[IncidentRecordView, ...]:
        """List the incidents.

        Returns:
            Those that last first, then those that ended last.
        """
        return self._read("/incidents", TypeAdapter(tuple[IncidentRecordView, ...]))

    def incident(self, number: int) -> IncidentView:
        """Read one incident with the quotes around it.

        Args:
            number: Identifies the incident.

        Returns:
            The incident.
        """
        return self._read(f"/incidents/{number}", TypeAdapter(IncidentView))

    def receivers(self) -> tuple[str, ...]:
        """Read what notifies people of alerts.

        Returns:
            Names; empty if nobody is notified.
        """
        return self._read("/receivers", TypeAdapter(tuple[str, ...]))

    def drift(self) -> DriftView:
        """Read the state of drift detection.

        Returns:
            The state of each feature, and the accuracy against reported sale prices.
        """
        return self._read("/drift", TypeAdapter(DriftView))

    def retraining(self) -> RetrainingView:
        """Read how the newest retraining ended.

        Returns:
            The retraining, and what happens next.
        """
        return self._read("/retraining", TypeAdapter(RetrainingView))

    def decisions(self) -> tuple[DecisionView, ...]:
        """Read the decisions on model versions.

        Returns:
            The newest decisions, the newest first.
        """
        return self._read("/decisions", TypeAdapter(tuple[DecisionView, ...]))

    def quotes_per_hour(self) -> tuple[HourCount, ...]:
        """Read how many quotes were given lately.

        Returns:
            The number of quotes in each of the last 24 hours, the oldest hour first.
        """
        return self._read("/quotes", TypeAdapter(tuple[HourCount, ...]))

    def rating_counts(self) -> Mapping[str, int]:
        """Read how visitors rated the quotes of the version in production.

        Returns:
            The number of quotes by rating; empty before the watcher's first round.
        """
        return self._read("/ratings", TypeAdapter(Mapping[str, int]))

    def reports(self) -> tuple[ReportView, ...]:
        """List the drift reports.

        Returns:
            All reports, the newest first.
        """
        return self._read("/reports", TypeAdapter(tuple[ReportView, ...]))

    def report(self, name: str) -> str:
        """Fetch a report.

        Args:
            name: Its file name.

        Returns:
            The report as HTML.
        """
        return self._get(f"/reports/{name}").text

    def _read(self, path: str, shape: TypeAdapter[AnswerT]) -> AnswerT:
        try:
            return shape.validate_json(self._get(path).content)
        except ValidationError as error:
            raise WatcherUnavailable(f"What answers at {self._url} is not the watcher.") from error

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._http.get(path).raise_for_status()
        except httpx.HTTPError as error:
            raise WatcherUnavailable(f"The watcher at {self._url} does not answer.") from error
