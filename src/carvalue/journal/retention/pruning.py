"""Remove old quotes from the journal, with their sales and ratings."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, delete, func, select

from carvalue.journal.retention.partitions import (
    Partition,
    first_id_of,
    is_partitioned,
    limit_lock_wait,
    read_partitions,
)
from carvalue.journal.schema import FEEDBACK, QUOTES, RATINGS
from carvalue.journal.store import Journal, lock_writes

CHUNK = 10_000  # rows deleted in one transaction, so that writers wait only briefly


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was removed.

    Attributes:
        quotes: The number of quotes.
        partitions: The number of partitions that were dropped as a whole.
    """

    quotes: int
    partitions: int


def prune(journal: Journal, *, before: date) -> Pruned:
    """Remove the quotes from before a day, with their sales and ratings. Decisions stay.

    In PostgreSQL whole partitions are dropped, which returns their disk space at once. What is left, and the
    quotes of a SQLite file, is deleted in small transactions; SQLite reuses the space for later quotes.

    Args:
        journal: The journal.
        before: The first day that stays, in UTC.

    Returns:
        What was removed.

    Raises:
        JournalUnavailable: The database does not answer; what was removed until then stays removed.
    """
    end, quotes, partitions = first_id_of(before), 0, 0
    with journal.transaction() as connection:
        old = (
            [item for item in read_partitions(connection) if item.end <= end]
            if is_partitioned(connection)
            else []
        )
    for partition in old:
        with journal.transaction() as connection:
            quotes += count_range(connection, partition.first, partition.end)
        with journal.transaction() as connection:
            remove_range(connection, partition.first, partition.end)
            partitions += 1
    for deleted in _delete_before(journal, end):
        quotes += deleted
    return Pruned(quotes=quotes, partitions=partitions)


def count_range(connection: Connection, first: str, end: str) -> int:
    """Count the quotes of a range of ids.

    Args:
        connection: A connection within a transaction.
        first: The smallest id.
        end: The smallest later id.

    Returns:
        The number of quotes.
    """
    quote_id = QUOTES.c.quote_id
    query = select(func.count()).where(quote_id >= first, quote_id < end)
    return connection.execute(query).scalar_one()


def remove_range(connection: Connection, first: str, end: str) -> None:
    """Remove the quotes of a range of ids, with their sales and ratings, in the caller's transaction.

    Args:
        connection: A connection within a transaction.
        first: The smallest id.
        end: The smallest id that stays.
    """
    lock_writes(connection)
    whole: list[Partition] = []
    if is_partitioned(connection):
        whole = [item for item in read_partitions(connection) if (item.first, item.end) == (first, end)]
    for partition in whole:
        limit_lock_wait(connection)
        connection.exec_driver_sql(f"DROP TABLE {partition.name}")
    for source in (FEEDBACK, RATINGS) if whole else (FEEDBACK, RATINGS, QUOTES):
        quote_id = source.c.quote_id
        connection.execute(delete(source).where(quote_id >= first, quote_id < end))


def _delete_before(journal: Journal, end: str) -> Iterator[int]:
    while True:
        with journal.transaction() as connection:
            quote_id = QUOTES.c.quote_id
            oldest = select(quote_id).where(quote_id < end).order_by(quote_id).limit(CHUNK)
            ids = connection.execute(oldest).scalars().all()
            if not ids:
                break
            for each in (FEEDBACK, RATINGS):
                connection.execute(delete(each).where(each.c.quote_id <= ids[-1]))
            yield connection.execute(delete(QUOTES).where(quote_id <= ids[-1])).rowcount
