"""The journal: every answered quote and every reported sale, in SQLite or PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from sqlite3 import OperationalError
from threading import Lock
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    Connection,
    Engine,
    Row,
    RowMapping,
    Select,
    Table,
    bindparam,
    column,
    create_engine,
    delete,
    event,
    exc,
    func,
    make_url,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import ConnectionPoolEntry

from carvalue.errors import AppError
from carvalue.files import fsync, make_folder
from carvalue.journal.entries import (
    RATING_CHOICES,
    JournalEntry,
    Rating,
    Sale,
    SoldCar,
    StoredCorrection,
    first_id_at,
)
from carvalue.journal.framing import compact_json
from carvalue.journal.schema import (
    ARRIVALS,
    FEEDBACK,
    QUOTES,
    RANGE_CORRECTIONS,
    RATINGS,
    SchemaStatus,
    newest_revision,
    pending_revisions,
    revision_of,
    schema_status,
    upgrade,
)
from carvalue.journal.validation import InvalidEntry

MIGRATION_S = 600  # creating an index over a year of quotes takes longer than other statements may
MAX_IDS = 500  # in one statement; databases bound the number of parameters
FEW_SALES = 2_000  # the newest: enough unless few clients reported them
MAX_SALES_READ = 20_000  # the newest, so that the time does not grow with the journal
ANSWER_S = 5  # a journal that takes longer counts as unavailable; quotes wait in the outbox

Insert = sqlite.Insert | postgresql.Insert
INSERT: Mapping[str, Callable[[Table], Insert]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class JournalUnavailable(AppError):
    """The database of the journal is unreachable, locked, full or broken."""

    status, hint = 503, "Try again later; JOURNAL_URL names the database."


class WrongSchema(JournalUnavailable):
    """The tables of the journal have a revision that this code cannot use."""

    hint = "No quote is lost: quotes wait in the outbox on local disk. See docs/how-to/upgrade.md."


class EntriesRefused(AppError):
    """At least one of the entries can never be stored, for example because a value is out of range."""

    status, hint = 500, "This is a bug of the service: report it."


class UnknownQuote(AppError):
    """No quote has this id."""

    status, hint = 404, "Send the quote_id of a response of POST /predict, at least a second after it."


class DriverMissing(AppError):
    """The Python driver for this database is not installed."""

    status, hint = 500, "Install it with `uv sync --extra postgres`."


@dataclass(frozen=True, kw_only=True)
class JournalCursor:
    """A position in the order of arrival.

    Attributes:
        arrival: The number of the last entry that was read; 0 at the beginning.
        quote_id: The same among entries without a number, which releases 0.1 and 0.2 wrote: the id of the
            last one; empty at the beginning.
    """

    arrival: int = 0
    quote_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """Entries that arrived after a position.

    Attributes:
        entries: In the order of their arrival.
        cursor: The position after them.
    """

    entries: list[JournalEntry]
    cursor: JournalCursor


class Journal:
    """A database of quotes and sales. Thread-safe. Connects on first use, and again after a failure.

    Args:
        url: A SQLAlchemy URL of SQLite or PostgreSQL. A SQLite file is created and migrated on first use.
        answer_s: The time limit of a statement, in seconds.

    Raises:
        DriverMissing: The driver that the URL needs is not installed.

    >>> journal = Journal("sqlite:///journal.db")
    >>> journal.migrate() == journal.revision()
    True
    >>> entry = JournalEntry(
    ...     quote_id="0" * 32, quoted_at=datetime(2026, 1, 1, tzinfo=UTC), model_version="3",
    ...     price=19_000, low=15_000, high=23_000, warnings=(), listing={"manufacturer": "toyota"},
    ... )
    >>> journal.write([entry])
    >>> journal.after("", until=datetime(2026, 2, 1, tzinfo=UTC), limit=10) == [entry]
    True
    >>> journal.add_feedback(
    ...     quote_id="0" * 32, sale_price=18_500, reported_at=datetime(2026, 1, 9, tzinfo=UTC), client="shop"
    ... )
    >>> [(sale.price, sale.sale_price) for sale in journal.sales(model_version="3", limit=500)]
    [(19000, 18500)]
    >>> journal.range_correction("3") is None
    True
    >>> journal.rate(quote_id="0" * 32, rating="too low", rated_at=datetime(2026, 1, 2, tzinfo=UTC))
    >>> journal.rating("0" * 32), journal.rating_counts(model_version="3")
    ('too low', {'useful': 0, 'too low': 1, 'too high': 0})
    """

    def __init__(self, url: str, *, answer_s: int = ANSWER_S) -> None:
        self._url = make_url(url)
        try:
            self._engine = _engine(self._url, answer_s)
        except ModuleNotFoundError as error:
            raise DriverMissing(
                f"JOURNAL_URL starts with {self._url.drivername}, which needs the package {error.name}."
            ) from None
        self.insert = INSERT[self._engine.dialect.name]
        """Builds INSERT statements of the database's dialect."""
        self._is_file = self._engine.dialect.name == "sqlite"
        self._is_ready, self._lock = False, Lock()

    def write(self, entries: Sequence[JournalEntry], *, validated: bool = False) -> None:
        """Store all entries or none. An entry whose id exists already is left unchanged.

        Args:
            entries: At least one entry.
            validated: Whether they are known to be valid, as those of `JournalEntry.from_line` are.

        Raises:
            JournalUnavailable: The database does not answer.
            EntriesRefused: An entry is invalid, or the database rejects it permanently.
        """
        if not validated:
            for entry in entries:
                _require_valid(entry)
        with self.transaction() as connection:
            first = _next_arrival(connection, len(entries))
            own = {"schema_version": newest_revision()}
            rows = [{**entry.as_row(), **own, "arrival": place} for place, entry in enumerate(entries, first)]
            _insert_quotes(connection, rows)

    def add_feedback(
        self, *, quote_id: str, sale_price: int, reported_at: datetime, client: str | None = None
    ) -> None:
        """Store the sale price of a quoted car. A second report replaces the first.

        Args:
            quote_id: The id of the quote.
            sale_price: In whole dollars.
            reported_at: When the sale was reported, with a time zone.
            client: Who reported it.

        Raises:
            UnknownQuote: No quote has this id.
            JournalUnavailable: The database does not answer.
        """
        sale: dict[str, Any] = {"sale_price": sale_price, "told_at": reported_at, "client": client}
        with self.transaction() as connection:
            sale["arrival"] = _next_arrival(connection, 1)
            self._put(connection, FEEDBACK, quote_id, sale)

    def rate(self, *, quote_id: str, rating: Rating, rated_at: datetime, client: str | None = None) -> None:
        """Store what somebody thinks of a quote. A second rating replaces the first; it changes no price.

        Args:
            quote_id: The id of the quote.
            rating: The rating.
            rated_at: When the quote was rated, with a time zone.
            client: Who rated it.

        Raises:
            UnknownQuote: No quote has this id.
            JournalUnavailable: The database does not answer.
        """
        with self.transaction() as connection:
            row = {"rating": rating, "rated_at": rated_at, "client": client}
            self._put(connection, RATINGS, quote_id, row)

    def rating(self, quote_id: str) -> Rating | None:
        """Read the rating of a quote.

        Args:
            quote_id: The id of the quote.

        Returns:
            The rating; None if the quote has none.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        query = select(RATINGS.c.rating).where(RATINGS.c.quote_id == quote_id)
        with self.transaction() as connection:
            rating: Rating | None = connection.execute(query).scalar_one_or_none()
            return rating

    def rating_counts(self, *, model_version: str) -> Mapping[Rating, int]:
        """Count the ratings of the quotes of a version.

        Args:
            model_version: The version that quoted.

        Returns:
            The number of quotes by rating, also of ratings that no quote has.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        ratings = union_all(*_of_version(RATINGS, model_version)).subquery()
        query = select(ratings.c.rating, func.count()).group_by(ratings.c.rating)
        with self.transaction() as connection:
            found = {row[0]: row[1] for row in connection.execute(query)}
        return {rating: found.get(rating, 0) for rating in RATING_CHOICES}

    def quote(self, quote_id: str) -> JournalEntry:
        """Read one quote.

        Args:
            quote_id: The id of the quote.

        Returns:
            The entry.

        Raises:
            UnknownQuote: No quote has this id.
            JournalUnavailable: The database does not answer.
        """
        entries = self._read(select(QUOTES).where(QUOTES.c.quote_id == quote_id))
        if not entries:
            raise UnknownQuote(f"There is no quote {quote_id!r}.")
        return entries[0]

    def delete(self, quote_id: str) -> None:
        """Delete a quote with its listing, its reported sale and its rating.

        Args:
            quote_id: The id of the quote.

        Raises:
            UnknownQuote: No quote has this id.
            JournalUnavailable: The database does not answer.
        """
        if not self.delete_all([quote_id]):
            raise UnknownQuote(f"There is no quote {quote_id!r}.")

    def after(self, quote_id: str, *, until: datetime, limit: int) -> list[JournalEntry]:
        """Read the entries after an id, oldest first.

        Args:
            quote_id: The last id that was read; empty to start with the oldest entry.
            until: Entries quoted at this time or later are left out: others may still be missing.
            limit: The maximum number of entries.

        Returns:
            Entries in the order of their ids.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        query = select(QUOTES).where(QUOTES.c.quote_id > quote_id, QUOTES.c.quoted_at < until)
        return self._read(query.order_by(QUOTES.c.quote_id).limit(limit))

    def arrived(self, cursor: JournalCursor, *, until: datetime, limit: int) -> Arrivals:
        """Read the entries that arrived after a position, also those that a replica delivered late.

        Args:
            cursor: The position up to which entries were read.
            until: Unnumbered entries quoted at this time or later are left out: others may still be missing.
            limit: The maximum number of entries.

        Returns:
            Entries in the order of their arrival, and the position after them.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        unnumbered = (
            select(QUOTES)
            .where(
                QUOTES.c.arrival.is_(None), QUOTES.c.quote_id > cursor.quote_id, QUOTES.c.quoted_at < until
            )
            .order_by(QUOTES.c.quote_id)
            .limit(limit)
        )
        with self.transaction() as connection:
            rows = list(connection.execute(unnumbered).mappings())
            last = connection.execute(select(ARRIVALS.c.last)).scalar_one()
            # a number beyond the last one is of another database: this one was restored or replaced
            after = min(cursor.arrival, last)
            numbered = select(QUOTES).where(QUOTES.c.arrival > after).order_by(QUOTES.c.arrival)
            arrived = list(connection.execute(numbered.limit(limit - len(rows))).mappings())
        quote_id = rows[-1]["quote_id"] if rows else cursor.quote_id
        arrival = arrived[-1]["arrival"] if arrived else after
        return Arrivals(
            entries=[_entry(row) for row in (*rows, *arrived)],
            cursor=JournalCursor(quote_id=quote_id, arrival=arrival),
        )

    def between(self, start: datetime, end: datetime, *, newest: bool, limit: int) -> list[JournalEntry]:
        """Read the entries of a period. The index on the ids is used, because ids begin with their time.

        Args:
            start: The beginning of the period, with a time zone.
            end: Its end; entries of this time are left out.
            newest: Whether to read the newest entries if there are more than `limit`, or the oldest.
            limit: The maximum number of entries.

        Returns:
            Entries in the order of their ids, oldest first.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        ids = QUOTES.c.quote_id
        query = select(QUOTES).where(ids >= first_id_at(start), ids < first_id_at(end)).limit(limit)
        entries = self._read(query.order_by(ids.desc() if newest else ids))
        return entries[::-1] if newest else entries

    def sales_of(self, quote_ids: Collection[str]) -> Mapping[str, int]:
        """Read the reported sales of some quotes.

        Args:
            quote_ids: The ids of the quotes, some hundred at most.

        Returns:
            The sale price in whole dollars by id; quotes without a reported sale are left out.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        query = select(FEEDBACK.c.quote_id, FEEDBACK.c.sale_price)
        with self.transaction() as connection:
            rows = connection.execute(query.where(FEEDBACK.c.quote_id.in_(list(quote_ids))))
            return {row[0]: row[1] for row in rows}

    def delete_all(self, quote_ids: Collection[str]) -> int:
        """Delete quotes with their listings, reported sales and ratings.

        Args:
            quote_ids: The ids of the quotes; those that are not there are ignored.

        Returns:
            The number of quotes that were deleted.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        deleted, ids = 0, sorted(quote_ids)
        with self.transaction() as connection:
            for start in range(0, len(ids), MAX_IDS):
                some = ids[start : start + MAX_IDS]
                for table in (FEEDBACK, RATINGS):
                    connection.execute(delete(table).where(table.c.quote_id.in_(some)))
                deleted += connection.execute(delete(QUOTES).where(QUOTES.c.quote_id.in_(some))).rowcount
        return deleted

    def end(self) -> JournalCursor:
        """Return the position after the last entry.

        Returns:
            The position.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        with self.transaction() as connection:
            last_id = connection.execute(select(func.max(QUOTES.c.quote_id))).scalar_one()
            arrival = connection.execute(select(ARRIVALS.c.last)).scalar_one()
            return JournalCursor(quote_id=last_id or "", arrival=arrival)

    def before(self, cursor: JournalCursor, *, model_version: str, limit: int) -> list[JournalEntry]:
        """Read the newest entries of a version that arrived up to a position.

        Args:
            cursor: The position up to which entries were read.
            model_version: The version that quoted.
            limit: The maximum number of entries.

        Returns:
            Entries in the order of their ids, oldest first.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        is_old = QUOTES.c.arrival.is_(None) & (QUOTES.c.quote_id <= cursor.quote_id)
        query = select(QUOTES).where(
            QUOTES.c.model_version == model_version, or_(is_old, QUOTES.c.arrival <= cursor.arrival)
        )
        return self._read(query.order_by(QUOTES.c.quote_id.desc()).limit(limit))[::-1]

    def sales_after(self, arrival: int, *, limit: int) -> list[tuple[int, str, Sale]]:
        """Read the sales that were reported after a position, also those of other versions.

        Args:
            arrival: The number of the last sale that was read; 0 at the beginning.
            limit: The maximum number of sales.

        Returns:
            For each sale its number, the version that quoted, and the sale, in the order of their arrival.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        newer = select(FEEDBACK).where(FEEDBACK.c.arrival > arrival).order_by(FEEDBACK.c.arrival)
        with self.transaction() as connection:
            sales = connection.execute(newer.limit(limit)).all()
            quotes = _quotes_by_id(connection, [sale.quote_id for sale in sales])
        return [
            (sale.arrival, quote.model_version, _sale(quote, sale))
            for sale in sales
            if (quote := quotes.get(sale.quote_id))
        ]

    def last_sale_at(self) -> datetime | None:
        """Return when the newest sale was reported.

        Returns:
            A time with a time zone; None before the first sale.

        Raises:
            JournalUnavailable: The journal does not answer.
        """
        with self.transaction() as connection:
            newest = connection.execute(select(func.max(FEEDBACK.c.told_at))).scalar_one()
            return aware(newest) if newest else None

    def per_hour(self, now: datetime, *, hours: int) -> list[tuple[datetime, int]]:
        """Count quotes by hour. Only the index on the ids is read, because ids begin with their time.

        Args:
            now: The current time, with a time zone.
            hours: How many hours, including the current one.

        Returns:
            Pairs of the start of an hour (UTC) and its number of quotes, oldest first.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        starts = [this_hour - timedelta(hours=back) for back in reversed(range(hours))]
        with self.transaction() as connection:
            return [(start, _count(connection, start, start + timedelta(hours=1))) for start in starts]

    def sales(
        self,
        *,
        model_version: str,
        limit: int,
        max_per_client: int | None = None,
        verified: Collection[str] = (),
    ) -> list[Sale]:
        """Read the reported sales of cars that a version quoted.

        Args:
            model_version: The version that quoted.
            limit: The maximum number of sales.
            max_per_client: The maximum number of sales of one client, the last reported ones; None for all.
            verified: Clients to which this maximum does not apply.

        Returns:
            Sales, the last reported first.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        with self.transaction() as connection:
            for read in (FEW_SALES, MAX_SALES_READ):
                newest = connection.execute(_newest_sales(model_version, limit=read)).all()
                chosen = list(islice(_at_most(newest, max_per_client, verified=verified), limit))
                if len(chosen) == limit or len(newest) < read:
                    break
            quotes = _quotes_by_id(connection, [sale.quote_id for sale in chosen])
        return [_sale(quote, sale) for sale in chosen if (quote := quotes.get(sale.quote_id))]

    def set_range_correction(
        self, *, model_version: str, level: float, log_scale: float, sales: int, computed_at: datetime
    ) -> None:
        """Store how reported sales correct the price ranges of a version; it replaces the last correction.

        Args:
            model_version: The version.
            level: Log dollars by which both ends are moved.
            log_scale: Logarithm of the factor of both distances from the quote.
            sales: The number of sales that it was computed from.
            computed_at: The time, with a time zone.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        values = {"level": level, "log_scale": log_scale, "sales": sales, "computed_at": computed_at}
        row = self.insert(RANGE_CORRECTIONS).values(model_version=model_version, **values)
        with self.transaction() as connection:
            connection.execute(row.on_conflict_do_update(index_elements=["model_version"], set_=values))

    def range_correction(self, model_version: str) -> StoredCorrection | None:
        """Read how reported sales correct the price ranges of a version.

        Args:
            model_version: The version.

        Returns:
            The correction; None if none was stored.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        table = RANGE_CORRECTIONS.c
        query = select(table.level, table.log_scale, table.sales).where(table.model_version == model_version)
        with self.transaction() as connection:
            row = connection.execute(query).first()
        return StoredCorrection(*row) if row else None

    def migrate(self) -> str:
        """Upgrade the tables to the newest revision. A SQLite file is also upgraded on first use.

        Returns:
            The revision of the tables.

        Raises:
            WrongSchema: The tables are newer than this code.
            JournalUnavailable: The database does not answer.
        """
        with self._translated_errors():
            self._require_ready(self._upgrade())
            return revision_of(self._engine)

    def sold_cars(self, *, limit: int) -> list[SoldCar]:
        """Read the reported sales of all versions, with the listings.

        Args:
            limit: The maximum number of sales.

        Returns:
            Sold cars, the last reported first.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        query = (
            select(
                FEEDBACK.c.told_at,
                QUOTES.c.price,
                FEEDBACK.c.sale_price,
                QUOTES.c.listing,
                FEEDBACK.c.client,
            )
            .join(FEEDBACK, FEEDBACK.c.quote_id == QUOTES.c.quote_id)
            .order_by(FEEDBACK.c.told_at.desc(), QUOTES.c.quote_id)
            .limit(limit)
        )
        with self.transaction() as connection:
            return [
                SoldCar(
                    reported_at=aware(told_at),
                    quoted_price=price,
                    sale_price=sale_price,
                    listing=listing,
                    client=client,
                )
                for told_at, price, sale_price, listing, client in connection.execute(query)
            ]

    def pending_revisions(self) -> tuple[str, ...]:
        """List the migrations that the tables need, without applying them.

        Returns:
            Their revisions, oldest first; empty for a database that does not exist yet.

        Raises:
            JournalUnavailable: The database does not answer.
        """
        if self._is_file and not Path(self._url.database or "").is_file():
            return ()  # connecting would create the file
        with self._translated_errors():
            return pending_revisions(self._engine)

    def revision(self) -> str:
        """Read the revision of the tables without changing them.

        Returns:
            The revision; empty before the first migration.

        Raises:
            WrongSchema: The tables are newer than this code, or older in PostgreSQL, which needs
                `carvalue migrate`.
            JournalUnavailable: The database does not answer.
        """
        if self._is_file and not Path(self._url.database or "").is_file():
            return ""  # connecting would create the file
        with self._translated_errors():
            status = schema_status(self._engine)
            is_upgraded_on_use = self._is_file and status is SchemaStatus.BEHIND
            self._require_ready(SchemaStatus.READY if is_upgraded_on_use else status)
            return revision_of(self._engine)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _read(self, query: Select[Any]) -> list[JournalEntry]:
        with self.transaction() as connection:
            return [_entry(row) for row in connection.execute(query).mappings()]

    def _put(self, connection: Connection, table: Table, quote_id: str, values: Mapping[str, Any]) -> None:
        """Write the row of a quote in another table; a later one replaces it."""
        query = select(QUOTES.c.model_version).where(QUOTES.c.quote_id == quote_id)
        version = connection.execute(query).scalar_one_or_none()
        if version is None:
            raise UnknownQuote(f"There is no quote {quote_id!r}.")
        row = {**values, "model_version": version}
        statement = self.insert(table).values(quote_id=quote_id, **row)
        connection.execute(statement.on_conflict_do_update(index_elements=["quote_id"], set_=row))

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run statements in one transaction, which is rolled back if the block raises an error.

        Yields:
            A connection to tables of the newest revision.

        Raises:
            JournalUnavailable: The database does not answer.
            EntriesRefused: The database rejects a value permanently.
        """
        with self._translated_errors():
            self._prepare()
            with self._engine.begin() as connection:
                yield connection

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (exc.DataError, exc.IntegrityError) as error:
            raise EntriesRefused(f"The journal rejects an entry: {type(error.orig).__name__}.") from None
        except (exc.SQLAlchemyError, OSError) as error:
            self._is_ready = False  # a database that comes back may be a new one
            raise JournalUnavailable(f"The journal does not answer: {_reason(error)}.") from error

    def _prepare(self) -> None:
        with self._lock:
            if not self._is_ready:
                self._require_ready(self._upgrade() if self._is_file else schema_status(self._engine))
                if self._is_file and self._url.database:
                    fsync(Path(self._url.database).parent)  # SQLite flushes it, too, but ignores errors
                self._is_ready = True

    def _upgrade(self) -> SchemaStatus:
        if self._is_file and self._url.database:
            make_folder(Path(self._url.database).parent)
        return upgrade(self._engine)

    def _require_ready(self, status: SchemaStatus) -> None:
        if status is SchemaStatus.BEHIND:
            raise WrongSchema("The journal's tables are older than this program: run `carvalue migrate`.")
        if status is SchemaStatus.TOO_NEW:
            raise WrongSchema(
                f"The journal's tables are at revision {revision_of(self._engine)}, this program knows "
                f"{newest_revision()}: install the release that created them, or a later one."
            )


