"""What the journal is asked for beyond the order of arrival: periods, sales, ratings, revisions."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carvalue.journal import store
from carvalue.journal.entries import JournalEntry, Sale, SoldCar, first_id_at
from carvalue.journal.schema import newest_revision
from carvalue.journal.store import DriverMissing, Journal, JournalCursor, UnknownQuote, WrongSchema
from factories import an_entry

START = datetime(2026, 3, 1, 10, 20, 30, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SCHEMAS = Path(__file__).parents[2] / "schemas"


def quoted(minute: int, **changes: object) -> JournalEntry:
    """A quote of a minute after START; its id begins with its time."""
    at = START + minute * MINUTE
    return an_entry(quote_id=f"{first_id_at(at)}{minute % 2**80:020x}", quoted_at=at, **changes)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Six quotes, one a minute; the last one is of version 4."""
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    journal.write([quoted(minute) for minute in range(5)])
    journal.write([quoted(5, model_version="4")])
    return journal


def report(journal: Journal, minute: int, *, client: str | None = "shop", after: int = 0) -> None:
    """Report the sale of a quote, at a price that names its minute."""
    reported_at = START + HOUR + after * MINUTE
    price = 20_000 + minute
    journal.add_feedback(
        quote_id=quoted(minute).quote_id, sale_price=price, reported_at=reported_at, client=client
    )


@pytest.mark.parametrize(
    ("first", "end", "newest", "limit", "found"),
    [
        (1, 4, False, 9, [1, 2, 3]),
        (1, 4, True, 9, [1, 2, 3]),
        (0, 6, False, 2, [0, 1]),
        (0, 6, True, 2, [4, 5]),
    ],
)
def test_a_period_is_read_from_either_end(
    journal: Journal, first: int, end: int, limit: int, found: list[int], *, newest: bool
) -> None:
    entries = journal.between(START + first * MINUTE, START + end * MINUTE, newest=newest, limit=limit)

    assert [entry.quote_id for entry in entries] == [quoted(minute).quote_id for minute in found]


def test_entries_are_read_by_id_up_to_a_time_and_a_number(journal: Journal) -> None:
    entries = journal.after(quoted(1).quote_id, until=quoted(4).quoted_at, limit=9)

    assert entries == [quoted(2), quoted(3)]
    assert journal.after("", until=quoted(4).quoted_at, limit=1) == [quoted(0)]


def test_the_newest_entries_of_a_version_before_a_position(journal: Journal) -> None:
    cursor = JournalCursor(arrival=4)

    assert journal.before(cursor, model_version="3", limit=2) == [quoted(2), quoted(3)]
    assert journal.before(journal.end(), model_version="4", limit=9) == [quoted(5, model_version="4")]
    assert journal.end() == JournalCursor(arrival=6, quote_id=quoted(5).quote_id)


def test_quotes_without_a_number_come_before_a_position_by_their_id(journal: Journal) -> None:
    with journal.transaction() as connection:
        connection.exec_driver_sql("UPDATE quotes SET arrival = NULL WHERE arrival <= 3")

    position = JournalCursor(arrival=4, quote_id=quoted(1).quote_id)

    assert journal.before(position, model_version="3", limit=9) == [quoted(0), quoted(1), quoted(3)]


def test_one_quote_is_read_and_an_unknown_one_is_named(journal: Journal) -> None:
    assert journal.quote(quoted(2).quote_id) == quoted(2)
    with pytest.raises(UnknownQuote, match="There is no quote 'f00d'"):
        journal.quote("f00d")
    with pytest.raises(UnknownQuote, match="There is no quote 'f00d'"):
        journal.delete("f00d")
    with pytest.raises(UnknownQuote, match="There is no quote 'f00d'"):
        journal.add_feedback(quote_id="f00d", sale_price=1, reported_at=START)


