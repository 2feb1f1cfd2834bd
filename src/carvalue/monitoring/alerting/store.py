"""Store alerts and deliver them: their state to Alertmanager, or a notification of each beginning and end."""

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from threading import Lock
from typing import Protocol

from sqlalchemy import Connection, RowMapping, create_engine, or_, select, update

from carvalue.errors import AppError
from carvalue.files import check_format, make_folder
from carvalue.monitoring.alerting.alert import Alert, alert_of, in_utc, without_time_zone
from carvalue.monitoring.alerting.incident_records import IncidentRecords
from carvalue.monitoring.alerting.tables import ALERTS, DELIVERIES, FORMAT, TABLES

logger = logging.getLogger(__name__)

FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=5), timedelta(minutes=15)
MAX_DOUBLINGS = 8  # 5 s doubled 8 times exceeds 15 min; without a bound the wait overflows a timedelta
DELIVERY_WAIT_S = 1.0  # a notifier that takes longer goes on in its own thread
RESEND_EVERY = timedelta(minutes=1)  # Alertmanager forgets alerts that are not sent again
RESEND_ENDED_FOR = timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(days=1)  # an undelivered notification is then dropped; the alert stays in the list


class DeliveryFailed(AppError):
    """A receiver did not accept a notification. The delivery is retried."""

    status, hint = 502, "Check the receiver in ALERT_URLS; deliveries are retried for a day."


class Notifier(Protocol):
    """Sends notifications to one receiver."""

    name: str
    """A unique name without secrets, for logs and metrics."""

    def notify(self, alert: Alert) -> None:
        """Send that an alert began or ended.

        Args:
            alert: The alert; `is_firing` says which of the two.

        Raises:
            DeliveryFailed: The receiver did not accept it.
        """


class StateReceiver(Protocol):
    """Takes the state of all alerts again and again, and notifies people itself, as Alertmanager does."""

    name: str
    """A unique name without secrets, for logs and metrics."""

    def send(self, alerts: Sequence[Alert], *, now: datetime) -> None:
        """Send the state of alerts.

        Args:
            alerts: Alerts that fire, and those that ended lately.
            now: The current time.

        Raises:
            DeliveryFailed: It was not accepted.
        """

    def has_receivers(self) -> bool:
        """Ask whether it notifies anybody.

        Returns:
            Whether it does; False if it does not answer.
        """

    def close(self) -> None:
        """Close the connections."""


@dataclass(kw_only=True)
class _Feed:
    """What a state receiver was sent, and when it is due again."""

    sent: frozenset[tuple[str, bool]] = frozenset()
    failures: int = 0
    due_at: datetime


