"""The journal: every answered quote and every sale price told later, in SQLite or PostgreSQL by URL."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    RowMapping,
    Select,
    Table,
    create_engine,
    event,
    exc,
    func,
    make_url,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite

from carvalue.errors import AppError
from carvalue.journal.entries import JournalEntry, Sale, SoldCar, first_id_at
from carvalue.journal.schema import (
    FEEDBACK,
    QUOTES,
    SchemaStatus,
    newest_revision,
    revision_of,
    schema_status,
    upgrade,
)

MIGRATION_S = 600  # building an index over a year of quotes takes longer than an answer may
ANSWER_S = 5  # a journal that takes longer counts as away; the spool holds what it lacks meanwhile

Insert = sqlite.Insert | postgresql.Insert
INSERT: Mapping[str, Callable[[Table], Insert]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


class JournalUnavailable(AppError):
    """The journal does not answer: gone, locked, full or broken."""

    status, hint = 503, "Try again later; JOURNAL_URL says where the journal is."


class WrongSchema(JournalUnavailable):
    """The journal's tables are not those that this code knows."""

    hint = "Nothing is lost: quotes wait in the spool. docs/operate.md says more, under Upgrade."


class EntriesRefused(AppError):
    """The journal answers, and will never take at least one of these entries."""

    status, hint = 500, "This is a fault of the service: it must journal only what the tables can hold."


class UnknownQuote(AppError):
    """No quote bears this id."""

    status, hint = 404, "Send the quote_id of an answer of POST /predict, a second after it or later."


class DriverMissing(AppError):
    """The program that speaks with this kind of database is not installed."""

    status, hint = 500, "Install it with `uv sync --extra postgres`."


