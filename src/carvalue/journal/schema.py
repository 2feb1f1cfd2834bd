"""The tables of the journal, and the revision of a database (Alembic)."""

from enum import StrEnum
from functools import cache
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    DateTime,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

TABLES = MetaData()
QUOTES = Table(
    "quotes",
    TABLES,
    Column("quote_id", String(32), primary_key=True),  # begins with the time, so it sorts by time
    Column("quoted_at", DateTime(timezone=True), nullable=False),
    Column("model_version", String(32), nullable=False),
    Column("price", Integer, nullable=False),
    Column("low", Integer, nullable=False),
    Column("high", Integer, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("listing", JSON, nullable=False),  # one column, so that a new field needs no migration
    Column("client", String(64)),  # null for quotes of release 0.1
    Column("route", String(16)),  # page, upload or api; null for quotes of releases 0.1 and 0.2
    Column("arrival", BigInteger),  # the order in which quotes were committed; null where a 0.2 wrote them
    Column("trace_id", String(32)),  # W3C trace context; null for quotes of releases 0.1 and 0.2
    Column("schema_version", String(16)),  # the revision of the program that wrote the row; null before 1.6
    Column(
        "calibrated_low", Integer
    ),  # the range before reported sales corrected it; null while they did not
    Column("calibrated_high", Integer),
    Index("quotes_arrival", "arrival", "quote_id"),
    Index("quotes_model_version", "model_version", "quote_id"),
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (quote_id)",  # one partition a day, see `retention.partitions`
)
FEEDBACK = Table(
    "feedback",
    TABLES,
    Column("quote_id", String(32), primary_key=True),
    Column("sale_price", Integer, nullable=False),
    Column("told_at", DateTime(timezone=True), nullable=False),
    Column("client", String(64)),  # who reported the sale; null for sales of release 0.1
    Column("arrival", BigInteger),  # as of quotes; null for sales of releases 0.1 and 0.2
    Column("model_version", String(32)),  # of the quote; null where a release before revision 1.6 wrote it
    Index("feedback_told_at", "told_at"),
    Index("feedback_arrival", "arrival"),
    Index("feedback_model_version", "model_version", "told_at"),
    sqlite_with_rowid=False,
)
RATINGS = Table(
    "ratings",
    TABLES,
    Column("quote_id", String(32), primary_key=True),
    Column("rating", String(16), nullable=False),
    Column("rated_at", DateTime(timezone=True), nullable=False),
    Column("client", String(64)),
    Column("model_version", String(32)),  # as of feedback
    Index("ratings_model_version", "model_version", "rating"),
    sqlite_with_rowid=False,
)
RANGE_CORRECTIONS = Table(
    "range_corrections",
    TABLES,
    Column("model_version", String(32), primary_key=True),
    Column("level", Float, nullable=False),  # log dollars
    Column("log_scale", Float, nullable=False),
    Column("sales", Integer, nullable=False),
    Column("computed_at", DateTime(timezone=True), nullable=False),
    sqlite_with_rowid=False,
)
DECISIONS = Table(
    "decisions",
    TABLES,
    Column("number", Integer, primary_key=True, autoincrement=False),  # two writers cannot take the same one
    Column("key", String(64), nullable=False, unique=True),
    Column("decided_at", DateTime(timezone=True), nullable=False),
    Column("act", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("earlier", Integer),
    Column("decided_by", Text, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("gates", JSON, nullable=False),
    Column("applied_at", DateTime(timezone=True)),  # null until the registry follows the decision
)
ARRIVALS = Table(
    "arrivals",
    TABLES,
    Column("id", Integer, primary_key=True),  # one row: who updates it commits before the next one may
    Column("last", BigInteger, nullable=False),
)
LEASED_STATES = Table(
    "leased_states",
    TABLES,
    Column("name", String(32), primary_key=True),
    Column("holder", String(64), nullable=False),
    Column("held_until", Float, nullable=False),  # seconds since 1970
    Column("content", Text),  # JSON; null before the first write
)

REVISIONS = Path(__file__).with_name("migrations")
VERSION_TABLE = "journal_schema"  # not Alembic's default: other programs may use the same database
ADVISORY_LOCK = 0x63617276  # "carv": a number that no other program in this database locks

_alembic_lock = Lock()  # Alembic keeps the running migration in global variables


class SchemaStatus(StrEnum):
    """The revision of a database compared with the revision of this code."""

    READY = "ready"
    BEHIND = "behind"
    TOO_NEW = "too new"


@cache
def newest_revision() -> str:
    """Return the revision that this code upgrades to.

    Returns:
        GENERATION.STEP, such as `1.1`.
    """
    return ScriptDirectory(str(REVISIONS)).get_current_head() or ""


def pending_revisions(engine: Engine) -> tuple[str, ...]:
    """List the revisions that `upgrade` would apply.

    Args:
        engine: The database.

    Returns:
        The revisions, oldest first; empty if the tables are up to date or newer than this code.
    """
    if schema_status(engine) is not SchemaStatus.BEHIND:
        return ()
    scripts = ScriptDirectory(str(REVISIONS)).iterate_revisions("head", revision_of(engine) or "base")
    return tuple(script.revision for script in scripts)[::-1]


def revision_of(engine: Engine) -> str:
    """Read the revision of a database.

    Args:
        engine: The database.

    Returns:
        The revision; empty before the first migration.
    """
    with engine.connect() as connection:
        return _revision(connection)


def schema_status(engine: Engine) -> SchemaStatus:
    """Compare the revision of a database with this code.

    Within one generation (the part before the dot), revisions only add tables and columns. Code of the same
    generation therefore works with a newer schema, during a rollout and after a rollback.

    Args:
        engine: The database.

    Returns:
        READY when this code can use the tables as they are.
    """
    return _status(revision_of(engine))


def upgrade(engine: Engine) -> SchemaStatus:
    """Upgrade a database to the newest revision in one transaction. Of several processes, one does it.

    Args:
        engine: The database.

    Returns:
        The status after the upgrade.
    """
    status = schema_status(engine)
    if status is not SchemaStatus.BEHIND:
        return status
    with _alembic_lock, engine.begin() as connection:
        _lock_database(connection)
        status = _status(_revision(connection))  # another process may have been faster
        if status is SchemaStatus.BEHIND:
            command.upgrade(_config(connection), "head")
            status = SchemaStatus.READY
    return status


def _status(revision: str) -> SchemaStatus:
    known = [script.revision for script in ScriptDirectory(str(REVISIONS)).walk_revisions()]
    if revision in known[1:] or not revision:
        return SchemaStatus.BEHIND
    same_generation = revision.partition(".")[0] == known[0].partition(".")[0]
    return SchemaStatus.READY if same_generation else SchemaStatus.TOO_NEW


def _revision(connection: Connection) -> str:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision() or ""


def _lock_database(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        # otherwise Python's driver starts the transaction after the tables are created
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")


def _config(connection: Connection) -> Config:
    config = Config(attributes={"given": {"connection": connection, "version_table": VERSION_TABLE}})
    config.set_main_option("script_location", str(REVISIONS).replace("%", "%%"))
    return config