class AlertStore:
    """A SQLite file of alerts and pending notifications, and what delivers them.

    A failed delivery is retried after 5 seconds, then after twice as long each time up to 15 minutes, for a
    day. A state receiver gets firing alerts every minute, and ended ones for a quarter of an hour; after a
    failure it is tried again after 5 seconds to a minute. Each receiver has its own thread, so that a slow
    one delays no other.

    Args:
        path: The SQLite file; created when missing.
        notifiers: One for each receiver, with unique names.
        state_receiver: Alertmanager, if it is to notify people.

    >>> class ListNotifier:
    ...     name = "list"
    ...     def __init__(self):
    ...         self.sent = []
    ...     def notify(self, alert):
    ...         self.sent.append((alert.key, "firing" if alert.is_firing else "resolved"))
    >>> now, notifier = datetime(2026, 1, 1, tzinfo=UTC), ListNotifier()
    >>> alert = Alert(
    ...     key="drift", kind="drift", severity="warning", title="Drift", text="year: newer", since=now
    ... )
    >>> store = AlertStore(Path("alerts.db"), [notifier])
    >>> store.update([alert], now=now)
    >>> store.update([alert], now=now + timedelta(minutes=1))  # firing still: nothing is sent
    >>> store.update([], now=now + timedelta(minutes=2))
    >>> notifier.sent
    [('drift', 'firing'), ('drift', 'resolved')]
    >>> store.close()
    """

    def __init__(
        self, path: Path, notifiers: Sequence[Notifier], *, state_receiver: StateReceiver | None = None
    ) -> None:
        make_folder(path.parent)
        self._engine = create_engine(f"sqlite:///{path}", hide_parameters=True)
        self._path = path
        self._prepare()
        self.incidents = IncidentRecords(self._engine)
        """What is known of each alert beside its text, also of those that have ended."""
        self._notifiers = {notifier.name: notifier for notifier in notifiers}
        self._state_receiver = state_receiver
        self._feed = _Feed(due_at=datetime.min.replace(tzinfo=UTC))
        self._threads = ThreadPoolExecutor(len(notifiers) + 1, thread_name_prefix="notifier")
        self._running: dict[str, Future[None]] = {}  # by notifier: each delivers in one thread at a time
        self._delivered: dict[tuple[str, str], int] = {}
        self._lock = Lock()  # guards the counts

    @property
    def delivered(self) -> Mapping[tuple[str, str], int]:
        """Attempts since this process started, by receiver and outcome: `delivered`, `failed`, `dropped`."""
        with self._lock:
            return dict(self._delivered)

    def update(self, active: Sequence[Alert], *, now: datetime) -> None:
        """Record which alerts are firing now and notify the receivers of what began or ended.

        Args:
            active: All alerts that are firing now.
            now: The current time, with a time zone.
        """
        with self._engine.begin() as connection:
            known = {row["key"]: row["id"] for row in _firing(connection)}
            current = {alert.key: alert for alert in active}
            for key in current.keys() - known.keys():
                self._begin(connection, current[key], now)
            for key in current.keys() & known.keys():
                _refresh(connection, known[key], current[key])
                self.incidents.update(connection, known[key], evidence=current[key].evidence)
            for key in known.keys() - current.keys():
                self._end(connection, known[key], now)
        self.deliver(now=now)

    def deliver(self, *, now: datetime) -> None:
        """Deliver what is due, to each receiver in its own thread, so that none waits for another.

        Args:
            now: The current time, with a time zone.

        Raises:
            SQLAlchemyError: A thread could not read or write the database.
        """
        tasks: dict[str, Callable[[], None]] = {
            name: partial(self._deliver_all, list(rows), now)
            for name, rows in groupby(self._due(now), key=itemgetter("of_sink"))
        }
        if self._state_receiver and (alerts := self._alerts_to_feed(now)):
            tasks[self._state_receiver.name] = partial(self._send_state, self._state_receiver, alerts, now)
        started = {
            name: self._threads.submit(task) for name, task in tasks.items() if name not in self._running
        }
        wait(started.values(), timeout=DELIVERY_WAIT_S)
        self._running |= started
        ended = [name for name, delivery in self._running.items() if delivery.done()]
        for delivery in [self._running.pop(name) for name in ended]:
            delivery.result()

    def firing(self) -> list[Alert]:
        """List the alerts that are firing.

        Returns:
            Alerts, the oldest first.
        """
        with self._engine.begin() as connection:
            return [alert_of(row) for row in _firing(connection)]

    def past(self, limit: int) -> list[Alert]:
        """List the alerts that have ended.

        Args:
            limit: The maximum number of alerts.

        Returns:
            Alerts, the last ended first.
        """
        ended = select(ALERTS).where(ALERTS.c.resolved_at.is_not(None))
        with self._engine.begin() as connection:
            rows = connection.execute(ended.order_by(ALERTS.c.resolved_at.desc()).limit(limit)).mappings()
            return [alert_of(row) for row in rows]

    def waiting(self) -> dict[str, int]:
        """Count the pending notifications.

        Returns:
            Number of notifications by notifier; of a state receiver that fails, number of alerts.
        """
        counts = dict.fromkeys(self._notifiers, 0)
        with self._engine.begin() as connection:
            for name in connection.execute(select(DELIVERIES.c.sink)).scalars():
                counts[name] = counts.get(name, 0) + 1
        if self._state_receiver:
            counts[self._state_receiver.name] = len(self.firing()) if self._feed.failures else 0
        return counts

    def receivers(self) -> list[str]:
        """List what notifies people. The console is left out, because nobody need look at it.

        Returns:
            Names, without secrets; empty if nobody is notified.
        """
        names = [name for name in self._notifiers if name != "console"]
        if self._state_receiver and self._state_receiver.has_receivers():
            names.append(self._state_receiver.name)
        return names

    def replace_file(self, replace: Callable[[], None]) -> None:
        """Go on with another SQLite file in place of this one. Call it in the thread that updates alerts.

        Args:
            replace: Replaces the file; it is called when no delivery is running.

        Raises:
            FormatUnknown: The new file was written by a newer release.
        """
        wait(self._running.values())
        self._running.clear()
        replace()
        self._engine.dispose()  # open connections are to the former file
        self._prepare()

    def close(self) -> None:
        """Wait for running deliveries and close the database."""
        self._threads.shutdown()
        if self._state_receiver:
            self._state_receiver.close()
        self._engine.dispose()

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            stored_format = connection.exec_driver_sql("PRAGMA user_version").scalar_one() or FORMAT
            check_format(stored_format, kind="alert store", source=self._path, oldest=1, newest=FORMAT)
            TABLES.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")

    def _begin(self, connection: Connection, alert: Alert, now: datetime) -> None:
        values = {
            name: getattr(alert, name) for name in ("key", "kind", "severity", "title", "text", "report")
        }
        insert = ALERTS.insert().values(**values, since=without_time_zone(alert.since)).returning(ALERTS.c.id)
        number = connection.execute(insert).scalar_one()
        self.incidents.begin(connection, number, evidence=alert.evidence)
        self._queue(connection, number, "firing", now)
        traces = alert.evidence.get("trace_ids", ())
        logger.warning(
            "alert", extra={"id": number, "key": alert.key, "title": alert.title, "trace_ids": [*traces]}
        )

    def _end(self, connection: Connection, number: int, now: datetime) -> None:
        connection.execute(
            update(ALERTS).where(ALERTS.c.id == number).values(resolved_at=without_time_zone(now))
        )
        self._queue(connection, number, "resolved", now)
        logger.info("alert resolved", extra={"id": number})

    def _queue(self, connection: Connection, number: int, news: str, now: datetime) -> None:
        for name in self._notifiers:
            values = {"alert_id": number, "sink": name, "news": news, "attempts": 0}
            connection.execute(
                DELIVERIES.insert().values(
                    **values, due_at=without_time_zone(now), made_at=without_time_zone(now)
                )
            )

    def _alerts_to_feed(self, now: datetime) -> Sequence[Alert]:
        """Return what the state receiver must be sent now; nothing if it has been sent that lately."""
        since = without_time_zone(now - RESEND_ENDED_FOR)
        lately = select(ALERTS).where(or_(ALERTS.c.resolved_at.is_(None), ALERTS.c.resolved_at > since))
        with self._engine.begin() as connection:
            alerts = [alert_of(row) for row in connection.execute(lately.order_by(ALERTS.c.id)).mappings()]
        has_changed = not self._feed.failures and _states(alerts) != self._feed.sent
        # due too far in the future: the clock was set back
        is_due = not timedelta() < self._feed.due_at - now <= RESEND_EVERY
        return alerts if has_changed or is_due else ()

    def _send_state(self, receiver: StateReceiver, alerts: Sequence[Alert], now: datetime) -> None:
        outcome = _attempt(partial(receiver.send, alerts, now=now), name=receiver.name)
        self._count(receiver.name, outcome)
        if outcome == "failed":
            wait_for = min(_delay(self._feed.failures), RESEND_EVERY)
            self._feed = _Feed(failures=self._feed.failures + 1, due_at=now + wait_for)
        else:
            self._feed = _Feed(sent=_states(alerts), due_at=now + RESEND_EVERY)

    def _due(self, now: datetime) -> Sequence[RowMapping]:
        columns = (*ALERTS.c, *(column.label(f"of_{column.name}") for column in DELIVERIES.c))
        due = (
            select(*columns)
            .join(ALERTS, ALERTS.c.id == DELIVERIES.c.alert_id)
            # created in the future: the clock was set back, and the delivery must not wait for it
            .where(
                or_(
                    DELIVERIES.c.due_at <= without_time_zone(now),
                    DELIVERIES.c.made_at > without_time_zone(now),
                )
            )
            .order_by(DELIVERIES.c.sink, DELIVERIES.c.id)
        )
        with self._engine.begin() as connection:
            return connection.execute(due).mappings().all()

    def _deliver_all(self, rows: Sequence[RowMapping], now: datetime) -> None:
        for row in rows:
            self._attempt(row, now)

    def _attempt(self, row: RowMapping, now: datetime) -> None:
        notifier = self._notifiers.get(row["of_sink"])
        outcome = "dropped"
        if notifier is not None and now - in_utc(row["of_made_at"]) < GIVE_UP_AFTER:
            alert = _alert_to_send(row)
            outcome = _attempt(partial(notifier.notify, alert), name=notifier.name, key=alert.key)
        self._count(row["of_sink"], outcome)
        this = DELIVERIES.c.id == row["of_id"]
        with self._engine.begin() as connection:
            if outcome == "failed":
                again = {
                    "attempts": row["of_attempts"] + 1,
                    "due_at": without_time_zone(now + _delay(row["of_attempts"])),
                }
                connection.execute(update(DELIVERIES).where(this).values(**again))
            else:
                connection.execute(DELIVERIES.delete().where(this))

    def _count(self, notifier: str, outcome: str) -> None:
        with self._lock:
            self._delivered[notifier, outcome] = self._delivered.get((notifier, outcome), 0) + 1


