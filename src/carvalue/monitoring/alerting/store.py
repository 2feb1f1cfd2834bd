"""Alerts: each is told when it begins and when it ends, once by every sink, however often a sink fails."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Literal, Protocol

from sqlalchemy import (
    Column,
    Connection,
    DateTime,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    create_engine,
    or_,
    select,
    update,
)

from carvalue.errors import AppError

logger = logging.getLogger(__name__)

Severity = Literal["warning", "critical"]
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=5), timedelta(minutes=15)
MAX_DOUBLINGS = 8  # 5 s doubled 8 times exceeds 15 min; without a bound the wait overflows a timedelta
DELIVERY_WAIT_S = 1.0  # a notifier that takes longer goes on in its own thread
GIVEN_UP = timedelta(days=1)  # older news help nobody; the alert itself stays in the list

TABLES = MetaData()
ALERTS = Table(
    "alerts",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False, index=True),
    Column("kind", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("since", DateTime, nullable=False),
    Column("report", Text, nullable=False),
    Column("resolved_at", DateTime),
)
DELIVERIES = Table(
    "deliveries",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("alert_id", Integer, nullable=False),
    Column("sink", String(64), nullable=False),
    Column("news", String(16), nullable=False),  # firing or resolved
    Column("attempts", Integer, nullable=False, default=0),
    Column("due_at", DateTime, nullable=False),
    Column("made_at", DateTime, nullable=False),
)
"""What still has to be told; a row goes when its sink has taken it."""


class DeliveryFailed(AppError):
    """A sink did not take an alert: says which and why; it is tried again."""

    status, hint = 502, "See to the receiver that ALERT_URLS names; nothing is lost meanwhile."


@dataclass(frozen=True, kw_only=True)
class Alert:
    """Something that a person must know.

    Attributes:
        key: alerts of one key are one alert, told once.
        kind: what it is about, a metric's label.
        severity: whether it can wait for the morning.
        title: one line.
        text: what, how far, and what to do.
        since: when it began.
        report: the name of a report that shows it; empty where there is none.
        resolved_at: when it ended; None while it lasts.
    """

    key: str
    kind: str
    severity: Severity
    title: str
    text: str
    since: datetime
    report: str = ""
    resolved_at: datetime | None = None

    @property
    def is_firing(self) -> bool:
        """Whether it lasts."""
        return self.resolved_at is None


class Notifier(Protocol):
    """Where alerts are told."""

    name: str

    def tell(self, alert: Alert) -> None:
        """Tell that an alert began or ended.

        Raises:
            DeliveryFailed: the receiver did not take it.
        """


class AlertStore:
    """Knows which alerts last, over restarts too, and what each sink still has to be told."""

    def __init__(self, path: Path, sinks: Sequence[Notifier]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
        TABLES.create_all(self._engine)
        self._sinks = {sink.name: sink for sink in sinks}
        self._threads = ThreadPoolExecutor(max(1, len(sinks)), thread_name_prefix="notifier")
        self._running: dict[str, Future[None]] = {}  # by notifier: each delivers in one thread at a time
        self._delivered: dict[tuple[str, str], int] = {}
        self._lock = Lock()  # guards the counts

    @property
    def delivered(self) -> Mapping[tuple[str, str], int]:
        """Deliveries by sink and outcome (`told`, `failed`, `dropped`) since this process started."""
        with self._lock:
            return dict(self._delivered)

    def update(self, active: Sequence[Alert], *, now: datetime) -> None:
        """Take the alerts that last now: tell new ones, tell the end of those that are gone."""
        with self._engine.begin() as connection:
            known = {row["key"]: row["id"] for row in _firing(connection)}
            wanted = {alert.key: alert for alert in active}
            for key in wanted.keys() - known.keys():
                self._begin(connection, wanted[key], now)
            for key in wanted.keys() & known.keys():
                _refresh(connection, known[key], wanted[key])
            for key in known.keys() - wanted.keys():
                self._end(connection, known[key], now)
        self._deliver(now)

    def firing(self) -> list[Alert]:
        """List the alerts that last, the oldest first."""
        with self._engine.begin() as connection:
            return [_alert(row) for row in _firing(connection)]

    def past(self, limit: int) -> list[Alert]:
        """List the alerts that ended, the last one first."""
        ended = select(ALERTS).where(ALERTS.c.resolved_at.is_not(None))
        with self._engine.begin() as connection:
            rows = connection.execute(ended.order_by(ALERTS.c.resolved_at.desc()).limit(limit)).mappings()
            return [_alert(row) for row in rows]

    def waiting(self) -> dict[str, int]:
        """Count what each sink still has to be told."""
        counts = dict.fromkeys(self._sinks, 0)
        with self._engine.begin() as connection:
            for name in connection.execute(select(DELIVERIES.c.sink)).scalars():
                counts[name] = counts.get(name, 0) + 1
        return counts

    def close(self) -> None:
        """Wait for the deliveries under way and close what is open."""
        self._threads.shutdown()
        self._engine.dispose()

    def _begin(self, connection: Connection, alert: Alert, now: datetime) -> None:
        values = {
            name: getattr(alert, name) for name in ("key", "kind", "severity", "title", "text", "report")
        }
        made = ALERTS.insert().values(**values, since=_stored(alert.since)).returning(ALERTS.c.id)
        self._owe(connection, connection.execute(made).scalar_one(), "firing", now)
        logger.warning("alert", extra={"key": alert.key, "title": alert.title})

    def _end(self, connection: Connection, number: int, now: datetime) -> None:
        connection.execute(update(ALERTS).where(ALERTS.c.id == number).values(resolved_at=_stored(now)))
        self._owe(connection, number, "resolved", now)
        logger.info("alert resolved", extra={"id": number})

    def _owe(self, connection: Connection, number: int, news: str, now: datetime) -> None:
        for name in self._sinks:
            values = {"alert_id": number, "sink": name, "news": news, "attempts": 0}
            connection.execute(
                DELIVERIES.insert().values(**values, due_at=_stored(now), made_at=_stored(now))
            )

    def _deliver(self, now: datetime) -> None:
        """Deliver what is due, each notifier in a thread of its own, so that none waits for another."""
        started = []
        for name, rows in groupby(self._due(now), key=itemgetter("of_sink")):
            running = self._running.get(name)
            if running is None or running.done():
                self._running[name] = self._threads.submit(self._deliver_all, list(rows), now)
                started.append(self._running[name])
        wait(started, timeout=DELIVERY_WAIT_S)

    def _due(self, now: datetime) -> Sequence[RowMapping]:
        columns = (*ALERTS.c, *(column.label(f"of_{column.name}") for column in DELIVERIES.c))
        due = (
            select(*columns)
            .join(ALERTS, ALERTS.c.id == DELIVERIES.c.alert_id)
            # made at a moment to come: the clock was set back since, and what is due must not wait for it
            .where(or_(DELIVERIES.c.due_at <= _stored(now), DELIVERIES.c.made_at > _stored(now)))
            .order_by(DELIVERIES.c.sink, DELIVERIES.c.id)
        )
        with self._engine.begin() as connection:
            return connection.execute(due).mappings().all()

    def _deliver_all(self, rows: Sequence[RowMapping], now: datetime) -> None:
        for row in rows:
            self._attempt(row, now)

    def _attempt(self, row: RowMapping, now: datetime) -> None:
        sink = self._sinks.get(row["of_sink"])
        outcome = "dropped"
        if sink is not None and now - _read(row["of_made_at"]) < GIVEN_UP:
            outcome = _told(sink, _as_it_was(row))
        self._count(row["of_sink"], outcome)
        mine = DELIVERIES.c.id == row["of_id"]
        with self._engine.begin() as connection:
            if outcome == "failed":
                again = {
                    "attempts": row["of_attempts"] + 1,
                    "due_at": _stored(now + _delay(row["of_attempts"])),
                }
                connection.execute(update(DELIVERIES).where(mine).values(**again))
            else:
                connection.execute(DELIVERIES.delete().where(mine))

    def _count(self, sink: str, outcome: str) -> None:
        with self._lock:
            self._delivered[sink, outcome] = self._delivered.get((sink, outcome), 0) + 1


def _delay(attempts: int) -> timedelta:
    return min(FIRST_RETRY * 2.0 ** min(attempts, MAX_DOUBLINGS), LONGEST_RETRY)


def _told(sink: Notifier, alert: Alert) -> str:
    try:
        sink.tell(alert)
    except DeliveryFailed as error:
        logger.error(  # noqa: TRY400  # the message says all
            "alert not delivered", extra={"sink": sink.name, "key": alert.key, "error": error.message}
        )
        return "failed"
    except Exception:  # a fault of one notifier must not stop the others
        logger.exception("alert not delivered", extra={"sink": sink.name, "key": alert.key})
        return "failed"
    return "told"


def _as_it_was(row: RowMapping) -> Alert:
    """Tell of the beginning as of a beginning, even when the alert has ended before it could be told."""
    alert = _alert(row)
    return alert if row["of_news"] == "resolved" else replace(alert, resolved_at=None)


def _firing(connection: Connection) -> Sequence[RowMapping]:
    lasting = select(ALERTS).where(ALERTS.c.resolved_at.is_(None)).order_by(ALERTS.c.id)
    return connection.execute(lasting).mappings().all()


def _refresh(connection: Connection, number: int, alert: Alert) -> None:
    """Keep the words up to date, without telling anyone again."""
    values = {"title": alert.title, "text": alert.text, "severity": alert.severity}
    if alert.report:
        values["report"] = alert.report
    connection.execute(update(ALERTS).where(ALERTS.c.id == number).values(**values))


def _alert(row: RowMapping) -> Alert:
    return Alert(
        key=row["key"],
        kind=row["kind"],
        severity=row["severity"],
        title=row["title"],
        text=row["text"],
        since=_read(row["since"]),
        report=row["report"],
        resolved_at=_read(row["resolved_at"]) if row["resolved_at"] else None,
    )


def _stored(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)  # SQLite forgets the time zone


def _read(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
