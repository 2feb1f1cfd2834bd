"""State of a process that runs once, however many instances are started: a row of the journal's database."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update

from carvalue.errors import AppError
from carvalue.journal.schema import LEASED_STATES
from carvalue.journal.store import Journal

LEASE = timedelta(seconds=30)  # after which another instance takes over from one that has stopped
RENEW_AFTER = LEASE / 3


class LeaseLost(AppError):
    """Another instance has taken over while this one did not answer."""

    status, hint = 409, "Nothing to do: this instance waits, and takes over when the other one stops."


class LeasedState:
    """A state that one instance at a time may write: the one that holds its lease. Not thread-safe.

    Args:
        journal: The database.
        name: The name of the state.
        holder: A unique name of this instance.

    >>> from datetime import UTC
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> first, second = (LeasedState(Journal("sqlite:///lease.db"), "watcher", name) for name in "ab")
    >>> first.acquire(now), second.acquire(now)
    (True, False)
    >>> first.write({"cursor": 7})
    >>> second.acquire(now + 2 * LEASE), second.read()
    (True, {'cursor': 7})
    >>> first.write({"cursor": 8})
    Traceback (most recent call last):
    carvalue.journal.leased_state.LeaseLost: Another instance holds the state 'watcher'. ...
    """

    def __init__(self, journal: Journal, name: str, holder: str) -> None:
        self._journal, self._name, self._holder = journal, name, holder
        self._renew_at: datetime | None = None

    def acquire(self, now: datetime) -> bool:
        """Take the lease, or renew it when it is due.

        Args:
            now: The current time, with a time zone.

        Returns:
            Whether this instance holds it.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        if self._renew_at and self._renew_at - RENEW_AFTER <= now < self._renew_at:
            return True
        self._renew_at = now + RENEW_AFTER if self._take(now) else None
        return self._renew_at is not None

    def read(self) -> Mapping[str, Any]:
        """Read the state.

        Returns:
            What was written last; empty before the first time.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        query = select(LEASED_STATES.c.content).where(LEASED_STATES.c.name == self._name)
        with self._journal.transaction() as connection:
            content = connection.execute(query).scalar_one_or_none()
        state: Mapping[str, Any] = json.loads(content) if content else {}
        return state

    def write(self, content: Mapping[str, Any]) -> None:
        """Replace the state.

        Args:
            content: JSON types.

        Raises:
            LeaseLost: This instance does not hold the lease any more.
            JournalUnavailable: The database does not answer.
        """
        text = json.dumps(content, separators=(",", ":"))
        own = (LEASED_STATES.c.name == self._name) & (LEASED_STATES.c.holder == self._holder)
        with self._journal.transaction() as connection:
            written = connection.execute(update(LEASED_STATES).where(own).values(content=text)).rowcount
        if not written:
            self._renew_at = None
            raise LeaseLost(f"Another instance holds the state {self._name!r}.")

    def seize(self, now: datetime) -> None:
        """Take the lease from the instance that holds it; that one then stands by without saving its state.

        Args:
            now: The current time, with a time zone.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        lease = {"holder": self._holder, "held_until": now.timestamp() + LEASE.total_seconds()}
        row = self._journal.insert(LEASED_STATES).values(name=self._name, **lease)
        with self._journal.transaction() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["name"], set_=lease))
        self._renew_at = now + RENEW_AFTER

    def release(self) -> None:
        """Let another instance take over at once.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        own = (LEASED_STATES.c.name == self._name) & (LEASED_STATES.c.holder == self._holder)
        with self._journal.transaction() as connection:
            connection.execute(update(LEASED_STATES).where(own).values(held_until=0.0))
        self._renew_at = None

    def _take(self, now: datetime) -> bool:
        table, moment = LEASED_STATES.c, now.timestamp()
        lease = {"holder": self._holder, "held_until": moment + LEASE.total_seconds()}
        # an end far in the future is of a clock that was set back
        is_over = or_(table.held_until < moment, table.held_until > moment + 2 * LEASE.total_seconds())
        free = (table.name == self._name) & or_(table.holder == self._holder, is_over)
        with self._journal.transaction() as connection:
            statement = self._journal.insert(LEASED_STATES).values(name=self._name, **lease)
            if connection.execute(statement.on_conflict_do_nothing()).rowcount == 1:
                return True
            return connection.execute(update(LEASED_STATES).where(free).values(**lease)).rowcount == 1
