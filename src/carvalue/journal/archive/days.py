"""The archive of the journal: Parquet files by day, local or in a bucket."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from sqlalchemy import Connection, Select, Table, func, select

from carvalue.errors import AppError
from carvalue.files import Objects, checksum
from carvalue.journal.archive.frames import fingerprint, table_schema, write_rows
from carvalue.journal.retention import day_of, first_id_of, remove_range
from carvalue.journal.schema import DECISIONS, FEEDBACK, QUOTES, RATINGS
from carvalue.journal.store import Journal, UnknownQuote, lock_writes

TABLES = {"quotes": QUOTES, "sales": FEEDBACK, "ratings": RATINGS}
"""The tables of a day, by the name of their file."""
DECISIONS_FILE = "decisions.parquet"

logger = logging.getLogger(__name__)


class JournalArchiveDamaged(AppError):
    """A file of the archive does not have the content that was written. Nothing was removed."""

    status, hint = 500, "Check the disk or the bucket in JOURNAL_ARCHIVE_URL, and run the command again."


class DayChanged(AppError):
    """Rows of a day arrived or changed while it was archived. Nothing was removed."""

    status, hint = 409, "Run `carvalue journal archive` again: it archives them too."


@dataclass(frozen=True, kw_only=True)
class ArchivedDay:
    """A day that is in the archive and no longer in the journal.

    Attributes:
        day: The day, in UTC.
        rows: The number of archived rows by name of the table.
    """

    day: date
    rows: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """Where a quote was found and removed.

    Attributes:
        journal: Whether it was in the journal.
        archive: Whether it was in the archive.
    """

    journal: bool
    archive: bool


class JournalArchive:
    """Old quotes with their sales and ratings, as Parquet files of one day each.

    Args:
        objects: Where the files are.

    >>> from datetime import UTC, datetime
    >>> from carvalue.files import open_objects
    >>> from carvalue.journal import JournalEntry
    >>> journal, archive = Journal("sqlite:///old.db"), JournalArchive(open_objects("file:///tmp/doctest-archive"))
    >>> journal.write([JournalEntry(
    ...     quote_id="019b76daa800".ljust(32, "0"), quoted_at=datetime(2026, 1, 1, tzinfo=UTC),
    ...     model_version="3", price=19_000, low=15_000, high=23_000, warnings=(), listing={},
    ... )])
    >>> [archived.rows for archived in archive.move_days(journal, before=date(2026, 2, 1))]
    [{'quotes': 1, 'sales': 0, 'ratings': 0}]
    >>> archive.forget("019b76daa800".ljust(32, "0"))
    True
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def move_days(self, journal: Journal, *, before: date) -> Iterator[ArchivedDay]:
        """Move the quotes from before a day from the journal to the archive, day by day.

        A day is removed from the journal after its files were written, read back and compared with its rows.
        A copy of all decisions is written beside them; they stay in the journal.

        Args:
            journal: The journal.
            before: The first day that stays, in UTC.

        Yields:
            Each day that was moved, oldest first.

        Raises:
            JournalArchiveDamaged: A file was not stored as it was written.
            DayChanged: The day got more rows meanwhile.
            StorageUnavailable: The archive does not answer.
            JournalUnavailable: The database does not answer.
        """
        while (day := _oldest_day(journal)) is not None and day < before:
            with TemporaryDirectory() as scratch:
                yield self._move(journal, day, Path(scratch))
        with TemporaryDirectory() as scratch:
            decisions = write_rows(
                journal,
                select(DECISIONS).order_by(DECISIONS.c.number),
                schema=table_schema(DECISIONS),
                into=Path(scratch) / "chunks",
            )
            self._store(decisions, DECISIONS_FILE, Path(scratch))

    def forget(self, quote_id: str) -> bool:
        """Remove a quote with its sale and its rating from the archive.

        Args:
            quote_id: The id of the quote.

        Returns:
            Whether it was in the archive.

        Raises:
            JournalArchiveDamaged: A file was not stored as it was written.
            StorageUnavailable: The archive does not answer.
        """
        is_found = False
        with TemporaryDirectory() as name:
            for table in TABLES:
                key, scratch = _key(day_of(quote_id), table), Path(name) / table
                stored = self._stored(key, scratch)
                if stored is None:
                    continue
                kept = stored.filter(pl.col("quote_id") != quote_id)
                if fingerprint(kept)[0] < fingerprint(stored)[0]:
                    self._store(kept, key, scratch)
                    is_found = True
        return is_found

    def _move(self, journal: Journal, day: date, scratch: Path) -> ArchivedDay:
        counts = {}
        with journal.transaction() as connection:
            state = _state(connection, day)
        for name, table in TABLES.items():
            folder = scratch / name
            rows = write_rows(
                journal, _of_day(table, day), schema=table_schema(table), into=folder / "chunks"
            )
            counts[name] = fingerprint(rows)[0]
            stored = self._stored(_key(day, name), folder)  # the day had late quotes
            if stored is not None:
                rows = pl.concat([stored, rows], how="diagonal").unique("quote_id", keep="last")
            self._store(rows.sort("quote_id"), _key(day, name), folder)
        with journal.transaction() as connection:
            lock_writes(connection)
            if _state(connection, day) != state:
                raise DayChanged(f"Rows of {day} arrived while the day was archived.")
            remove_range(connection, *_bounds(day))
        logger.info("day archived", extra={"day": str(day), **counts})
        return ArchivedDay(day=day, rows=counts)

    def _stored(self, key: str, scratch: Path) -> pl.LazyFrame | None:
        if key not in self._objects.list(key):
            return None
        scratch.mkdir(exist_ok=True)
        self._objects.download(key, scratch / "stored.parquet")
        return pl.scan_parquet(scratch / "stored.parquet")

    def _store(self, rows: pl.LazyFrame, key: str, scratch: Path) -> None:
        """Upload rows as one file, download it again, and compare both the bytes and the rows."""
        written, read = scratch / "written.parquet", scratch / "read.parquet"
        rows.sink_parquet(written)
        self._objects.upload(written, key)
        self._objects.download(key, read)
        with suppress(pl.exceptions.PolarsError, OSError):
            if checksum(read) == checksum(written) and fingerprint(pl.scan_parquet(read)) == fingerprint(
                rows
            ):
                return
        raise JournalArchiveDamaged(f"{self._objects.url}/{key} does not have the content that was written.")


