"""The journal's tables, and whether a database has them as this code knows them."""

from enum import StrEnum
from pathlib import Path
from threading import Lock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Column, Connection, DateTime, Engine, Integer, MetaData, String, Table

TABLES = MetaData()
QUOTES = Table(
    "quotes",
    TABLES,
    Column("quote_id", String(32), primary_key=True),  # begins with the time: sorted by it, sorted by time
    Column("quoted_at", DateTime(timezone=True), nullable=False),
    Column("model_version", String(32), nullable=False),
    Column("price", Integer, nullable=False),
    Column("low", Integer, nullable=False),
    Column("high", Integer, nullable=False),
    Column("warnings", JSON, nullable=False),
    Column("listing", JSON, nullable=False),  # one column: a field more or less is no migration
    sqlite_with_rowid=False,
)
FEEDBACK = Table(
    "feedback",
    TABLES,
    Column("quote_id", String(32), primary_key=True),
    Column("sale_price", Integer, nullable=False),
    Column("told_at", DateTime(timezone=True), nullable=False),
    sqlite_with_rowid=False,
)

REVISIONS = Path(__file__).with_name("migrations")
VERSION_TABLE = "journal_schema"  # not Alembic's usual name: other programs may share the database
ADVISORY_LOCK = 0x63617276  # "carv": any number that no other program of this database locks

_one_at_a_time = Lock()  # Alembic keeps what runs in global names


class SchemaStatus(StrEnum):
    """How a database stands to this code."""

    READY = "ready"
    BEHIND = "behind"
    TOO_NEW = "too new"


def newest_revision() -> str:
    """Name the revision that this code brings about."""
    return ScriptDirectory(str(REVISIONS)).get_current_head() or ""


def revision_of(engine: Engine) -> str:
    """Tell which revision a database is at; empty when at none."""
    with engine.connect() as connection:
        return _revision(connection)


def schema_status(engine: Engine) -> SchemaStatus:
    """Compare a database with this code.

    Within one generation (what stands before the dot) tables only gain, so code of that generation goes on
    with a newer schema: while a release is rolled out, and after it was rolled back.
    """
    return _standing(revision_of(engine))


def upgrade(engine: Engine) -> SchemaStatus:
    """Bring a database up to the newest revision, whole or not at all; of several processes one does it."""
    now = schema_status(engine)
    if now is not SchemaStatus.BEHIND:
        return now
    with _one_at_a_time, engine.begin() as connection:
        _hold_off_others(connection)
        now = _standing(_revision(connection))  # another one may have been faster
        if now is SchemaStatus.BEHIND:
            command.upgrade(_config(connection), "head")
            now = SchemaStatus.READY
    return now


def _standing(revision: str) -> SchemaStatus:
    known = [script.revision for script in ScriptDirectory(str(REVISIONS)).walk_revisions()]
    if revision in known[1:] or not revision:
        return SchemaStatus.BEHIND
    same_generation = revision.partition(".")[0] == known[0].partition(".")[0]
    return SchemaStatus.READY if same_generation else SchemaStatus.TOO_NEW


def _revision(connection: Connection) -> str:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision() or ""


def _hold_off_others(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(
            "BEGIN IMMEDIATE"
        )  # else Python begins with the first row, after the tables
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")


def _config(connection: Connection) -> Config:
    config = Config(attributes={"given": {"connection": connection, "version_table": VERSION_TABLE}})
    config.set_main_option("script_location", str(REVISIONS).replace("%", "%%"))
    return config
