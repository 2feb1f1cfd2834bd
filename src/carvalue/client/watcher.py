"""HTTP client of the watcher: time limits and typed answers."""

from collections.abc import Mapping
from typing import TypeVar

import httpx
import msgspec

from carvalue.api import (
    AlertsView,
    DecisionView,
    DriftView,
    HourCount,
    IncidentRecordView,
    IncidentView,
    ReportView,
    RetrainingView,
)
from carvalue.errors import AppError

ANSWER_S = 3.0

AnswerT = TypeVar("AnswerT")


class WatcherUnavailable(AppError):
    """The watcher gives no usable answer."""

    status, hint = 503, "Prices are not affected; `make status` shows whether it runs."


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
        return self._read("/alerts", AlertsView)

    def incidents(self) -> tuple[IncidentRecordView, ...]:
        """List the incidents.

        Returns:
            Those that last first, then those that ended last.
        """
        return self._read("/incidents", tuple[IncidentRecordView, ...])

    def incident(self, number: int) -> IncidentView:
        """Read one incident with the quotes around it.

        Args:
            number: Identifies the incident.

        Returns:
            The incident.
        """
        return self._read(f"/incidents/{number}", IncidentView)

    def receivers(self) -> tuple[str, ...]:
        """Read what notifies people of alerts.

        Returns:
            Names; empty if nobody is notified.
        """
        return self._read("/receivers", tuple[str, ...])

    def drift(self) -> DriftView:
        """Read the state of drift detection.

        Returns:
            The state of each feature, and the accuracy against reported sale prices.
        """
        return self._read("/drift", DriftView)

    def retraining(self) -> RetrainingView:
        """Read how the newest retraining ended.

        Returns:
            The retraining, and what happens next.
        """
        return self._read("/retraining", RetrainingView)

    def decisions(self) -> tuple[DecisionView, ...]:
        """Read the decisions on model versions.

        Returns:
            The newest decisions, the newest first.
        """
        return self._read("/decisions", tuple[DecisionView, ...])

    def quotes_per_hour(self) -> tuple[HourCount, ...]:
        """Read how many quotes were given lately.

        Returns:
            The number of quotes in each of the last 24 hours, the oldest hour first.
        """
        return self._read("/quotes", tuple[HourCount, ...])

    def rating_counts(self) -> Mapping[str, int]:
        """Read how visitors rated the quotes of the version in production.

        Returns:
            The number of quotes by rating; empty before the watcher's first round.
        """
        return self._read("/ratings", dict[str, int])

    def reports(self) -> tuple[ReportView, ...]:
        """List the drift reports.

        Returns:
            All reports, the newest first.
        """
        return self._read("/reports", tuple[ReportView, ...])

    def report(self, name: str) -> str:
        """Fetch a report.

        Args:
            name: Its file name.

        Returns:
            The report as HTML.
        """
        return self._get(f"/reports/{name}").text

    def _read(self, path: str, shape: type[AnswerT]) -> AnswerT:
        try:
            return msgspec.json.decode(self._get(path).content, type=shape)
        except msgspec.DecodeError as error:
            raise WatcherUnavailable(f"What answers at {self._url} is not the watcher.") from error

    def _get(self, path: str) -> httpx.Response:
        try:
            return self._http.get(path).raise_for_status()
        except httpx.HTTPError as error:
            raise WatcherUnavailable(f"The watcher at {self._url} does not answer.") from error