def _delay(attempts: int) -> timedelta:
    return min(FIRST_RETRY * 2.0 ** min(attempts, MAX_DOUBLINGS), LONGEST_RETRY)


def _attempt(deliver: Callable[[], None], *, name: str, key: str = "") -> str:
    try:
        deliver()
    except DeliveryFailed as error:
        logger.error(  # noqa: TRY400  # the message is enough
            "alert not delivered", extra={"receiver": name, "key": key, "error": error.message}
        )
        return "failed"
    except Exception:  # a fault of one receiver must not stop the others
        logger.exception("alert not delivered", extra={"receiver": name, "key": key})
        return "failed"
    return "delivered"


def _states(alerts: Sequence[Alert]) -> frozenset[tuple[str, bool]]:
    return frozenset((f"{alert.key} {alert.since}", alert.is_firing) for alert in alerts)


def _alert_to_send(row: RowMapping) -> Alert:
    """Send a beginning as firing, even if the alert ended before the delivery succeeded."""
    alert = alert_of(row)
    return alert if row["of_news"] == "resolved" else replace(alert, resolved_at=None)


def _firing(connection: Connection) -> Sequence[RowMapping]:
    firing = select(ALERTS).where(ALERTS.c.resolved_at.is_(None)).order_by(ALERTS.c.id)
    return connection.execute(firing).mappings().all()


def _refresh(connection: Connection, number: int, alert: Alert) -> None:
    """Update the texts of a firing alert without a new notification."""
    values = {"title": alert.title, "text": alert.text, "severity": alert.severity}
    if alert.report:
        values["report"] = alert.report
    connection.execute(update(ALERTS).where(ALERTS.c.id == number).values(**values))
