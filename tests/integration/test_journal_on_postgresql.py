"""The journal on a real PostgreSQL: entries are stored once, and an outage is reported and survived."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, text

from carvalue.journal.decisions import DecisionLog, DecisionRecord
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
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
            differences = compare_metadata(context, TABLES)
        owner.dispose()
        journal.close()

    assert told == [f"the journal's tables are at revision {newest_revision()}\n"] * 4
    assert found == [an_entry(1), an_entry(2)]
    assert differences == []


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
