"""Daily partitions of the quotes in PostgreSQL; a SQLite journal has one table without partitions."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, text

from carvalue.journal.entries import first_id_at
from carvalue.journal.store import Journal

DAYS_AHEAD = timedelta(days=7)  # partitions exist for a week in which nothing creates more
OTHER = "quotes_other"
"""The partition of quotes for whose day there is no partition; nothing is refused for want of one."""
LOCK_TIMEOUT_S = 2  # while a change waits for its lock, every later statement waits behind it
_BOUNDS = re.compile(r"FOR VALUES FROM \((MINVALUE|'[0-9a-f]+')\) TO \('([0-9a-f]+)'\)")
_PARTITIONS = text(
    "SELECT child.relname, pg_get_expr(child.relpartbound, child.oid) "
    "FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
    "WHERE inhparent = 'quotes'::regclass"
)


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A partition of the quotes.

    Attributes:
        name: The name of its table.
        first: The smallest quote id that it may hold; empty for the quotes from before partitions.
        end: The smallest later id.
    """

    name: str
    first: str
    end: str


def day_of(quote_id: str) -> date:
    """Read the day of a quote from its id.

    Args:
        quote_id: At least 12 hexadecimal digits.

    Returns:
        The day in UTC.

    >>> day_of("019b76daa80000000000000000000000")
    datetime.date(2026, 1, 1)
    """
    return datetime.fromtimestamp(int(quote_id[:12], 16) / 1000, UTC).date()


def first_id_of(day: date) -> str:
    """Return the smallest quote id of a day.

    Args:
        day: A day in UTC.

    Returns:
        12 hexadecimal digits.
    """
    return first_id_at(datetime.combine(day, time(), UTC))


def create_partitions(journal: Journal, *, until: date) -> tuple[date, ...]:
    """Create the missing partitions up to a day, and move quotes of these days into them.

    Each partition is one short transaction; quotes are written and read meanwhile.

    Args:
        journal: The journal; nothing is done if it is a SQLite file.
        until: The last day, in UTC.

    Returns:
        The days that have got a partition.

    Raises:
        JournalUnavailable: The database does not answer, or its user may not create tables.
    """
    with journal.transaction() as connection:
        if not is_partitioned(connection):
            return ()
        start = day_of(max(partition.end for partition in read_partitions(connection)))
    days = tuple(start + timedelta(days=number) for number in range((until - start).days + 1))
    for day in days:
        with journal.transaction() as connection:
            _create_partition(connection, day)
    return days


def is_partitioned(connection: Connection) -> bool:
    """Tell whether a journal has partitions.

    Args:
        connection: A connection to the journal.

    Returns:
        Whether the database is PostgreSQL.
    """
    return connection.dialect.name == "postgresql"


def read_partitions(connection: Connection) -> tuple[Partition, ...]:
    """List the partitions with bounds.

    Args:
        connection: A connection to a journal in PostgreSQL.

    Returns:
        The partitions without the one of all other days, oldest first.
    """
    found = ((name, _BOUNDS.fullmatch(bounds)) for name, bounds in connection.execute(_PARTITIONS))
    partitions = (
        Partition(name=name, first=bounds[1].strip("'").replace("MINVALUE", ""), end=bounds[2])
        for name, bounds in found
        if bounds
    )
    return tuple(sorted(partitions, key=lambda partition: partition.end))


def limit_lock_wait(connection: Connection) -> None:
    """Let the rest of a transaction fail instead of waiting long for a lock on a table.

    Args:
        connection: A connection to a journal in PostgreSQL.
    """
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")


def _create_partition(connection: Connection, day: date) -> None:
    name, first, end = f"quotes_{day:%Y%m%d}", first_id_of(day), first_id_of(day + timedelta(days=1))
    limit_lock_wait(connection)
    connection.exec_driver_sql(f"LOCK TABLE {OTHER} IN ACCESS EXCLUSIVE MODE")
    if connection.exec_driver_sql(f"SELECT to_regclass('{name}')").scalar_one() is not None:
        return  # another process was faster
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE quotes INCLUDING DEFAULTS INCLUDING INDEXES)")
    connection.exec_driver_sql(
        f"WITH moved AS (DELETE FROM {OTHER} WHERE quote_id >= '{first}' AND quote_id < '{end}' RETURNING *) "  # noqa: S608
        f"INSERT INTO {name} SELECT * FROM moved"
    )
    connection.exec_driver_sql(
        f"ALTER TABLE quotes ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{end}')"
    )
