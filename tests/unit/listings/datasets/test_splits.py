"""Splits share no car, no advertisement and no posting time."""

from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from carvalue.files.artifacts import read_artifact
from carvalue.listings.cleaning.cleaner import clean
from carvalue.listings.datasets.leaks import LeakReport
from carvalue.listings.datasets.periods import SPLITS
from carvalue.listings.datasets.splits import NotEnoughListings, SplitReport, split
from factories import a_raw_row, raw_rows, write_raw


def splits_of(folder: Path, rows: list[dict[str, str]]) -> SplitReport:
    folder.mkdir(exist_ok=True)
    cleaned = clean(write_raw(folder / "vehicles.csv", rows), into=folder / "clean")
    return split(cleaned.listings, into=folder / "splits")


def rows_of(report: SplitReport, name: str) -> pl.DataFrame:
    return pl.read_parquet(report.folder / f"{name}.parquet")


def test_the_newest_rows_are_the_test_split_and_the_next_the_validation_split(tmp_path: Path) -> None:
    report = splits_of(tmp_path, raw_rows(100))

    assert {name: report.periods[name].rows for name in SPLITS} == {"train": 70, "validation": 15, "test": 15}
    assert report.periods["train"].last_posted_at < report.periods["validation"].first_posted_at
    assert report.periods["validation"].last_posted_at < report.periods["test"].first_posted_at


def test_rows_are_in_the_order_of_posting(tmp_path: Path) -> None:
    report = splits_of(tmp_path, raw_rows(100)[::-1])

    assert all(rows_of(report, name)["posted_at"].is_sorted() for name in SPLITS)


def test_a_car_stays_in_its_first_split_and_later_reposts_are_dropped(tmp_path: Path) -> None:
    rows = raw_rows(100)
    first, last = rows[0], rows[-1]
    repost = first | {"id": "9", "price": "9000", "posting_date": last["posting_date"]}

    report = splits_of(tmp_path, [*rows, repost])

    assert report.reposts_dropped == {"validation": 0, "test": 1}
    assert 9 not in rows_of(report, "test")["id"]
    assert sum(period.rows for period in report.periods.values()) == 100


def test_reposts_with_changes_are_kept_separately(tmp_path: Path) -> None:
    rows = raw_rows(100)
    later = {"posting_date": rows[-1]["posting_date"]}
    cheaper = rows[0] | later | {"id": "9", "price": "9000"}
    the_same = rows[1] | later | {"id": "8"}

    report = splits_of(tmp_path, [*rows, cheaper, the_same])

    assert rows_of(report, "reposts")["id"].to_list() == [9]
    assert rows_of(report, "reposts").schema == rows_of(report, "test").schema


def test_reposts_within_the_same_period_stay(tmp_path: Path) -> None:
    rows = raw_rows(100)
    repost = rows[0] | {"id": "9", "price": "9000", "posting_date": rows[1]["posting_date"]}

    report = splits_of(tmp_path, [*rows, repost])

    assert report.periods["train"].rows == report.periods["train"].cars + 1


def test_the_leak_report_shows_zeros(tmp_path: Path) -> None:
    report = splits_of(tmp_path, raw_rows(100))

    assert report.leaks == LeakReport(cars_shared=0, listings_shared=0, periods_overlapping=0)


def test_rows_of_one_moment_stay_in_one_split(tmp_path: Path) -> None:
    rows = raw_rows(90) + [
        a_raw_row(id=i, odometer=90_001 + i, posting_date="2021-05-06T00:00:00+0000") for i in range(40)
    ]

    with pytest.raises(NotEnoughListings, match=r"The validation split is empty: found 130 listings"):
        splits_of(tmp_path, rows)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_too_few_listings_are_refused_with_what_was_found(tmp_path: Path, count: int) -> None:
    with pytest.raises(NotEnoughListings, match=f"found {count} listings of {count} cars"):
        splits_of(tmp_path, raw_rows(count))


def test_listings_of_one_moment_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotEnoughListings, match="posted at 1 moments"):
        splits_of(tmp_path, raw_rows(50, posting_date="2021-04-28T16:50:33-0500"))


def test_one_day_can_be_split(tmp_path: Path) -> None:
    assert splits_of(tmp_path, raw_rows(100, days=1)).periods["test"].rows == 15


def test_one_car_posted_again_and_again_is_refused(tmp_path: Path) -> None:
    rows = [row | {"odometer": "20001", "price": str(5_000 + i)} for i, row in enumerate(raw_rows(50))]

    with pytest.raises(NotEnoughListings, match="of 1 cars"):
        splits_of(tmp_path, rows)


def test_the_fingerprint_does_not_depend_on_the_order_of_the_rows(tmp_path: Path) -> None:
    rows = raw_rows(100)

    assert splits_of(tmp_path / "a", rows).fingerprint == splits_of(tmp_path / "b", rows[::-1]).fingerprint


@pytest.mark.parametrize(
    "change", [{"price": "9999"}, {"model": "camry xle"}, {"id": "5"}, {"lat": "31.0"}, {"odometer": ""}]
)
def test_any_change_changes_the_fingerprint(tmp_path: Path, change: dict[str, str]) -> None:
    rows = raw_rows(100)
    changed = [rows[0] | change, *rows[1:]]

    assert splits_of(tmp_path / "a", rows).fingerprint != splits_of(tmp_path / "b", changed).fingerprint


def test_the_fingerprint_is_the_same_on_every_machine(tmp_path: Path) -> None:
    assert splits_of(tmp_path, raw_rows(100)).fingerprint == "f1654119d0bd0647"


def test_the_report_can_be_read_by_the_next_step(tmp_path: Path) -> None:
    report = splits_of(tmp_path, raw_rows(100))

    found = read_artifact(SplitReport, report.folder / "splits.json")

    assert found == report
    assert isinstance(found.periods["test"].first_posted_at, datetime)
