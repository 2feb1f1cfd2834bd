"""The same journal on a real PostgreSQL: stored once, an outage noticed and outlived."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from carvalue.monitoring.journal import Journal, JournalUnavailable, UnknownQuote
from factories import an_entry
from production import postgres

pytestmark = pytest.mark.platform
pytest.importorskip("psycopg", reason="needs `uv sync --extra platform --extra postgres`")


def test_the_journal_on_postgresql(tmp_path: Path) -> None:
    told_at = datetime(2026, 1, 2, tzinfo=UTC)
    with postgres(tmp_path) as (port, password):
        url = f"postgresql://owner:{password}@127.0.0.1:{port}/postgres"
        journal, reader = Journal(url), create_engine(url)
        journal.write([an_entry(1), an_entry(2)])
        journal.write([an_entry(2, price=1), an_entry(3)])
        for sale_price in (20_000, 21_000):
            journal.add_feedback(quote_id=an_entry(3).quote_id, sale_price=sale_price, told_at=told_at)
        with pytest.raises(UnknownQuote):
            journal.add_feedback(quote_id="0" * 32, sale_price=1, told_at=told_at)

        with reader.connect() as connection:
            quotes = connection.execute(text("select quoted_at, price, listing from quotes order by 1")).all()
            sales = connection.execute(text("select sale_price, told_at from feedback")).all()
        # what the server ends by itself, as in a restart, is noticed and outlived
        with reader.begin() as connection:
            connection.execute(
                text("select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()")
            )
        reader.dispose()
        journal.write([an_entry(4)])

    entry = an_entry(1)
    assert tuple(quotes[0]) == (entry.quoted_at, entry.price, entry.listing)
    assert len(quotes) == 3
    assert [tuple(row) for row in sales] == [(21_000, told_at)]
    with pytest.raises(JournalUnavailable):
        journal.write([an_entry(5)])
    journal.close()
