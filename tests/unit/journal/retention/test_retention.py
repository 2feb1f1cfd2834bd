"""Old quotes leave the journal with their sales and ratings; reading goes on."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from carvalue.files import Objects, open_objects
from carvalue.journal import Journal, JournalCursor, JournalEntry, UnknownQuote, first_id_at
from carvalue.journal.archive import (
    DayChanged,
    JournalArchive,
    JournalArchiveDamaged,
    WrongExportSuffix,
    export_quotes,
    forget,
)
from carvalue.journal.archive.frames import fingerprint
from carvalue.journal.retention import create_partitions, day_of, first_id_of, prune, pruning
from carvalue.journal.retention.partitions import Partition, read_partitions
from carvalue.journal.retention.pruning import count_range, remove_range
from factories import an_entry

FIRST = datetime(2026, 10, 1, 12, tzinfo=UTC)
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def quoted(day: int, number: int = 0) -> JournalEntry:
    """A quote of a day in October 2026."""
    at = FIRST + timedelta(days=day - 1)
    return an_entry(quote_id=f"{first_id_at(at)}{number:020x}", quoted_at=at, client="shop", route="api")


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """A journal with two quotes on each of four days; the first one of each is sold and rated."""
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    for day in range(1, 5):
        journal.write([quoted(day, 0), quoted(day, 1)])
        sold = quoted(day).quote_id
        journal.add_feedback(quote_id=sold, sale_price=20_000 + day, reported_at=LATER + timedelta(days=day))
        journal.rate(quote_id=sold, rating="useful", rated_at=LATER)
    return journal


@pytest.fixture
def archive(tmp_path: Path) -> JournalArchive:
    return JournalArchive(open_objects(f"file://{tmp_path}/archive"))


def days_of(journal: Journal) -> list[int]:
    return [entry.quoted_at.day for entry in journal.after("", until=LATER, limit=99)]


def test_prune_removes_old_quotes_with_their_sales_and_ratings(journal: Journal) -> None:
    pruned = prune(journal, before=date(2026, 10, 3))

    assert (pruned.quotes, pruned.partitions) == (4, 0)
    assert days_of(journal) == [3, 3, 4, 4]
    assert [sale.sale_price for sale in journal.sales(model_version="3", limit=9)] == [20_004, 20_003]
    assert journal.rating_counts(model_version="3")["useful"] == 2
    assert journal.rating(quoted(1).quote_id) is None
    with pytest.raises(UnknownQuote):
        journal.quote(quoted(2).quote_id)


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_long_past_is_pruned_in_portions(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr(pruning, "CHUNK", chunk)

    assert prune(journal, before=date(2026, 10, 3)).quotes == 4
    assert days_of(journal) == [3, 3, 4, 4]
    with journal.transaction() as connection:
        for table in ("feedback", "ratings"):
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 2  # noqa: S608
    assert [sale.sale_price for sale in journal.sales(model_version="3", limit=9)] == [20_004, 20_003]


def test_a_range_ends_before_its_end(journal: Journal) -> None:
    first, end = quoted(2).quote_id, quoted(3, 1).quote_id

    with journal.transaction() as connection:
        assert count_range(connection, first, end) == 3
        remove_range(connection, first, end)

    assert days_of(journal) == [1, 1, 3, 4, 4]
    assert [sale.sale_price for sale in journal.sales(model_version="3", limit=9)] == [20_004, 20_001]


def test_a_fingerprint_is_that_of_the_values_in_any_order() -> None:
    rows = pl.LazyFrame({"quote_id": ["a", "b"], "price": [1, 2]})

    assert fingerprint(rows) == fingerprint(rows.reverse())
    assert fingerprint(rows) != fingerprint(rows.with_columns(price=pl.Series([1, 3])))
    assert fingerprint(rows.clear()) == (0, 0)


def test_a_file_has_no_partitions(journal: Journal) -> None:
    assert create_partitions(journal, until=date(2026, 10, 9)) == ()


def test_partitions_are_read_from_the_bounds_that_postgresql_shows() -> None:
    first, second, third = (first_id_of(date(2026, 10, day)) for day in (1, 2, 3))
    shown = [
        ("quotes_20261002", f"FOR VALUES FROM ('{second}') TO ('{third}')"),
        ("quotes_other", "DEFAULT"),
        ("quotes_earlier", f"FOR VALUES FROM (MINVALUE) TO ('{first}')"),
        ("quotes_20261001", f"FOR VALUES FROM ('{first}') TO ('{second}')"),
    ]

    class Shown:
        def execute(self, _: object) -> list[tuple[str, str]]:
            return shown

    assert read_partitions(Shown()) == (  # type: ignore[arg-type]
        Partition(name="quotes_earlier", first="", end=first),
        Partition(name="quotes_20261001", first=first, end=second),
        Partition(name="quotes_20261002", first=second, end=third),
    )


def test_a_quote_id_names_its_day() -> None:
    last = datetime(2026, 10, 1, 23, 59, 59, 999_000, tzinfo=UTC)

    assert day_of(f"{first_id_at(last)}{'f' * 20}") == date(2026, 10, 1)
    assert first_id_of(date(2026, 10, 2)) == first_id_at(last + timedelta(milliseconds=1))


def test_reading_by_arrival_goes_on_after_everything_was_pruned(journal: Journal) -> None:
    cursor = journal.arrived(JournalCursor(), until=LATER, limit=3).cursor
    sales = journal.sales_after(0, limit=1)[-1][0]

    prune(journal, before=date(2026, 10, 3))
    rest = journal.arrived(cursor, until=LATER, limit=9)
    prune(journal, before=date(2027, 1, 1))
    end = journal.end()
    journal.write([quoted(9)])
    journal.add_feedback(quote_id=quoted(9).quote_id, sale_price=1, reported_at=LATER)

    assert [entry.quoted_at.day for entry in rest.entries] == [3, 3, 4, 4]
    assert journal.arrived(rest.cursor, until=LATER, limit=9).entries == [quoted(9)]
    assert journal.arrived(end, until=LATER, limit=9).entries == [quoted(9)]
    assert [sale.sale_price for _, _, sale in journal.sales_after(sales, limit=9)] == [1]


def test_archived_days_are_complete_and_leave_the_journal(
    journal: Journal, archive: JournalArchive, tmp_path: Path
) -> None:
    moved = list(archive.move_days(journal, before=date(2026, 10, 3)))

    assert [item.day.day for item in moved] == [1, 2]
    assert all(item.rows == {"quotes": 2, "sales": 1, "ratings": 1} for item in moved)
    assert days_of(journal) == [3, 3, 4, 4]
    quotes = pl.read_parquet(tmp_path / "archive" / "2026-10-01" / "quotes.parquet").to_dicts()
    entry = quoted(1, 1)
    expected = {
        "quote_id": entry.quote_id,
        "quoted_at": entry.quoted_at,
        "price": entry.price,
        "route": "api",
    }
    assert {name: quotes[1][name] for name in expected} == expected
    assert json.loads(quotes[1]["listing"]) == entry.listing
    assert quotes[1]["schema_version"] == "1.7"
    sales = pl.read_parquet(tmp_path / "archive" / "2026-10-02" / "sales.parquet").to_dicts()
    assert [(row["sale_price"], row["model_version"]) for row in sales] == [(20_002, "3")]
    assert (tmp_path / "archive" / "decisions.parquet").is_file()


def test_late_quotes_of_an_archived_day_are_added_to_it(
    journal: Journal, archive: JournalArchive, tmp_path: Path
) -> None:
    list(archive.move_days(journal, before=date(2026, 10, 2)))
    journal.write([quoted(1, 1), quoted(1, 7)])  # one of them again, as after a restored outbox

    list(archive.move_days(journal, before=date(2026, 10, 2)))

    quotes = pl.read_parquet(tmp_path / "archive" / "2026-10-01" / "quotes.parquet")
    assert quotes["quote_id"].to_list() == [quoted(1, number).quote_id for number in (0, 1, 7)]
    assert pl.read_parquet(tmp_path / "archive" / "2026-10-01" / "sales.parquet").height == 1


class CuttingObjects:
    """An archive whose disk cuts the end of what is written, or that is slow: a quote arrives meanwhile."""

    def __init__(self, objects: Objects, *, cut: bool, journal: Journal) -> None:
        self._objects, self._cut, self._journal = objects, cut, journal

    def __getattr__(self, name: str) -> object:
        return getattr(self._objects, name)

    def upload(self, path: Path, key: str) -> None:
        if self._cut:
            path.with_name("cut").write_bytes(path.read_bytes()[:-7])
            path = path.with_name("cut")
        else:
            self._journal.write([quoted(1, 5)])
        self._objects.upload(path, key)


@pytest.mark.parametrize(("cut", "error"), [(True, JournalArchiveDamaged), (False, DayChanged)])
def test_nothing_is_removed_unless_the_archive_has_it(
    journal: Journal, tmp_path: Path, *, cut: bool, error: type[Exception]
) -> None:
    objects: Objects = CuttingObjects(  # type: ignore[assignment]
        open_objects(f"file://{tmp_path}/archive"), cut=cut, journal=journal
    )

    with pytest.raises(error):
        list(JournalArchive(objects).move_days(journal, before=date(2026, 10, 3)))

    assert days_of(journal)[:2] == [1, 1]
    assert len(journal.sales(model_version="3", limit=9)) == 4


def test_forget_reaches_the_journal_and_the_archive(
    journal: Journal, archive: JournalArchive, tmp_path: Path
) -> None:
    list(archive.move_days(journal, before=date(2026, 10, 3)))
    old, new = quoted(1).quote_id, quoted(4).quote_id

    found = [forget(quote_id, journal=journal, archive=archive) for quote_id in (old, new)]

    assert [(item.journal, item.archive) for item in found] == [(False, True), (True, False)]
    written = b"".join(path.read_bytes() for path in (tmp_path / "archive").rglob("*.parquet"))
    assert old.encode() not in written
    assert pl.read_parquet(tmp_path / "archive" / "2026-10-01" / "quotes.parquet").height == 1
    assert pl.read_parquet(tmp_path / "archive" / "2026-10-01" / "sales.parquet").height == 0
    with pytest.raises(UnknownQuote, match="Neither the journal nor the archive"):
        forget(old, journal=journal, archive=archive)


@pytest.mark.parametrize(
    ("suffix", "read"), [("parquet", pl.read_parquet), ("csv", pl.read_csv), ("ndjson", pl.read_ndjson)]
)
def test_export_writes_quotes_with_sales_and_ratings(
    journal: Journal, tmp_path: Path, suffix: str, read: type[pl.DataFrame]
) -> None:
    target = tmp_path / f"quotes.{suffix}"

    rows = export_quotes(journal, target, start=date(2026, 10, 2), end=date(2026, 10, 4))

    table = read(target)
    assert rows == table.height == 4
    assert table["sale_price"].to_list() == [20_002, None, 20_003, None]
    assert table["rating"].to_list() == ["useful", None, "useful", None]
    assert days_of(journal) == [1, 1, 2, 2, 3, 3, 4, 4]


def test_export_names_the_formats_that_it_can_write(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(WrongExportSuffix, match=r"\.csv, \.ndjson, \.parquet"):
        export_quotes(journal, tmp_path / "quotes.xlsx", start=date(2026, 10, 2), end=date(2026, 10, 4))


def test_sales_and_ratings_of_an_earlier_release_count_for_their_version(journal: Journal) -> None:
    with journal.transaction() as connection:
        connection.exec_driver_sql("UPDATE feedback SET model_version = NULL")
        connection.exec_driver_sql("UPDATE ratings SET model_version = NULL")

    assert len(journal.sales(model_version="3", limit=9)) == 4
    assert journal.sales(model_version="4", limit=9) == []
    assert journal.rating_counts(model_version="3")["useful"] == 4
