"""The watcher as the page sees it; where it is away, the page goes on without it."""

from datetime import datetime
from typing import TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from carvalue.errors import AppError
from carvalue.web.client.answers import Answer

ANSWER_S = 3.0

AnswerT = TypeVar("AnswerT")


class WatcherAway(AppError):
    """The watcher gives no usable answer."""

    status, hint = 503, "Prices are not affected; `make status` says how it is."


class Told(Answer):
    """An alert."""

    kind: str
    severity: str
    title: str
    text: str
    since: datetime
    resolved_at: datetime | None
    report: str


class Alerts(Answer):
    """Alerts that last, and those that ended, the last one first."""

    firing: tuple[Told, ...]
    past: tuple[Told, ...]


class Feature(Answer):
    """One feature that is watched."""

    title: str
    state: str
    score: float
    says: str
    labels: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]


class Bounded(Answer):
    """A share with its bounds."""

    value: float
    low: float
    high: float


class Live(Answer):
    """Accuracy against sale prices."""

    sales: int
    error: Bounded | None
    coverage: Bounded | None
    estimated_error: float | None


class Drift(Answer):
    """What the watcher has found."""

    state: str
    features: tuple[Feature, ...]
    provisional: bool = True
    rows_seen: int = 0
    window_rows: int = 0
    live: Live | None = None


class Retraining(Answer):
    """How the newest retraining ended, and what comes next."""

    run: str | None
    outcome: str | None
    reasons: tuple[str, ...]
    ended_at: datetime | None
    next: str


class Hour(Answer):
    """How many quotes were given in an hour."""

    hour: datetime
    quotes: int


class Drawn(Answer):
    """A report that is there."""

    name: str
    made_at: datetime
    why: str


class Watcher:
    """One connection pool to one watcher.

    Every method raises:
        WatcherAway: no answer, or none that makes sense.
    """

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=ANSWER_S, transport=transport)

    def alerts(self) -> Alerts:
        """Ask which alerts last, and which ended."""
        return self._read("/alerts", TypeAdapter(Alerts))

    def drift(self) -> Drift:
        """Ask what it has found."""
        return self._read("/drift", TypeAdapter(Drift))

    def retraining(self) -> Retraining:
        """Ask how the newest retraining ended."""
        return self._read("/retraining", TypeAdapter(Retraining))

    def quotes_per_hour(self) -> tuple[Hour, ...]:
        """Ask how many quotes were given in each of the last 24 hours."""
        return self._read("/quotes", TypeAdapter(tuple[Hour, ...]))

    def reports(self) -> tuple[Drawn, ...]:
        """Ask which reports there are, the newest first."""
        return self._read("/reports", TypeAdapter(tuple[Drawn, ...]))

    def report(self, name: str) -> str:
        """Fetch a report's HTML."""
        return self._get(f"/reports/{name}").text

    def _read(self, path: str, shape: TypeAdapter[AnswerT]) -> AnswerT:
        try:
            return shape.validate_json(self._get(path).content)
        except ValidationError as error:
            raise WatcherAway(f"What answers at {self._url} is not the watcher.") from error

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._http.get(path).raise_for_status()
        except httpx.HTTPError as error:
            raise WatcherAway(f"The watcher at {self._url} does not answer.") from error
