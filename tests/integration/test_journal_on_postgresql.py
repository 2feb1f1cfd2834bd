"""The journal on a real PostgreSQL: entries are stored once, and an outage is reported and survived."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

from carvalue.files import open_objects
from carvalue.journal import JournalCursor, JournalEntry, first_id_at
from carvalue.journal.archive import JournalArchive
from carvalue.journal.decisions import DecisionLog, DecisionRecord
from carvalue.journal.retention import create_partitions, prune
from carvalue.journal.schema import TABLES, VERSION_TABLE, newest_revision
from carvalue.journal.store import Journal, JournalUnavailable, UnknownQuote, WrongSchema
from factories import an_entry
from production import environment, postgres

pytestmark = pytest.mark.platform

LATER = datetime(2030, 1, 1, tzinfo=UTC)
RELEASES = sorted((Path(__file__).parents[1] / "schemas").glob("*.postgresql.sql"))


def test_the_journal_on_postgresql(tmp_path: Path) -> None:
    told_at = datetime(2026, 1, 2, tzinfo=UTC)
    with postgres(tmp_path) as (port, password):
        url = f"postgresql://owner:{password}@127.0.0.1:{port}/postgres"
        journal, reader = Journal(url), create_engine(url)
        with pytest.raises(WrongSchema, match="carvalue migrate"):
            journal.write([an_entry(1)])
        journal.migrate()
        journal.write([an_entry(1), an_entry(2)])
        journal.write([an_entry(2, price=1), an_entry(3)])
        for sale_price in (20_000, 21_000):
            journal.add_feedback(quote_id=an_entry(3).quote_id, sale_price=sale_price, reported_at=told_at)
        with pytest.raises(UnknownQuote):
            journal.add_feedback(quote_id="0" * 32, sale_price=1, reported_at=told_at)

        with reader.connect() as connection:
            quotes = connection.execute(text("select quoted_at, price, listing from quotes order by 1")).all()
            sales = connection.execute(text("select sale_price, told_at from feedback")).all()
        decision = one_of_four_decides(url, told_at)
        # what the server ends by itself, as in a restart, is noticed and outlived
        with reader.begin() as connection:
            connection.execute(
                text("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
            )
        reader.dispose()
        journal.write([an_entry(4)])

    assert (decision.number, decision.reasons, decision.at, decision.applied_at) == (
        *(1, ("größer",)),
        *(told_at, told_at),
    )
    entry = an_entry(1)
    assert tuple(quotes[0]) == (entry.quoted_at, entry.price, entry.listing)
    assert len(quotes) == 3
    assert [tuple(row) for row in sales] == [(21_000, told_at)]
    with pytest.raises(JournalUnavailable):
        journal.write([an_entry(5)])
    journal.close()


def one_of_four_decides(url: str, at: datetime) -> DecisionRecord:
    """Append four decisions at once, each after reading the same empty log; give the one that is stored."""
    journals = [Journal(url) for _ in range(4)]
    logs = [DecisionLog(journal) for journal in journals]
    decisions = [
        DecisionRecord(at=at, act="promoted", version=number, earlier=None, by="ann", reasons=("größer",))
        for number in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        stored = list(pool.map(lambda log, made: log.append(made, after=0), logs, decisions))
    assert sorted(stored) == [False, False, False, True]
    logs[0].mark_applied(1, at=at)
    assert logs[1].append(replace(decisions[0], key="later", version=9), after=1)
    first, _ = logs[0].all()
    for journal in journals:
        journal.close()
    return first


def is_no_partition(name: str | None, kind: str, _: object) -> bool:
    return kind != "table" or not str(name).startswith("quotes_")


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_the_tables_of_every_release_are_upgraded(tmp_path: Path, release: Path) -> None:
    """Four at once, as tasks of a deployment may be."""
    with postgres(tmp_path) as (port, password):
        url = f"postgresql://owner:{password}@127.0.0.1:{port}/postgres"
        owner = create_engine(url)
        with owner.begin() as connection:
            connection.exec_driver_sql(release.read_text())
        command = [sys.executable, "-m", "carvalue", "migrate"]
        given = environment(tmp_path, JOURNAL_URL=url)

        running = [subprocess.Popen(command, env=given, stdout=subprocess.PIPE, text=True) for _ in range(4)]
        told = [process.communicate(timeout=60)[0] for process in running]
        journal = Journal(url)
        journal.write([an_entry(2)])
        found = journal.after("", until=LATER, limit=9)
        with owner.connect() as connection:
            opts = {"version_table": VERSION_TABLE, "include_name": is_no_partition}
            context = MigrationContext.configure(connection, opts=opts)
            differences = compare_metadata(context, TABLES)
        owner.dispose()
        journal.close()

    assert told == [f"the journal's tables are at revision {newest_revision()}\n"] * 4
    assert found == [an_entry(1), an_entry(2)]
    assert differences == []


def test_quotes_are_in_daily_partitions_which_leave_as_a_whole(tmp_path: Path) -> None:
    today = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)

    def quoted(day: int, number: int = 0) -> JournalEntry:
        at = today + timedelta(days=day)
        return an_entry(quote_id=f"{first_id_at(at)}{number:020x}", quoted_at=at)

    def day(number: int) -> date:
        return (today + timedelta(days=number)).date()

    with postgres(tmp_path) as (port, password):
        url = f"postgresql://owner:{password}@127.0.0.1:{port}/postgres"
        journal, owner = Journal(url), create_engine(url)
        journal.migrate()

        def tables() -> list[str]:
            with owner.connect() as connection:
                names = connection.execute(
                    text("select relid::text from pg_partition_tree('quotes') where isleaf")
                )
                return sorted(names.scalars())

        earlier = ["quotes_earlier", "quotes_other"]
        assert tables() == earlier
        journal.write([quoted(number) for number in (0, 2, 3, 9)])  # two days get partitions later
        journal.add_feedback(quote_id=quoted(3).quote_id, sale_price=20_000, reported_at=LATER)
        with ThreadPoolExecutor(2) as pool:  # as several watchers do
            list(pool.map(lambda _: create_partitions(journal, until=day(4)), range(2)))
        daily = [f"quotes_{day(number):%Y%m%d}" for number in (2, 3, 4)]
        assert tables() == sorted([*earlier, *daily])
        with owner.connect() as connection:
            found = connection.execute(
                text("select tableoid::regclass::text, quote_id from quotes order by 2")
            )
            assert [row[0] for row in found] == [earlier[0], daily[0], daily[1], earlier[1]]
        cursor = journal.arrived(JournalCursor(), until=LATER, limit=2).cursor

        pruned = prune(journal, before=day(3))
        archive = JournalArchive(open_objects(f"file://{tmp_path}/archive"))
        moved = list(archive.move_days(journal, before=day(4)))
        left = tables()
        rest = journal.arrived(cursor, until=LATER, limit=9)
        sales = journal.sales(model_version="3", limit=9)
        journal.close()
        owner.dispose()

    assert (pruned.quotes, pruned.partitions) == (2, 2)
    assert [(item.day, item.rows) for item in moved] == [(day(3), {"quotes": 1, "sales": 1, "ratings": 0})]
    assert left == [daily[2], "quotes_other"]
    assert rest.entries == [quoted(9)]
    assert sales == []


def test_a_dump_of_the_journal_is_restored_completely(tmp_path: Path) -> None:
    """Word for word what docs/how-to/back-up-and-restore.md says."""
    with postgres(tmp_path) as (port, password):
        url = f"postgresql://owner:{password}@127.0.0.1:{port}"
        journal = Journal(f"{url}/postgres")
        journal.migrate()
        journal.write([an_entry(number) for number in range(100)])
        journal.add_feedback(quote_id=an_entry(7).quote_id, sale_price=20_000, reported_at=LATER)
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        dump = tmp_path / "journal.dump"

        run = partial(subprocess.run, check=True, timeout=60)
        run([programs / "pg_dump", "--format=custom", f"--file={dump}", f"{url}/postgres"])
        run([programs / "createdb", f"--maintenance-db={url}/postgres", "again"])
        run([programs / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={url}/again", dump])

        again = Journal(f"{url}/again")
        found = again.after("", until=LATER, limit=1_000)
        sales = again.sales(model_version="3", limit=9)
        for each in (journal, again):
            each.close()

    assert found == [an_entry(number) for number in range(100)]
    assert [sale.sale_price for sale in sales] == [20_000]
