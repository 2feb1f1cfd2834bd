"""Reading in the order of arrival misses nothing, whoever writes, and in whatever order."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

from sqlalchemy import delete, event, update

from carvalue.journal.schema import ARRIVALS, QUOTES
from carvalue.journal.store import Journal, JournalCursor
from factories import an_entry

LATER = datetime(2100, 1, 1, tzinfo=UTC)


def a_journal(folder: Path) -> Journal:
    return Journal(f"sqlite:///{folder}/journal.db")


def read(journal: Journal, cursor: JournalCursor, limit: int = 100) -> tuple[list[str], JournalCursor]:
    arrivals = journal.arrived(cursor, until=LATER, limit=limit)
    return [entry.quote_id for entry in arrivals.entries], arrivals.cursor


def test_an_earlier_quote_that_arrives_later_is_read(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    journal.write([an_entry(5)])
    first, cursor = read(journal, JournalCursor())

    journal.write([an_entry(2)])

    assert first == [an_entry(5).quote_id]
    assert read(journal, cursor)[0] == [an_entry(2).quote_id]


def test_portions_hold_each_quote_once(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    journal.write([an_entry(number) for number in range(10)])
    journal.write([an_entry(3), an_entry(10)])  # one of them again, as after a lost answer
    found, cursor = [], JournalCursor()

    while portion := read(journal, cursor, limit=3)[0]:
        cursor = read(journal, cursor, limit=3)[1]
        found += portion

    assert found == [an_entry(number).quote_id for number in range(11)]


def test_of_several_writers_nothing_is_missed(tmp_path: Path) -> None:
    a_journal(tmp_path).migrate()
    found: list[str] = []
    cursor, reader = JournalCursor(), a_journal(tmp_path)

    def write(start: int) -> None:
        journal = a_journal(tmp_path)
        for number in range(start, start + 20):
            journal.write([an_entry(number)])

    writers = [Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        portion, cursor = read(reader, cursor)
        found += portion
    portion, cursor = read(reader, cursor)
    found += portion

    assert len(found) == len(set(found)) == 60


def test_quotes_of_release_0_2_are_read_by_id(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    journal.write([an_entry(1), an_entry(2)])
    with journal.transaction() as connection:
        connection.execute(update(QUOTES).values(arrival=None))
    journal.write([an_entry(3)])

    found, cursor = read(journal, JournalCursor(quote_id=an_entry(1).quote_id))

    assert found == [an_entry(2).quote_id, an_entry(3).quote_id]
    assert cursor == JournalCursor(arrival=3, quote_id=an_entry(2).quote_id)
    assert journal.before(cursor, model_version="3", limit=9) == [an_entry(1), an_entry(2), an_entry(3)]


def test_a_journal_that_was_replaced_is_read(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    journal.write([an_entry(number) for number in range(5)])
    _, cursor = read(journal, JournalCursor())
    with journal.transaction() as connection:  # as after a backup of an earlier day was restored
        connection.execute(delete(QUOTES).where(QUOTES.c.arrival > 2))
        connection.execute(update(ARRIVALS).values(last=2))
    _, cursor = read(journal, cursor)

    journal.write([an_entry(7)])

    assert read(journal, cursor)[0] == [an_entry(7).quote_id]


def test_sales_are_read_in_the_order_of_their_reports(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    journal.write([an_entry(1), an_entry(2)])
    for number, price in ((2, 9_000), (1, 8_000)):
        journal.add_feedback(quote_id=an_entry(number).quote_id, sale_price=price, reported_at=LATER)

    sales = journal.sales_after(0, limit=9)

    assert [sale.sale_price for _, _, sale in sales] == [9_000, 8_000]
    assert journal.sales_after(sales[0][0], limit=9) == sales[1:]
    assert journal.last_sale_at() == LATER


def test_a_round_reads_no_more_of_a_large_journal_than_of_a_small_one(tmp_path: Path) -> None:
    journal = a_journal(tmp_path)
    journal.write([an_entry(1)])
    statements: list[tuple[str, tuple[object, ...]]] = []
    with journal.transaction() as connection:
        event.listen(
            connection.engine,
            "before_cursor_execute",
            lambda _, __, statement, parameters, *___: statements.append((statement, parameters)),
        )

    journal.arrived(JournalCursor(arrival=1), until=LATER, limit=10)
    journal.sales_after(1, limit=10)
    journal.last_sale_at()

    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        plans = [
            line
            for statement, parameters in statements
            for *_, line in database.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert len(statements) == 5
    bounded = ("arrivals", "anon_1")  # a table of one row, and the rows that the limit leaves
    assert [line for line in plans if line.startswith("SCAN") and not line.endswith(bounded)] == []
