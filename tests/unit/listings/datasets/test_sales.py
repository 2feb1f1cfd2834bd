"""Reported sales join the listings where there are enough, and none that cannot be meant."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from carvalue.listings.cleaning.cleaner import clean
from carvalue.listings.datasets.sales import MIN_SALES, WITH_SALES_FILE, SalesReport, join_sales
from carvalue.listings.datasets.splits import split
from factories import raw_rows, write_raw

TOLD_AT = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def listings(tmp_path: Path) -> Path:
    return clean(write_raw(tmp_path / "raw.csv", raw_rows(100)), into=tmp_path).listings


def a_sale(number: int = 0, **changes: Any) -> dict[str, Any]:
    sale = {
        "manufacturer": "toyota",
        "model": "camry le",
        "year": 2015,
        "odometer": 40_001 + 7 * number,
        "told_at": TOLD_AT + timedelta(minutes=number),
        "quoted": 20_000,
        "sale_price": 19_000,
    }
    return sale | changes


def joined(listings: Path, sold: list[dict[str, Any]]) -> tuple[SalesReport, pl.DataFrame]:
    report = join_sales(listings, sold=sold, into=listings.parent)
    return report, pl.read_parquet(listings.parent / WITH_SALES_FILE)


def test_enough_sales_become_listings_at_their_prices(listings: Path) -> None:
    report, table = joined(listings, [a_sale(number) for number in range(MIN_SALES)])

    sales = table.filter(pl.col("id") < 0)
    assert (report.joined, report.left_out) == (MIN_SALES, {})
    assert sales["id"].n_unique() == sales["car"].n_unique() == MIN_SALES
    assert sales["price"].unique().to_list() == [19_000]
    assert sales["posted_at"].min() == TOLD_AT
    assert table.schema == pl.read_parquet_schema(listings)
    assert report.says == ", and 200 reported sales at 0.95 times their quotes (median)"


def test_the_splits_take_them_as_the_newest_listings(listings: Path) -> None:
    joined(listings, [a_sale(number) for number in range(MIN_SALES)])

    report = split(listings.parent / WITH_SALES_FILE, into=listings.parent)

    assert report.periods["test"].first_posted_at > TOLD_AT


def test_too_few_sales_stay_out(listings: Path) -> None:
    report, table = joined(listings, [a_sale(number) for number in range(MIN_SALES - 1)])

    assert (report.joined, report.says) == (0, "")
    assert report.left_out == {"too few sales": MIN_SALES - 1}
    assert table.equals(pl.read_parquet(listings))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sale_price": 200}, "price out of range"),
        ({"sale_price": 100_001}, "price out of range"),
        ({"sale_price": 61_000}, "far from its quote"),
        ({"sale_price": 6_000}, "far from its quote"),
        ({"year": None}, "make, model or year missing"),
        ({"model": None}, "make, model or year missing"),
    ],
)
def test_a_sale_that_cannot_be_meant_is_left_out_by_reason(
    listings: Path, changes: dict[str, Any], reason: str
) -> None:
    report, _ = joined(listings, [*(a_sale(number) for number in range(MIN_SALES)), a_sale(999, **changes)])

    assert report.left_out == {reason: 1}


def test_a_car_counts_once_as_it_was_told_last(listings: Path) -> None:
    others = [a_sale(number) for number in range(1, MIN_SALES)]
    twice = [a_sale(0), a_sale(0, sale_price=21_000, told_at=TOLD_AT + timedelta(days=1))]

    report, table = joined(listings, [*others, *reversed(twice)])

    assert report.left_out == {"same car told again": 1}
    assert 21_000 in table["price"].to_list()
    assert report.joined == MIN_SALES


def test_no_sales_at_all_leave_the_listings(listings: Path) -> None:
    report, table = joined(listings, [])

    assert (report.told, report.to_quote) == (0, None)
    assert table.equals(pl.read_parquet(listings))
