"""What is known of an alert beside its text: what had changed, and the retraining that it started."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, select, update

from carvalue.errors import AppError
from carvalue.monitoring.alerting.alert import Alert, alert_of, in_utc, without_time_zone
from carvalue.monitoring.alerting.tables import ALERTS, INCIDENTS


class UnknownIncident(AppError):
    """No alert has this number."""

    status, hint = 404, "GET /incidents lists the incidents."


@dataclass(frozen=True, kw_only=True)
class IncidentRecord:
    """An alert and what is known of it.

    Attributes:
        alert: The alert.
        evidence: What had changed when the change was largest, as JSON types; empty for alerts of earlier
            releases.
        run: The id of the retraining that it started; empty if it started none.
        result: How the retraining ended; empty before that.
        version: The version that the retraining trained; None if it trained none.
        ended_at: When the retraining ended, with a time zone; None before that.
    """

    alert: Alert
    evidence: Mapping[str, Any]
    run: str
    result: str
    version: int | None
    ended_at: datetime | None


class IncidentRecords:
    """The incidents in the database of an alert store: one for each alert.

    Args:
        engine: The database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, connection: Connection, number: int, *, evidence: Mapping[str, Any]) -> None:
        """Record what had changed when an alert began.

        Args:
            connection: The transaction that stores the alert.
            number: The number of the alert.
            evidence: JSON types.
        """
        connection.execute(INCIDENTS.insert().values(alert_id=number, evidence=_dump(evidence)))

    def update(self, connection: Connection, number: int, *, evidence: Mapping[str, Any]) -> None:
        """Record what has changed while an alert fires, if it is more than was recorded before.

        Args:
            connection: The transaction that updates the alert.
            number: The number of the alert.
            evidence: JSON types; the largest `score` of its `changes` counts.
        """
        mine = INCIDENTS.c.alert_id == number
        text = connection.execute(select(INCIDENTS.c.evidence).where(mine)).scalar_one_or_none()
        known = json.loads(text or "{}")
        if text is not None and _score(evidence) > _score(known):
            first = {name: known[name] for name in ("changed_at",) if name in known}
            connection.execute(update(INCIDENTS).where(mine).values(evidence=_dump({**evidence, **first})))

    def note_run(self, run: str, *, kinds: Collection[str]) -> None:
        """Record the retraining that the alerts that fire now have started.

        Args:
            run: The id of the run.
            kinds: The kinds of the alerts.
        """
        alerts = select(ALERTS.c.id).where(ALERTS.c.kind.in_(sorted(kinds)), ALERTS.c.resolved_at.is_(None))
        mine = INCIDENTS.c.alert_id.in_(alerts) & INCIDENTS.c.run.is_(None)
        with self._engine.begin() as connection:
            connection.execute(update(INCIDENTS).where(mine).values(run=run))

    def note_result(self, run: str, *, result: str, version: int | None, ended_at: datetime) -> None:
        """Record how a retraining ended.

        Args:
            run: The id of the run.
            result: How it ended, such as `promoted`.
            version: The version that it trained; None if it trained none.
            ended_at: When it ended, with a time zone.
        """
        ended = {"result": result, "version": version, "ended_at": without_time_zone(ended_at)}
        mine = (INCIDENTS.c.run == run) & INCIDENTS.c.result.is_(None)
        with self._engine.begin() as connection:
            connection.execute(update(INCIDENTS).where(mine).values(**ended))

    def newest(self, limit: int) -> list[IncidentRecord]:
        """List incidents: those that last first, then those that ended last.

        Args:
            limit: The maximum number of incidents.

        Returns:
            Incidents.
        """
        is_over = ALERTS.c.resolved_at.is_not(None)
        query = _incidents().order_by(is_over, ALERTS.c.resolved_at.desc(), ALERTS.c.id.desc())
        with self._engine.begin() as connection:
            return [_record(row) for row in connection.execute(query.limit(limit)).mappings()]

    def get(self, number: int) -> IncidentRecord:
        """Read one incident.

        Args:
            number: The number of its alert.

        Returns:
            The incident.

        Raises:
            UnknownIncident: No alert has this number.
        """
        with self._engine.begin() as connection:
            row = connection.execute(_incidents().where(ALERTS.c.id == number)).mappings().one_or_none()
        if row is None:
            raise UnknownIncident(f"There is no incident {number}.")
        return _record(row)


def _dump(evidence: Mapping[str, Any]) -> str:
    return json.dumps(dict(evidence), separators=(",", ":"))


def _score(evidence: Mapping[str, Any]) -> float:
    return max((change["score"] for change in evidence.get("changes", ())), default=0.0)


def _incidents() -> Select[Any]:
    columns = [column for column in INCIDENTS.c if column.name != "alert_id"]
    return select(*ALERTS.c, *columns).outerjoin(INCIDENTS, INCIDENTS.c.alert_id == ALERTS.c.id)


def _record(row: RowMapping) -> IncidentRecord:
    return IncidentRecord(
        alert=alert_of(row),
        evidence=json.loads(row["evidence"] or "{}"),
        run=row["run"] or "",
        result=row["result"] or "",
        version=row["version"],
        ended_at=in_utc(row["ended_at"]) if row["ended_at"] else None,
    )
