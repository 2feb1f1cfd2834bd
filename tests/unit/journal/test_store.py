"""The journal on SQLite stores entries once, and reports and survives a missing, locked or full file."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from errno import EIO
from pathlib import Path

import pytest

from carvalue.journal.store import (
    EntriesRefused,
    Journal,
    JournalCursor,
    JournalUnavailable,
    UnknownQuote,
    _configure_sqlite,
)
from factories import an_entry
from time_limits import files_of_at_most

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def a_journal(path: Path) -> Journal:
    return Journal(f"sqlite:///{path}", answer_s=1)


def test_an_entry_is_stored_once_and_completely(tmp_path: Path) -> None:
    path, entry = tmp_path / "new" / "journal.db", an_entry(7)
    journal = a_journal(path)

    journal.write([entry])
    journal.write([an_entry(7, price=1), an_entry(8)])

    quote_id, price, warnings, listing = rows(path, "select quote_id, price, warnings, listing from quotes")[
        0
    ]
    assert (quote_id, price) == (entry.quote_id, entry.price)
    assert json.loads(str(warnings)) == list(entry.warnings)
    assert json.loads(str(listing)) == entry.listing
    assert len(rows(path, "select * from quotes")) == 2
    assert rows(path, "pragma journal_mode") == [("wal",)]


def test_a_locked_journal_is_unavailable_until_it_is_free(tmp_path: Path) -> None:
    journal = a_journal(tmp_path / "journal.db")
    journal.write([an_entry(1)])

    with closing(sqlite3.connect(tmp_path / "journal.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        with pytest.raises(JournalUnavailable, match="locked"):
            journal.write([an_entry(2)])
        other.execute("rollback")

    journal.write([an_entry(2)])
    assert len(rows(tmp_path / "journal.db", "select * from quotes")) == 2


def test_a_deleted_journal_is_created_again(tmp_path: Path) -> None:
    journal = a_journal(tmp_path / "journal.db")
    journal.write([an_entry(1)])
    (tmp_path / "journal.db").unlink()

    with pytest.raises(JournalUnavailable):
        journal.write([an_entry(2)])
    journal.write([an_entry(2)])

    assert rows(tmp_path / "journal.db", "select price from quotes") == [(22_450,)]


def test_a_journal_without_a_write_ahead_log_is_unavailable(tmp_path: Path) -> None:
    uri = f"file:{tmp_path}/journal.db?vfs=unix-none"  # it has no shared memory, which the log needs

    with (
        closing(sqlite3.connect(uri, uri=True)) as connection,
        pytest.raises(sqlite3.OperationalError, match="write-ahead log cannot be used"),
    ):
        _configure_sqlite(connection, None)


def test_a_journal_whose_folder_could_not_be_flushed_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, flushed = a_journal(tmp_path / "journal.db"), list[Path]()

    def fail_once(path: Path) -> None:
        flushed.append(path)
        if len(flushed) == 1:
            raise OSError(EIO, "the disk is broken")

    monkeypatch.setattr("carvalue.journal.store.fsync", fail_once)
    with pytest.raises(JournalUnavailable, match="broken"):
        journal.write([an_entry(1)])
    for number in (1, 2):
        journal.write([an_entry(number)])

    assert flushed == [tmp_path, tmp_path]


def test_a_replaced_journal_is_noticed(tmp_path: Path) -> None:
    journal, restored = a_journal(tmp_path / "journal.db"), a_journal(tmp_path / "restored.db")
    journal.write([an_entry(1)])
    restored.write([an_entry(2)])
    restored.close()
    for name in ("journal.db-wal", "journal.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / "restored.db").replace(tmp_path / "journal.db")

    journal.write([an_entry(3)])

    assert len(rows(tmp_path / "journal.db", "select * from quotes")) == 2


def test_transactions_share_a_connection(tmp_path: Path) -> None:
    journal = a_journal(tmp_path / "journal.db")

    with journal.transaction() as first:
        opened = first.connection.driver_connection
    with journal.transaction() as second:
        assert second.connection.driver_connection is opened


def test_a_full_disk_is_unavailable(tmp_path: Path) -> None:
    journal = a_journal(tmp_path / "journal.db")
    journal.write([an_entry(0)])

    with files_of_at_most(100_000), pytest.raises(JournalUnavailable):
        journal.write([an_entry(number) for number in range(2_000)])

    journal.write([an_entry(5_000)])


def test_a_file_that_is_not_a_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("once upon a time " * 1_000)

    with pytest.raises(JournalUnavailable, match="not a database"):
        a_journal(tmp_path / "journal.db").write([an_entry()])


def test_values_that_the_tables_cannot_store_are_refused_and_not_shown(tmp_path: Path) -> None:
    impossible = an_entry(2, price=None, listing={"vin": "a secret"})
    journal = a_journal(tmp_path / "journal.db")
    journal.migrate()

    with pytest.raises(EntriesRefused) as caught:
        journal.write([an_entry(1), impossible])

    assert "secret" not in str(caught.value)
    assert rows(tmp_path / "journal.db", "select * from quotes") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "22450"},
        {"price": float("inf")},
        {"high": 2**31},
        {"low": True},
        {"price": {"amount": 1}},
        {"listing": {"model": "\ud800"}},
        {"listing": {"model": "f-150\0"}},
        {"listing": {"odometer": float("nan")}},
        {"listing": {"options": ["leather"]}},
        {"quoted_at": datetime(1, 1, 1, tzinfo=UTC)},
        {"client": 7},
    ],
)
def test_an_invalid_entry_is_refused_before_the_database(tmp_path: Path, changes: dict[str, object]) -> None:
    journal = a_journal(tmp_path / "journal.db")
    journal.migrate()

    with pytest.raises(EntriesRefused, match=next(iter(changes))):
        journal.write([an_entry(1, **changes)])

    assert rows(tmp_path / "journal.db", "select * from quotes") == []


def test_a_sale_has_the_ranges_of_its_quote(tmp_path: Path) -> None:
    journal, entry = (
        a_journal(tmp_path / "journal.db"),
        an_entry(calibrated_low=18_000, calibrated_high=27_000),
    )
    journal.write([entry])

    journal.add_feedback(quote_id=entry.quote_id, sale_price=20_000, reported_at=NOW)

    (sale,) = journal.sales(model_version=entry.model_version, limit=2)
    assert (sale.low, sale.high) == (entry.low, entry.high)
    assert (sale.calibrated_low, sale.calibrated_high) == (18_000, 27_000)


def test_the_reporter_of_a_sale_is_recorded(tmp_path: Path) -> None:
    journal, entry = a_journal(tmp_path / "journal.db"), an_entry(1, client="shop")
    journal.write([entry])
    report = {"quote_id": entry.quote_id, "sale_price": 20_000, "reported_at": NOW}
    journal.add_feedback(**report, client="shop")  # type: ignore[arg-type]
    journal.add_feedback(**report, client="~0f1e")  # type: ignore[arg-type]

    assert journal.arrived(JournalCursor(), until=datetime.max.replace(tzinfo=UTC), limit=9).entries == [
        entry
    ]
    assert [sale.client for sale in journal.sales(model_version="3", limit=9)] == ["~0f1e"]
    (car,) = journal.sold_cars(limit=9)
    assert car.as_row()["client"] == "~0f1e"


def test_a_rating_needs_its_quote_and_is_deleted_with_it(tmp_path: Path) -> None:
    journal, quote_id = a_journal(tmp_path / "journal.db"), an_entry(1).quote_id
    with pytest.raises(UnknownQuote):
        journal.rate(quote_id=quote_id, rating="useful", rated_at=NOW)
    journal.write([an_entry(1), an_entry(2)])

    journal.rate(quote_id=quote_id, rating="useful", rated_at=NOW)
    journal.rate(quote_id=quote_id, rating="too high", rated_at=NOW)
    assert journal.rating_counts(model_version="3") == {"useful": 0, "too low": 0, "too high": 1}
    assert journal.rating(an_entry(2).quote_id) is None

    journal.delete(quote_id)
    assert rows(tmp_path / "journal.db", "select * from ratings") == []


def test_feedback_needs_its_quote_and_the_last_report_counts(tmp_path: Path) -> None:
    journal, quote_id = a_journal(tmp_path / "journal.db"), an_entry(1).quote_id
    with pytest.raises(UnknownQuote):
        journal.add_feedback(quote_id=quote_id, sale_price=20_000, reported_at=NOW)
    journal.write([an_entry(1)])

    for sale_price in (20_000, 21_000):
        journal.add_feedback(quote_id=quote_id, sale_price=sale_price, reported_at=NOW)

    assert rows(tmp_path / "journal.db", "select quote_id, sale_price from feedback") == [(quote_id, 21_000)]
