"""Reported sales are screened, capped and brought to the source's level before a model learns from them."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from carvalue.files import read_artifact, write_artifact
from carvalue.listings.cleaning.cleaner import clean
from carvalue.listings.datasets.sales import (
    COLUMNS,
    MAX_FAMILY_SHARE,
    MIN_CLIENTS,
    MIN_PER_CLIENT,
    MIN_SALES,
    SALES_FILE,
    SalesReport,
    screen_sales,
    write_sales,
)
from carvalue.listings.datasets.splits import split
from factories import raw_rows, write_raw

TOLD_AT = datetime(2026, 11, 1, tzinfo=UTC)
SOURCE_ROWS = 100_000
LEVEL = 1.2


def a_sale(number: int = 0, **changes: Any) -> dict[str, Any]:
    sale = {
        "manufacturer": "toyota",
        "model": "camry le",
        "year": 2015,
        "odometer": 40_001 + 7 * number,
        "told_at": TOLD_AT + timedelta(minutes=number),
        "client": f"client{number % 50}",
        "quoted": 20_000,
        "sale_price": 19_000,
    }
    return sale | changes


def sales(count: int, **changes: Any) -> list[dict[str, Any]]:
    return [a_sale(number, **changes) for number in range(count)]


def screened(
    sold: list[dict[str, Any]], *, family_rows: int = 50_000, **options: Any
) -> tuple[pl.DataFrame, SalesReport]:
    frame = pl.DataFrame(sold, schema=COLUMNS, orient="row").with_columns(
        reference=pl.lit(20_000), family=pl.lit("toyota camry"), family_rows=pl.lit(family_rows)
    )
    return screen_sales(frame, **{"source_rows": SOURCE_ROWS, "level": LEVEL} | options)


def test_sales_get_the_price_level_of_the_source() -> None:
    kept, report = screened(sales(MIN_SALES))

    assert (report.joined, report.clients, report.left_out) == (MIN_SALES, 50, {})
    assert kept["price"].unique().to_list() == [20_000 * LEVEL]
    assert report.to_quote == pytest.approx(0.95)
    assert report.description == ", and 200 reported sales of 50 clients at 0.95 times their quotes"


def test_sales_keep_relative_prices_of_cars() -> None:
    dear = [a_sale(1_000 + number, sale_price=20_900) for number in range(50)]

    kept, _ = screened([*sales(MIN_SALES), *dear])

    assert kept.filter(pl.col("sale_price") == 20_900)["price"].unique().to_list() == [26_400]


@pytest.mark.parametrize(
    ("sold", "reason"),
    [
        (sales(MIN_SALES - 1), "too few sales"),
        (sales(MIN_SALES, client="one") + sales(9), "too few sales"),
    ],
)
def test_too_few_sales_are_left_out(sold: list[dict[str, Any]], reason: str) -> None:
    kept, report = screened(sold)

    assert (kept.height, report.joined, report.description) == (0, 0, "")
    assert reason in report.left_out


def test_one_client_contributes_at_most_its_share() -> None:
    many = [a_sale(1_000 + number, client="dealer") for number in range(100)]

    kept, report = screened([*sales(MIN_SALES), *many])

    assert kept.filter(pl.col("client") == "dealer").height == 15  # 5 % of 300
    assert report.left_out == {"too many from one client": 85}


def test_a_client_may_always_contribute_a_few() -> None:
    one = [a_sale(1_000 + number, client="seller") for number in range(MIN_PER_CLIENT)]

    kept, _ = screened([*sales(MIN_SALES), *one])

    assert kept.filter(pl.col("client") == "seller").height == MIN_PER_CLIENT


def test_unknown_clients_count_as_one() -> None:
    kept, report = screened([*sales(MIN_SALES), *(a_sale(900 + n, client=None) for n in range(100))])

    assert kept.filter(pl.col("client") == "unknown").height == 15
    assert report.left_out == {"too many from one client": 85}


def test_verified_clients_are_not_capped() -> None:
    kept, report = screened(sales(MIN_SALES, client="dealer"), verified={"dealer"})

    assert (report.joined, report.clients) == (MIN_SALES, 1)
    assert kept.height == MIN_SALES


def test_few_independent_clients_are_not_enough() -> None:
    some = [
        a_sale(number, client=f"c{number % (MIN_CLIENTS - 1)}", model=f"m{number % 9}")
        for number in range(2_000)
    ]

    kept, report = screened(some)

    assert kept.is_empty()
    assert set(report.left_out) & {"too few sales", "too few independent clients"}


def test_a_model_family_contributes_at_most_its_share() -> None:
    kept, report = screened(sales(400), family_rows=1_000)

    assert kept.height == 1_000 * MAX_FAMILY_SHARE
    assert report.left_out == {"too many of one model family": 150}


def test_all_sales_together_contribute_at_most_their_share() -> None:
    kept, report = screened(sales(400), source_rows=6_000)

    assert kept.height == 300
    assert report.left_out == {"too many sales altogether": 100}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sale_price": 200}, "price out of range"),
        ({"sale_price": 100_001}, "price out of range"),
        ({"sale_price": 61_000}, "far from its quote"),
        ({"sale_price": 6_000}, "far from its quote"),
        ({"sale_price": 26_000}, "not confirmed by other clients"),
        ({"year": None}, "make, model or year missing"),
        ({"model": None}, "make, model or year missing"),
    ],
)
def test_an_implausible_sale_is_left_out_by_reason(changes: dict[str, Any], reason: str) -> None:
    _, report = screened([*sales(MIN_SALES), a_sale(999, **changes)])

    assert report.left_out == {reason: 1}


def test_the_last_report_of_a_car_counts() -> None:
    twice = [a_sale(0), a_sale(0, sale_price=19_500, told_at=TOLD_AT + timedelta(days=1))]

    kept, report = screened([*sales(MIN_SALES)[1:], *reversed(twice)])

    assert report.left_out == {"same car reported again": 1}
    assert 19_500 in kept["sale_price"].to_list()


def test_no_sales_are_no_error() -> None:
    kept, report = screened([])

    assert (report.reported, report.to_quote, kept.height) == (0, None, 0)


def test_a_report_of_release_0_1_is_read(tmp_path: Path) -> None:
    earlier = {"format": 1, "told": 9, "joined": 0, "left_out": {}, "clients": 0, "to_quote": None}
    (tmp_path / "sales.json").write_text(json.dumps(earlier))

    report = read_artifact(SalesReport, tmp_path / "sales.json")
    write_artifact(report, tmp_path / "again.json")

    assert report.reported == 9
    assert read_artifact(SalesReport, tmp_path / "again.json") == report


@pytest.fixture
def listings(tmp_path: Path) -> Path:
    table = clean(write_raw(tmp_path / "raw.csv", raw_rows(100)), into=tmp_path).listings
    pl.read_parquet(table).with_columns(listed_price=pl.col("price")).write_parquet(table)
    return table


def test_sales_become_training_rows_only(listings: Path) -> None:
    kept, report = screened(sales(MIN_SALES))
    write_sales(kept, report, listings=listings, into=listings.parent)

    split(listings, into=listings.parent, sales=listings.parent / SALES_FILE)

    parts = {name: pl.read_parquet(listings.parent / f"{name}.parquet") for name in ("train", "test")}
    assert parts["train"].filter(pl.col("id") < 0).height == MIN_SALES
    assert parts["test"].filter(pl.col("id") < 0).is_empty()
    assert parts["train"].schema == pl.read_parquet_schema(listings)


def test_a_sold_car_of_the_test_rows_is_left_out(listings: Path) -> None:
    split(listings, into=listings.parent)
    tested = pl.read_parquet(listings.parent / "test.parquet")
    kept, report = screened(sales(MIN_SALES))
    same = kept.head(1).with_columns(car=pl.lit(tested["car"][0], tested.schema["car"]))
    write_sales(pl.concat([kept[1:], same]), report, listings=listings, into=listings.parent)

    split(listings, into=listings.parent, sales=listings.parent / SALES_FILE)

    train = pl.read_parquet(listings.parent / "train.parquet")
    assert train.filter(pl.col("id") < 0).height == MIN_SALES - 1


@pytest.mark.parametrize("first_posting", [90, 75], ids=["posted in test", "posted in validation"])
@pytest.mark.parametrize("odometers", [(55_555, 56_789), (56_789, 55_555)], ids=str)
def test_a_sold_car_is_recognized_by_each_of_its_postings(
    tmp_path: Path, first_posting: int, odometers: tuple[int, int]
) -> None:
    """Its VIN joins two postings with different odometers; a sale has no VIN, and either odometer."""
    raw = raw_rows(100)
    for row, odometer in zip((first_posting, 95), odometers, strict=True):
        raw[row] |= {"VIN": "4T1BF1FK5EU123456", "odometer": str(odometer)}
    table = clean(write_raw(tmp_path / "raw.csv", raw), into=tmp_path).listings
    pl.read_parquet(table).with_columns(listed_price=pl.col("price")).write_parquet(table)
    sold = [a_sale(MIN_SALES, year=2014, odometer=odometer) for odometer in odometers]
    kept, report = screened([*sales(MIN_SALES), *sold])
    write_sales(kept, report, listings=table, into=tmp_path)

    split(table, into=tmp_path, sales=tmp_path / SALES_FILE)

    train = pl.read_parquet(tmp_path / "train.parquet")
    assert kept.filter(pl.col("odometer").is_in(odometers)).height == 2
    assert train.filter(pl.col("odometer").is_in(odometers)).is_empty()
    assert train.filter(pl.col("id") < 0).height == MIN_SALES
