"""The journal's tables are upgraded from every release, once, completely, and never downgraded."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from carvalue.journal.forwarder import Forwarder
from carvalue.journal.outbox import Outbox
from carvalue.journal.quarantine import Quarantine
from carvalue.journal.schema import TABLES, VERSION_TABLE, newest_revision
from carvalue.journal.store import Journal, JournalUnavailable, WrongSchema
from carvalue.telemetry.metrics import ServiceMetrics
from factories import an_entry

SCHEMAS = Path(__file__).parents[2] / "schemas"
BACK_TO_TODAY = f"update journal_schema set version_num = '{newest_revision()}'"  # noqa: S608
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def script(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)


def differences(path: Path) -> list[object]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        return list(compare_metadata(context, TABLES))


@pytest.mark.parametrize("release", sorted(SCHEMAS.glob("*.sqlite.sql")), ids=lambda path: path.name)
def test_the_tables_of_every_release_are_upgraded_with_their_content(tmp_path: Path, release: Path) -> None:
    script(tmp_path / "journal.db", release.read_text())
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")

    journal.write([an_entry(2)])

    assert journal.after("", until=LATER, limit=9) == [an_entry(1), an_entry(2)]
    assert [sale.sale_price for sale in journal.sales(model_version="3", limit=9)] == [20_000]
    assert journal.migrate() == newest_revision()
    assert differences(tmp_path / "journal.db") == []


def test_new_tables_have_the_current_schema(tmp_path: Path) -> None:
    Journal(f"sqlite:///{tmp_path}/journal.db").migrate()

    assert differences(tmp_path / "journal.db") == []


def test_tables_of_a_later_generation_are_refused_and_left_alone(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    journal.write([an_entry(1)])
    script(tmp_path / "journal.db", "update journal_schema set version_num = '9.0'")
    again = Journal(f"sqlite:///{tmp_path}/journal.db")

    with pytest.raises(WrongSchema, match=r"revision 9\.0, this program knows"):
        again.write([an_entry(2)])
    with pytest.raises(WrongSchema, match=r"9\.0"):
        again.migrate()
    journal.write([an_entry(2)])  # who wrote before goes on

    assert issubclass(WrongSchema, JournalUnavailable)  # so that quotes wait in the outbox
    assert len(journal.after("", until=LATER, limit=9)) == 2


def test_quotes_wait_in_the_outbox_until_a_release_knows_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal(f"sqlite:///{path}").migrate()
    script(path, "update journal_schema set version_num = '9.0'")
    outbox = Outbox(tmp_path / "outbox", limit_bytes=2**20)
    outbox.append([an_entry(1), an_entry(2)])
    metrics = ServiceMetrics()
    quarantine = Quarantine(tmp_path / "quarantine")
    newer = Journal(f"sqlite:///{path}")
    Forwarder(outbox=outbox, journal=newer, quarantine=quarantine, metrics=metrics).forward()
    assert outbox.waiting_bytes

    script(path, BACK_TO_TODAY)  # as the right program would find it
    journal = Journal(f"sqlite:///{path}")
    Forwarder(outbox=outbox, journal=journal, quarantine=quarantine, metrics=ServiceMetrics()).forward()

    assert journal.after("", until=LATER, limit=9) == [an_entry(1), an_entry(2)]
    assert not outbox.waiting_bytes
    outbox.close()


def test_an_older_release_writes_into_tables_of_a_newer_step(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    journal.write([an_entry(1)])
    script(tmp_path / "journal.db", "update journal_schema set version_num = '1.99'")

    Journal(f"sqlite:///{tmp_path}/journal.db").write([an_entry(2)])

    assert len(journal.after("", until=LATER, limit=9)) == 2


def test_release_0_1_writes_into_today_s_tables(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    journal.write([an_entry(1, client="shop")])
    release = (SCHEMAS / "revision_1_0.sqlite.sql").read_text()
    inserts = [line for line in release.split(";") if "INSERT INTO quotes" in line or "feedback V" in line]
    columns = (
        "quote_id, quoted_at, model_version, price, low, high, warnings, listing",
        "quote_id, sale_price, told_at",
    )
    for insert, names in zip(inserts, columns, strict=True):  # release 0.1 names the columns that it knows
        named = insert.replace(" VALUES", f" ({names}) VALUES").replace("0001', ", "0002', ")
        script(tmp_path / "journal.db", named)

    assert [entry.client for entry in journal.after("", until=LATER, limit=9)] == ["shop", None]
    assert [car.client for car in journal.sold_cars(limit=9)] == [None]


def test_several_processes_can_upgrade_at_once(tmp_path: Path) -> None:
    script(tmp_path / "journal.db", (SCHEMAS / "before_revisions.sqlite.sql").read_text())
    command = [sys.executable, "-m", "carvalue", "migrate"]
    given = os.environ | {"JOURNAL_URL": f"sqlite:///{tmp_path}/journal.db"}

    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=given) for _ in range(4)]
    told = [process.communicate(timeout=60)[0].strip() for process in running]

    assert told == [f"the journal's tables are at revision {newest_revision()}"] * 4


def test_a_killed_migration_leaves_the_tables_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alembic.runtime.migration.HeadMaintainer.update_to_step", killed)
    with pytest.raises(KeyboardInterrupt):
        Journal(f"sqlite:///{tmp_path}/journal.db").migrate()

    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == []
