"""The watcher as the page sees it; where it is away, the page goes on without it."""

from datetime import datetime
from typing import TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from carvalue.errors import AppError
from carvalue.web.client.answers import AnswerModel

ANSWER_S = 3.0

AnswerT = TypeVar("AnswerT")


class WatcherUnavailable(AppError):
    """The watcher gives no usable answer."""

    status, hint = 503, "Prices are not affected; `make status` says how it is."


class AlertView(AnswerModel):
    """An alert."""

    kind: str
    severity: str
    title: str
    text: str
    since: datetime
    resolved_at: datetime | None
    report: str


class AlertsView(AnswerModel):
    """Alerts that last, and those that ended, the last one first."""

    firing: tuple[AlertView, ...]
    past: tuple[AlertView, ...]


class FeatureDriftView(AnswerModel):
    """One feature that is watched."""

    title: str
    state: str
    score: float
    says: str
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]


class BoundedShareView(AnswerModel):
    """A share with its bounds."""

    value: float
    low: float
    high: float


class LiveAccuracyView(AnswerModel):
    """Accuracy against sale prices."""

    sales: int
    error: BoundedShareView | None
    coverage: BoundedShareView | None
    estimated_error: float | None


class DriftView(AnswerModel):
    """What the watcher has found."""

    state: str
    features: tuple[FeatureDriftView, ...]
    provisional: bool = True
    rows_seen: int = 0
    window_rows: int = 0
    live: LiveAccuracyView | None = None


class RetrainingView(AnswerModel):
    """How the newest retraining ended, and what comes next."""

    run: str | None
    outcome: str | None
    reasons: tuple[str, ...]
    ended_at: datetime | None
    next: str


class HourCount(AnswerModel):
    """How many quotes were given in an hour."""

    hour: datetime
    quotes: int


class ReportView(AnswerModel):
    """A report that is there."""

    name: str
    made_at: datetime
    why: str


class WatcherClient:
    """One connection pool to one watcher.

    Every method raises:
        WatcherUnavailable: no answer, or none that makes sense.
    """

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=ANSWER_S, transport=transport)

    def alerts(self) -> AlertsView:
        """Ask which alerts last, and which ended."""
        return self._read("/alerts", TypeAdapter(AlertsView))

    def drift(self) -> DriftView:
        """Ask what it has found."""
        return self._read("/drift", TypeAdapter(DriftView))

    def retraining(self) -> RetrainingView:
        """Ask how the newest retraining ended."""
        return self._read("/retraining", TypeAdapter(RetrainingView))

    def quotes_per_hour(self) -> tuple[HourCount, ...]:
        """Ask how many quotes were given in each of the last 24 hours."""
        return self._read("/quotes", TypeAdapter(tuple[HourCount, ...]))

    def reports(self) -> tuple[ReportView, ...]:
        """Ask which reports there are, the newest first."""
        return self._read("/reports", TypeAdapter(tuple[ReportView, ...]))

    def report(self, name: str) -> str:
        """Fetch a report's HTML."""
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
