"""Read incidents: the alert store has what happened, the journal has the quotes."""

from dataclasses import dataclass
from datetime import UTC, datetime

from carvalue.api import PeriodName, PeriodView
from carvalue.journal import Journal, JournalEntry
from carvalue.monitoring.alerting import IncidentRecord, IncidentRecords
from carvalue.monitoring.incidents.periods import read_quotes, summarize

FIRST = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Incident:
    """An incident with the quotes around it.

    Attributes:
        record: The alert and what is known of it.
        changed_at: About when the change began, with a time zone.
        repaired_at: From when on the effect is measured: the end of the retraining that brought another
            version into production, otherwise the end of the alert; None before that.
        periods: The quotes before, during and after the incident.
    """

    record: IncidentRecord
    changed_at: datetime
    repaired_at: datetime | None
    periods: tuple[PeriodView, ...]


class IncidentReader:
    """Reads incidents.

    Args:
        records: The incidents of the alert store.
        journal: The quotes. They are read each time and not copied, so that a quote which its owner deletes
            is gone from every incident.
    """

    def __init__(self, records: IncidentRecords, journal: Journal) -> None:
        self._records, self._journal = records, journal

    def newest(self, limit: int) -> list[IncidentRecord]:
        """List incidents: those that last first, then those that ended last.

        Args:
            limit: The maximum number of incidents.

        Returns:
            Incidents, without quotes.
        """
        return self._records.newest(limit)

    def read(self, number: int, *, now: datetime) -> Incident:
        """Read an incident with the quotes around it.

        Args:
            number: The number of its alert.
            now: The current time, with a time zone.

        Returns:
            The incident.

        Raises:
            UnknownIncident: No alert has this number.
            JournalUnavailable: The journal does not answer.
        """
        record = self._records.get(number)
        changed_at, repaired_at = _changed_at(record), _repaired_at(record)
        periods = [
            self._period("before", record, start=FIRST, end=changed_at, newest=True),
            self._period("during", record, start=changed_at, end=repaired_at or now, newest=True),
        ]
        if repaired_at:
            periods.append(self._period("afterwards", record, start=repaired_at, end=now, newest=False))
        return Incident(record=record, changed_at=changed_at, repaired_at=repaired_at, periods=tuple(periods))

    def _period(
        self, name: PeriodName, record: IncidentRecord, *, start: datetime, end: datetime, newest: bool
    ) -> PeriodView:
        channel = record.evidence.get("channel", "")
        quotes: list[JournalEntry] = read_quotes(
            self._journal, channel=channel, start=start, end=end, newest=newest
        )
        changed = [change["name"] for change in record.evidence.get("changes", ())]
        sales = self._journal.sales_of([quote.quote_id for quote in quotes])
        return summarize(name, quotes, sales=sales, changed=changed)


def _changed_at(record: IncidentRecord) -> datetime:
    text = record.evidence.get("changed_at")
    return datetime.fromisoformat(text) if text else record.alert.since


def _repaired_at(record: IncidentRecord) -> datetime | None:
    return record.ended_at if record.result == "promoted" else record.alert.resolved_at