def forget(quote_id: str, *, journal: Journal, archive: JournalArchive) -> Forgotten:
    """Remove a quote with its listing, its sale and its rating from the journal and from the archive.

    Args:
        quote_id: The id of the quote.
        journal: The journal.
        archive: The archive.

    Returns:
        Where it was.

    Raises:
        UnknownQuote: It is in neither of them.
        JournalArchiveDamaged: A file of the archive was not stored as it was written.
        StorageUnavailable: The archive does not answer.
        JournalUnavailable: The database does not answer.
    """
    try:
        journal.delete(quote_id)
        was_in_journal = True
    except UnknownQuote:
        was_in_journal = False
    was_in_archive = archive.forget(quote_id)
    if not was_in_journal and not was_in_archive:
        raise UnknownQuote(f"Neither the journal nor the archive has a quote {quote_id!r}.")
    return Forgotten(journal=was_in_journal, archive=was_in_archive)


def _key(day: date, table: str) -> str:
    return f"{day}/{table}.parquet"


def _oldest_day(journal: Journal) -> date | None:
    with journal.transaction() as connection:
        oldest = connection.execute(select(func.min(QUOTES.c.quote_id))).scalar_one()
    return day_of(oldest) if oldest else None


def _bounds(day: date) -> tuple[str, str]:
    return first_id_of(day), first_id_of(day + timedelta(days=1))


def _of_day(table: Table, day: date) -> Select[tuple[object, ...]]:
    first, end = _bounds(day)
    quote_id = table.c.quote_id
    return select(table).where(quote_id >= first, quote_id < end).order_by(quote_id)


def _state(connection: Connection, day: date) -> list[object]:
    """Read what changes if a row of a day is added or replaced."""
    changing = {QUOTES: QUOTES.c.quote_id, FEEDBACK: FEEDBACK.c.told_at, RATINGS: RATINGS.c.rated_at}
    state: list[object] = []
    for table, newest in changing.items():
        of_day = _of_day(table, day).order_by(None).subquery()
        query = select(func.count(), func.max(of_day.c[newest.name])).select_from(of_day)
        state.append(tuple(connection.execute(query).one()))
    return state