class Journal:
    """The journal behind a URL. Connects when first used, again after a failure, from any thread.

    Raises:
        DriverMissing: the driver that the URL asks for is not installed.
    """

    def __init__(self, url: str, *, answer_s: int = ANSWER_S) -> None:
        self._url = make_url(url)
        try:
            self._engine = _engine(self._url, answer_s)
        except ModuleNotFoundError as error:
            raise DriverMissing(
                f"JOURNAL_URL begins with {self._url.drivername}, which needs {error.name}."
            ) from None
        self._insert = INSERT[self._engine.dialect.name]
        self._is_file = self._engine.dialect.name == "sqlite"
        self._is_ready, self._lock = False, Lock()

    def write(self, entries: Sequence[JournalEntry]) -> None:
        """Store entries, all or none; one that is there already stays as it is.

        Raises:
            JournalUnavailable: the journal does not answer.
            EntriesRefused: it will never take one of them.
        """
        with self._transaction() as connection:
            statement = self._insert(QUOTES).on_conflict_do_nothing()
            connection.execute(statement, [entry.as_row() for entry in entries])

    def add_feedback(self, *, quote_id: str, sale_price: int, told_at: datetime) -> None:
        """Note what a quoted car was sold for, in whole dollars; told again, the last word counts.

        Raises:
            UnknownQuote: no quote bears this id.
            JournalUnavailable: the journal does not answer.
        """
        told = {"sale_price": sale_price, "told_at": told_at}
        with self._transaction() as connection:
            known = connection.execute(select(QUOTES.c.quote_id).where(QUOTES.c.quote_id == quote_id)).first()
            if known is None:
                raise UnknownQuote(f"There is no quote {quote_id!r}.")
            statement = self._insert(FEEDBACK).values(quote_id=quote_id, **told)
            connection.execute(statement.on_conflict_do_update(index_elements=["quote_id"], set_=told))

    def after(self, quote_id: str, *, until: datetime, limit: int) -> list[JournalEntry]:
        """Read the entries that follow an id, oldest first; an empty id stands before all.

        Args:
            quote_id: the last one that was read.
            until: entries as young as this are left for later: others of their time may still be under way.
            limit: how many at most.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        wanted = select(QUOTES).where(QUOTES.c.quote_id > quote_id, QUOTES.c.quoted_at < until)
        return self._read(wanted.order_by(QUOTES.c.quote_id).limit(limit))

    def up_to(self, quote_id: str, *, model_version: str, limit: int) -> list[JournalEntry]:
        """Read the last entries of a version up to an id and with it, oldest first.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        wanted = select(QUOTES).where(QUOTES.c.quote_id <= quote_id, QUOTES.c.model_version == model_version)
        return self._read(wanted.order_by(QUOTES.c.quote_id.desc()).limit(limit))[::-1]

    def per_hour(self, now: datetime, *, hours: int) -> list[tuple[datetime, int]]:
        """Count quotes by hour, the current one last; ids begin with their time, so that no row is read.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        this_hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        starts = [this_hour - timedelta(hours=back) for back in reversed(range(hours))]
        with self._transaction() as connection:
            return [(start, _count(connection, start, start + timedelta(hours=1))) for start in starts]

    def sales(self, *, model_version: str, limit: int) -> list[Sale]:
        """Read what cars quoted by a version were sold for, the last told first.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        wanted = (
            select(QUOTES.c.price, QUOTES.c.low, QUOTES.c.high, FEEDBACK.c.sale_price)
            .join(FEEDBACK, FEEDBACK.c.quote_id == QUOTES.c.quote_id)
            .where(QUOTES.c.model_version == model_version)
            .order_by(FEEDBACK.c.told_at.desc())
            .limit(limit)
        )
        with self._transaction() as connection:
            return [Sale(*row) for row in connection.execute(wanted)]

    def migrate(self) -> str:
        """Bring the tables up to date; name the revision that they are at. A file does so when first used.

        Raises:
            WrongSchema: they are newer than this code.
            JournalUnavailable: the journal does not answer.
        """
        with self._errors_told():
            self._demand(self._upgrade())
            return revision_of(self._engine)

    def sold_cars(self, *, limit: int) -> list[SoldCar]:
        """Read what quoted cars were sold for, whichever version quoted them, the last told first.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        wanted = (
            select(FEEDBACK.c.told_at, QUOTES.c.price, FEEDBACK.c.sale_price, QUOTES.c.listing)
            .join(FEEDBACK, FEEDBACK.c.quote_id == QUOTES.c.quote_id)
            .order_by(FEEDBACK.c.told_at.desc(), QUOTES.c.quote_id)
            .limit(limit)
        )
        with self._transaction() as connection:
            return [
                SoldCar(told_at=_aware(told_at), quoted=price, sale_price=sale_price, listing=listing)
                for told_at, price, sale_price, listing in connection.execute(wanted)
            ]

    def revision(self) -> str:
        """Name the revision of the tables without changing any; empty where none were made yet.

        Raises:
            WrongSchema: they are newer than this code, or older and nobody would bring them up to date.
            JournalUnavailable: the journal does not answer.
        """
        if self._is_file and not Path(self._url.database or "").is_file():
            return ""  # connecting would make one
        with self._errors_told():
            found = schema_status(self._engine)
            self._demand(SchemaStatus.READY if self._is_file and found is SchemaStatus.BEHIND else found)
            return revision_of(self._engine)

    def close(self) -> None:
        """Close what is open."""
        self._engine.dispose()

    def _read(self, wanted: Select[Any]) -> list[JournalEntry]:
        with self._transaction() as connection:
            return [_entry(row) for row in connection.execute(wanted).mappings()]

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._errors_told():
            self._get_ready()
            with self._engine.begin() as connection:
                yield connection

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
        try:
            yield
        except (exc.DataError, exc.IntegrityError) as error:
            raise EntriesRefused(f"The journal refuses an entry: {type(error.orig).__name__}.") from None
        except (exc.SQLAlchemyError, OSError) as error:
            self._is_ready = False  # whatever comes back may be empty
            raise JournalUnavailable(f"The journal does not answer: {_because(error)}.") from error

    def _get_ready(self) -> None:
        with self._lock:
            if not self._is_ready:
                self._demand(self._upgrade() if self._is_file else schema_status(self._engine))
                self._is_ready = True

    def _upgrade(self) -> SchemaStatus:
        if self._is_file and self._url.database:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        return upgrade(self._engine)

    def _demand(self, found: SchemaStatus) -> None:
        if found is SchemaStatus.BEHIND:
            raise WrongSchema("The journal's tables are older than this program: run `carvalue migrate`.")
        if found is SchemaStatus.TOO_NEW:
            raise WrongSchema(
                f"The journal's tables are at revision {revision_of(self._engine)}, this program knows "
                f"{newest_revision()}: install the release that made them, or a later one."
            )


def _count(connection: Connection, start: datetime, end: datetime) -> int:
    ids = [first_id_at(moment) for moment in (start, end)]
    wanted = select(func.count()).where(QUOTES.c.quote_id >= ids[0], QUOTES.c.quote_id < ids[1])
    return connection.execute(wanted).scalar_one()


def _entry(row: RowMapping) -> JournalEntry:
    return JournalEntry(**{**row, "quoted_at": _aware(row["quoted_at"]), "warnings": tuple(row["warnings"])})


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=moment.tzinfo or UTC)  # SQLite forgets the time zone


def _engine(url: URL, answer_s: int) -> Engine:
    # hidden parameters: an error must not carry listings into the log
    make = partial(
        create_engine, url, hide_parameters=True, json_serializer=partial(json.dumps, separators=(",", ":"))
    )
    if url.get_backend_name() == "sqlite":
        # opened for each transaction: a file that is deleted meanwhile is noticed, not written to unseen
        engine = make(poolclass=NullPool, connect_args={"timeout": answer_s})
        event.listen(engine, "connect", _make_durable)
        return engine
    limits = f"-c statement_timeout={answer_s}s -c lock_timeout={answer_s}s"
    silence = {"connect_timeout": answer_s, "tcp_user_timeout": 1_000 * answer_s}
    return make(pool_pre_ping=True, pool_timeout=answer_s, connect_args={"options": limits, **silence})


def _make_durable(connection: Any, _: object) -> None:
    connection.execute(
        "PRAGMA journal_mode=WAL"
    )  # readers, such as the drift monitor, do not hold up writing
    connection.execute("PRAGMA synchronous=FULL")


def _because(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    return (str(original).strip().splitlines() or [type(error).__name__])[0]