def _require_valid(entry: JournalEntry) -> None:
    try:
        entry.validate()
    except InvalidEntry as error:
        raise EntriesRefused(f"The journal rejects an entry: {error}.") from None


def lock_writes(connection: Connection) -> None:
    """Keep all others from writing quotes and sales until the end of a transaction; reading goes on.

    Args:
        connection: A connection within the transaction.
    """
    _next_arrival(connection, 0)


def _next_arrival(connection: Connection, entries: int) -> int:
    """Take numbers. The row stays locked until the commit, so that quotes are committed in their order."""
    taken = update(ARRIVALS).values(last=ARRIVALS.c.last + entries).returning(ARRIVALS.c.last)
    last: int = connection.execute(taken).scalar_one()
    return last - entries + 1


def _insert_quotes(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, except those whose id exists already."""
    if connection.dialect.name == "postgresql":
        # one statement for all rows: to find the partition of each by itself takes four times as long
        encoded = [{**row, "quoted_at": row["quoted_at"].isoformat()} for row in rows]
        connection.execute(_INSERT_FROM_JSON, {"rows": encoded})
    else:
        connection.execute(sqlite.insert(QUOTES).on_conflict_do_nothing(), rows)


def _insert_from_json() -> postgresql.Insert:
    columns = [column(item.name, item.type) for item in QUOTES.columns]
    records = func.json_to_recordset(bindparam("rows", type_=JSON)).table_valued(*columns)
    selected = select(*records.render_derived(name="record", with_types=True).c)
    statement = postgresql.insert(QUOTES).from_select([item.name for item in columns], selected)
    return statement.on_conflict_do_nothing()


_INSERT_FROM_JSON = _insert_from_json()


def _quotes_by_id(connection: Connection, quote_ids: Sequence[str]) -> dict[str, Row[Any]]:
    """Read quotes by their ids. PostgreSQL then reads their partitions only, which a join does not."""
    names = ("quote_id", "model_version", "price", "low", "high", "calibrated_low", "calibrated_high")
    quotes = select(*(QUOTES.c[name] for name in names))
    chunks = (quote_ids[start : start + MAX_IDS] for start in range(0, len(quote_ids), MAX_IDS))
    found = (connection.execute(quotes.where(QUOTES.c.quote_id.in_(chunk))).all() for chunk in chunks)
    return {quote.quote_id: quote for rows in found for quote in rows}


def _sale(quote: Row[Any], sale: Row[Any]) -> Sale:
    return Sale(
        price=quote.price,
        low=quote.low,
        high=quote.high,
        sale_price=sale.sale_price,
        client=sale.client,
        calibrated_low=quote.calibrated_low,
        calibrated_high=quote.calibrated_high,
    )


def _of_version(table: Table, model_version: str) -> tuple[Select[Any], Select[Any]]:
    """Select the rows whose quote is of a version: by their column, or by the quote where it is null."""
    earlier = table.join(QUOTES, QUOTES.c.quote_id == table.c.quote_id)
    is_of_version = table.c.model_version.is_(None) & (QUOTES.c.model_version == model_version)
    return (
        select(table).where(table.c.model_version == model_version),
        select(table).select_from(earlier).where(is_of_version),
    )


def _newest_sales(model_version: str, *, limit: int) -> Select[Any]:
    """Select the newest sales of a version. SQLite accepts a limit within a union only in a subquery."""
    version, told_at = FEEDBACK.c.model_version, FEEDBACK.c.told_at
    own, earlier = select(FEEDBACK), _of_version(FEEDBACK, model_version)[1]
    parts = (
        # a range: with `=`, PostgreSQL drops the version from the order, and reads the sales of all versions
        own.where(version.between(model_version, model_version)).order_by(version.desc(), told_at.desc()),
        earlier.order_by(told_at.desc()),
    )
    sales = union_all(*(select(part.limit(limit).subquery()) for part in parts)).subquery()
    return select(sales).order_by(sales.c.told_at.desc(), sales.c.quote_id).limit(limit)


def _at_most(
    sales: Iterable[Row[Any]], max_per_client: int | None, *, verified: Collection[str]
) -> Iterator[Row[Any]]:
    """Leave out what a client reported beyond a number of sales."""
    reported: Counter[str | None] = Counter()
    for sale in sales:
        reported[sale.client] += 1
        if max_per_client is None or sale.client in verified or reported[sale.client] <= max_per_client:
            yield sale


def _count(connection: Connection, start: datetime, end: datetime) -> int:
    ids = [first_id_at(moment) for moment in (start, end)]
    query = select(func.count()).where(QUOTES.c.quote_id >= ids[0], QUOTES.c.quote_id < ids[1])
    return connection.execute(query).scalar_one()


def _entry(row: RowMapping) -> JournalEntry:
    values = {name: row[name] for name in JournalEntry.__struct_fields__}
    return JournalEntry(
        **{**values, "quoted_at": aware(row["quoted_at"]), "warnings": tuple(row["warnings"])}
    )


def aware(moment: datetime) -> datetime:
    """Add the time zone UTC to a stored time, because SQLite does not store it.

    Args:
        moment: The time as the database returns it.

    Returns:
        The time with a time zone.
    """
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _engine(url: URL, answer_s: int) -> Engine:
    # hide_parameters: errors are logged, and listings must not be
    make = partial(
        create_engine, url, hide_parameters=True, json_serializer=lambda value: compact_json(value).decode()
    )
    if url.get_backend_name() == "sqlite":
        engine = make(pool_timeout=answer_s, connect_args={"timeout": answer_s})
        event.listen(engine, "connect", _configure_sqlite)
        if url.database:  # otherwise in memory
            event.listen(engine, "connect", partial(_remember_file, Path(url.database)))
            event.listen(engine, "checkout", partial(_require_same_file, Path(url.database)))
        return engine
    # JIT: compiling a query over a year of partitions takes seconds, running it milliseconds
    limits = f"-c statement_timeout={answer_s}s -c lock_timeout={answer_s}s -c jit=off"
    timeouts = {"connect_timeout": answer_s, "tcp_user_timeout": 1_000 * answer_s}
    return make(pool_pre_ping=True, pool_timeout=answer_s, connect_args={"options": limits, **timeouts})


def _configure_sqlite(connection: Any, _: object) -> None:
    # readers, such as the watcher, do not block writers
    (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode not in {"wal", "memory"}:  # SQLite reports no error where it cannot write the log
        raise OperationalError("the write-ahead log cannot be used, for example because the disk is full")
    connection.execute("PRAGMA synchronous=FULL")


def _remember_file(path: Path, _: object, record: ConnectionPoolEntry) -> None:
    record.info["file"] = path.stat().st_ino


def _require_same_file(path: Path, _: object, record: ConnectionPoolEntry, __: object) -> None:
    """Let the pool connect again if the file was deleted or replaced since: the old one is not written to."""
    if not path.exists() or path.stat().st_ino != record.info["file"]:
        raise exc.DisconnectionError(f"{path.name} was deleted or replaced.")


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return (str(original).strip().splitlines() or [type(error).__name__])[0]