def test_an_empty_journal_has_no_end_and_no_sale(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")

    assert journal.end() == JournalCursor()
    assert journal.last_sale_at() is None
    assert journal.rating_counts(model_version="3") == {"useful": 0, "too low": 0, "too high": 0}


def test_entries_without_a_number_are_read_first_and_only_once_they_are_old(journal: Journal) -> None:
    with journal.transaction() as connection:
        connection.exec_driver_sql("UPDATE quotes SET arrival = NULL WHERE arrival <= 3")

    first = journal.arrived(JournalCursor(), until=quoted(2).quoted_at, limit=3)
    rest = journal.arrived(first.cursor, until=quoted(9).quoted_at, limit=9)

    assert first.entries == [quoted(0), quoted(1), quoted(3)]
    assert first.cursor == JournalCursor(arrival=4, quote_id=quoted(1).quote_id)
    assert rest.entries == [quoted(2), quoted(4), quoted(5, model_version="4")]
    assert journal.arrived(rest.cursor, until=quoted(9).quoted_at, limit=9).entries == []


def test_quotes_are_counted_by_hour(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    journal.write([quoted(minute) for minute in (-21, -20, 0, 39, 40)])  # 9:59, 10:00, ..., 10:59, 11:00

    now = (START + HOUR).astimezone()

    ten = START.replace(minute=0, second=0)
    assert journal.per_hour(now, hours=3) == [(ten - HOUR, 1), (ten, 3), (ten + HOUR, 1)]


def test_the_hour_begins_with_its_first_millisecond(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")
    ten = START.replace(minute=0, second=0)
    before = ten - timedelta(milliseconds=1)
    for at in (ten, before):
        journal.write([an_entry(quote_id=first_id_at(at).ljust(32, "0"), quoted_at=at)])

    assert journal.per_hour(ten, hours=2) == [(ten - HOUR, 1), (ten, 1)]


def test_sales_of_some_quotes(journal: Journal) -> None:
    for minute in (0, 1, 2):
        report(journal, minute)

    ids = [quoted(minute).quote_id for minute in (1, 2, 3)]

    assert journal.sales_of(ids) == {ids[0]: 20_001, ids[1]: 20_002}


def test_a_client_has_a_share_of_the_sales_unless_it_is_verified(journal: Journal) -> None:
    for after, (minute, client) in enumerate([(0, "shop"), (1, "shop"), (2, "dealer"), (3, "dealer")]):
        report(journal, minute, client=client, after=after)
    report(journal, 5, after=9)

    def prices(**limits: object) -> list[int]:
        return [sale.sale_price for sale in journal.sales(model_version="3", **{"limit": 9, **limits})]

    assert prices() == [20_003, 20_002, 20_001, 20_000]
    assert prices(limit=3) == [20_003, 20_002, 20_001]
    assert prices(max_per_client=1) == [20_003, 20_001]
    assert prices(max_per_client=1, verified={"dealer"}) == [20_003, 20_002, 20_001]
    assert journal.sales(model_version="3", limit=1) == [Sale(22_450, 18_900, 26_100, 20_003, "dealer")]


def test_only_the_newest_sales_of_a_version_are_considered(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for after, minute in enumerate((4, 3, 2)):
        report(journal, minute, after=after)
    monkeypatch.setattr(store, "FEW_SALES", 1)
    monkeypatch.setattr(store, "MAX_SALES_READ", 2)

    assert [sale.sale_price for sale in journal.sales(model_version="3", limit=9)] == [20_002, 20_003]


def test_sales_name_their_number_and_version(journal: Journal) -> None:
    for after, minute in enumerate((5, 1, 0)):
        report(journal, minute, after=after)

    first, second = journal.sales_after(0, limit=2)

    assert [(item[1], item[2].sale_price, item[2].client) for item in (first, second)] == [
        ("4", 20_005, "shop"),
        ("3", 20_001, "shop"),
    ]
    assert [item[2].sale_price for item in journal.sales_after(second[0], limit=9)] == [20_000]
    assert journal.last_sale_at() == START + HOUR + 2 * MINUTE


def test_sold_cars_have_their_listings_the_last_reported_first(journal: Journal) -> None:
    for after, minute in enumerate((3, 5, 1)):
        report(journal, minute, after=after)

    assert [car.sale_price for car in journal.sold_cars(limit=2)] == [20_001, 20_005]
    assert journal.sold_cars(limit=1) == [
        SoldCar(
            reported_at=START + HOUR + 2 * MINUTE,
            quoted_price=22_450,
            sale_price=20_001,
            listing=quoted(1).listing,
            client="shop",
        )
    ]


def test_cars_of_one_report_are_read_in_the_order_of_their_quotes(journal: Journal) -> None:
    for minute in (3, 1, 2):
        report(journal, minute)

    assert [car.sale_price for car in journal.sold_cars(limit=2)] == [20_001, 20_002]


def test_a_sold_car_is_one_flat_row(journal: Journal) -> None:
    report(journal, 1)

    (car,) = journal.sold_cars(limit=9)

    assert car.as_row() == quoted(1).listing | {
        "told_at": START + HOUR,
        "client": "shop",
        "quoted": 22_450,
        "sale_price": 20_001,
    }


def test_ratings_are_counted_by_version_and_name_their_client(journal: Journal) -> None:
    for minute, rating in ((0, "useful"), (1, "too low"), (2, "useful"), (5, "too high")):
        journal.rate(quote_id=quoted(minute).quote_id, rating=rating, rated_at=START, client="page")

    assert journal.rating_counts(model_version="3") == {"useful": 2, "too low": 1, "too high": 0}
    assert journal.rating(quoted(5).quote_id) == "too high"
    with journal.transaction() as connection:
        stored = connection.exec_driver_sql("SELECT DISTINCT client, rated_at FROM ratings").all()
    assert [(client, str(at)[:19]) for client, at in stored] == [("page", "2026-03-01 10:20:30")]


def test_quotes_are_deleted_in_portions_with_their_sales(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_IDS", 2)
    for minute in (0, 4):
        report(journal, minute)

    deleted = journal.delete_all([quoted(minute).quote_id for minute in (0, 1, 2, 3, 8)])

    assert deleted == 4
    assert [entry.quote_id for entry in journal.after("", until=quoted(9).quoted_at, limit=9)] == [
        quoted(4).quote_id,
        quoted(5).quote_id,
    ]
    assert [car.sale_price for car in journal.sold_cars(limit=9)] == [20_004]


def test_a_missing_file_has_no_revision_and_is_not_created(tmp_path: Path) -> None:
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")

    assert (journal.revision(), journal.pending_revisions()) == ("", ())
    assert list(tmp_path.iterdir()) == []


def test_pending_revisions_are_listed_and_not_applied(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        database.executescript((SCHEMAS / "revision_1_1.sqlite.sql").read_text())
    journal = Journal(f"sqlite:///{tmp_path}/journal.db")

    pending = journal.pending_revisions()
    assert (pending[:2], pending[-1]) == (("1.2", "1.3"), newest_revision())
    assert journal.revision() == "1.1"
    assert journal.migrate() == newest_revision()
    assert journal.pending_revisions() == ()
    with journal.transaction() as connection:
        connection.exec_driver_sql("UPDATE journal_schema SET version_num = '9.0'")
    assert journal.pending_revisions() == ()
    with pytest.raises(WrongSchema, match=r"revision 9\.0, this program knows"):
        journal.revision()


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(DriverMissing, match=r"JOURNAL_URL starts with postgresql\+pg8000, .* package pg8000"):
        Journal("postgresql+pg8000://ann@host/journal")


def test_the_last_correction_of_a_version_counts(journal: Journal) -> None:
    for version, level in (("3", 0.1), ("3", -0.05), ("4", 0.02)):
        journal.set_range_correction(
            model_version=version, level=level, log_scale=2 * level, sales=300, computed_at=START
        )

    assert journal.range_correction("3") == (-0.05, -0.1, 300)
    assert journal.range_correction("4") == (0.02, 0.04, 300)
    assert journal.range_correction("5") is None
