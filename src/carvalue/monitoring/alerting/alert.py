"""An alert, and its row in the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import RowMapping

Severity = Literal["warning", "critical"]


@dataclass(frozen=True, kw_only=True)
class Alert:
    """A condition that people are notified of.

    Attributes:
        key: Identifies the alert: a firing alert with the same key is updated, not sent again.
        kind: What it is about, such as `drift`; a label of the metrics.
        severity: `critical` for what cannot wait until the morning, else `warning`.
        title: One line.
        text: Lines with the details and what to do.
        since: When it began, with a time zone.
        report: The file name of a report that shows it; empty if there is none.
        resolved_at: When it ended, with a time zone; None while it is firing.
        evidence: What has changed, as JSON types; empty if it is not known. The store keeps it.
        number: Its number in the store; 0 before it is stored.
    """

    key: str
    kind: str
    severity: Severity
    title: str
    text: str
    since: datetime
    report: str = ""
    resolved_at: datetime | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict, compare=False)
    number: int = field(default=0, compare=False)

    @property
    def is_firing(self) -> bool:
        """Whether the alert has not ended."""
        return self.resolved_at is None


def alert_of(row: RowMapping) -> Alert:
    """Read an alert from its row.

    Args:
        row: The columns of the table `alerts`.

    Returns:
        The alert, without its evidence.
    """
    return Alert(
        key=row["key"],
        kind=row["kind"],
        severity=row["severity"],
        title=row["title"],
        text=row["text"],
        since=in_utc(row["since"]),
        report=row["report"],
        resolved_at=in_utc(row["resolved_at"]) if row["resolved_at"] else None,
        number=row["id"],
    )


def without_time_zone(moment: datetime) -> datetime:
    """Convert a time to UTC and remove the time zone, because SQLite does not store it.

    Args:
        moment: The time, with a time zone.

    Returns:
        The time in UTC.
    """
    return moment.astimezone(UTC).replace(tzinfo=None)


def in_utc(moment: datetime) -> datetime:
    """Add the time zone UTC to a stored time.

    Args:
        moment: The time as the database returns it.

    Returns:
        The time with a time zone.
    """
    return moment.replace(tzinfo=UTC)
