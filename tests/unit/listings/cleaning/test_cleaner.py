"""Raw rows become listings or are rejected with a reason; no content of a file crashes the cleaner."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from carvalue.files.artifacts import read_artifact
from carvalue.listings.cleaning.cleaner import CleaningReport, NoCleanListings, clean
from carvalue.listings.cleaning.parsing import RawUnreadable
from carvalue.listings.cleaning.rules import describe_car
from carvalue.listings.cleaning.tables import COLUMNS
from carvalue.listings.schema import FIELDS, RAW_COLUMNS
from factories import a_raw_row, raw_rows, write_raw

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def cleaned(folder: Path, *rows: dict[str, str]) -> CleaningReport:
    return clean(write_raw(folder / "vehicles.csv", rows), into=folder / "clean", now=NOW)


def listing(folder: Path, **columns: object) -> dict[str, object]:
    report = cleaned(folder, a_raw_row(**columns))
    return pl.read_parquet(report.listings).row(0, named=True)


def reasons(folder: Path, **columns: object) -> dict[str, int]:
    anchor = a_raw_row(id=1, odometer=5_555)
    return dict(cleaned(folder, anchor, a_raw_row(**columns)).rejected)


def test_a_valid_row_becomes_a_listing_with_the_schemas_categories(tmp_path: Path) -> None:
    found = listing(tmp_path, manufacturer=" Toyota ", model="Camry   LE", type="suv", price="15995.40")

    assert found["posted_at"] == datetime(2021, 4, 28, 21, 50, 33, tzinfo=UTC)
    assert (found["id"], found["price"], found["year"], found["odometer"]) == (7301583321, 15995, 2014, 81234)
    assert (found["manufacturer"], found["model"], found["type"]) == ("toyota", "camry le", "SUV")
    assert (found["lat"], found["long"]) == (pytest.approx(30.26), pytest.approx(-97.74))


def test_the_clean_table_has_these_types(tmp_path: Path) -> None:
    report = cleaned(tmp_path, a_raw_row())

    schema = dict(pl.read_parquet_schema(report.listings))

    numbers = {
        "id": pl.Int64(), "car": pl.UInt64(), "posted_at": pl.Datetime("us", "UTC"), "price": pl.Int32(),
        "year": pl.Int16(), "odometer": pl.Int32(), "lat": pl.Float32(), "long": pl.Float32(),
    }  # fmt: skip
    assert tuple(schema) == COLUMNS
    assert schema == {name: numbers.get(name, pl.String()) for name in COLUMNS}


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"id": ""}, "id missing"),
        ({"posting_date": ""}, "posting date unreadable"),
        ({"posting_date": "yesterday"}, "posting date unreadable"),
        ({"posting_date": "2021-13-45T99:00:00-0500"}, "posting date unreadable"),
        ({"posting_date": "1970-01-01T00:00:00+0000"}, "posting date impossible"),
        ({"posting_date": "9999-01-01T00:00:00+0000"}, "posting date impossible"),
        ({"price": ""}, "price missing"),
        ({"price": "  "}, "price missing"),
        ({"price": "call me"}, "price unreadable"),
        ({"price": "nan"}, "price unreadable"),
        ({"price": "inf"}, "price unreadable"),
        ({"price": "0"}, "price out of range"),
        ({"price": "999"}, "price out of range"),
        ({"price": "-5000"}, "price out of range"),
        ({"price": "3736928711"}, "price out of range"),
        ({"year": ""}, "year missing"),
        ({"year": "abc"}, "year unreadable"),
        ({"year": "2012.5"}, "year unreadable"),
        ({"year": "1984"}, "year out of range"),
        ({"year": "1e300"}, "year unreadable"),
        ({"year": "2023"}, "year newer than the posting"),
        ({"odometer": "9e9"}, "odometer unreadable"),
        ({"odometer": "-1"}, "odometer out of range"),
        ({"odometer": "low"}, "odometer unreadable"),
    ],
)
def test_a_row_that_breaks_a_rule_is_rejected_with_its_reason(
    tmp_path: Path, columns: dict[str, str], reason: str
) -> None:
    assert reasons(tmp_path, **columns) == {reason: 1}


def test_ids_may_be_any_text(tmp_path: Path) -> None:
    rows = [a_raw_row(id=f"AB-{number}", odometer=40_001 + number) for number in range(3)]

    report = cleaned(tmp_path, *rows, a_raw_row(id="AB-0", odometer=70_001))

    ids = pl.read_parquet(report.listings)["id"]
    assert ids.n_unique() == len(ids) == 3
    assert ids.min() >= 0
    assert report.rejected == {"id came before": 1}


@pytest.mark.parametrize(
    "columns",
    [{"odometer": ""}, {"odometer": "0"}, {"odometer": "400000"}, {"price": "1000"}, {"price": "100000"},
     {"year": "1985"}, {"year": "2022"}, {"manufacturer": ""}, {"model": ""}, {"region": ""}],
)  # fmt: skip
def test_values_on_a_limit_and_unknown_values_are_kept(tmp_path: Path, columns: dict[str, str]) -> None:
    assert reasons(tmp_path, **columns) == {}


def test_rejected_rows_have_their_number_reason_and_text(tmp_path: Path) -> None:
    report = cleaned(tmp_path, a_raw_row(id=1), a_raw_row(id=2, price="call me", odometer="1e9"))

    rejects = pl.read_parquet(report.rejects)

    assert rejects.select("id", "reason", "value").rows() == [(2, "price unreadable", "call me")]


def test_an_unknown_category_becomes_missing_and_is_counted(tmp_path: Path) -> None:
    report = cleaned(tmp_path, a_raw_row(fuel="plutonium", lat="north", state="zz"))

    row = pl.read_parquet(report.listings).row(0, named=True)
    assert (row["fuel"], row["lat"], row["state"]) == (None, None, None)
    assert report.repaired == {
        "fuel not in the vocabulary": 1, "state not in the vocabulary": 1, "lat not a place": 1,
    }  # fmt: skip


def test_control_characters_are_spaces() -> None:
    raw = {f"raw.{field.name}": None for field in FIELDS} | {"raw.model": "f-150\0\x07 xlt\x00"}

    car = pl.DataFrame([raw], schema=dict.fromkeys(raw, pl.String)).select(describe_car())

    assert car["model"].item() == "f-150 xlt"


def test_the_same_id_twice_counts_once_and_the_earliest_stays(tmp_path: Path) -> None:
    late = a_raw_row(id=5, price=2000, posting_date="2021-04-20T00:00:00+0000")
    early = a_raw_row(id=5, price=3000, posting_date="2021-04-10T00:00:00+0000")

    report = cleaned(tmp_path, late, early)

    assert report.rejected == {"id came before": 1}
    assert pl.read_parquet(report.listings)["price"].to_list() == [3000]


def test_the_same_advertisement_again_is_rejected(tmp_path: Path) -> None:
    again = a_raw_row(id=8, posting_date="2021-04-29T00:00:00+0000", lat="30.5")

    report = cleaned(tmp_path, again, a_raw_row(id=7))

    assert report.rejected == {"same advertisement came before": 1}
    assert pl.read_parquet(report.listings)["id"].to_list() == [7]


def test_the_same_car_elsewhere_or_at_another_price_is_kept_under_one_key(tmp_path: Path) -> None:
    report = cleaned(
        tmp_path, a_raw_row(id=1), a_raw_row(id=2, region="dallas"), a_raw_row(id=3, price=14_995)
    )

    assert (report.kept, report.cars) == (3, 1)


def test_every_row_is_accounted_for(tmp_path: Path) -> None:
    rows = [*raw_rows(20), *raw_rows(5), *raw_rows(3, price="0")]

    report = cleaned(tmp_path, *rows)

    assert report.read == 28
    assert report.kept + sum(report.rejected.values()) == report.read
    assert pl.read_parquet(report.rejects).height == sum(report.rejected.values())


def test_the_report_can_be_read_by_the_next_step(tmp_path: Path) -> None:
    report = cleaned(tmp_path, *raw_rows(3), a_raw_row(price=0))

    assert read_artifact(CleaningReport, tmp_path / "clean" / "cleaning.json") == report
    assert json.loads((tmp_path / "clean" / "cleaning.json").read_text())["kept"] == 3


def test_columns_are_found_by_name_and_some_may_be_absent(tmp_path: Path) -> None:
    columns = [
        name for name in reversed(RAW_COLUMNS) if name not in {"lat", "long", "VIN", "description", "url"}
    ]
    raw = write_raw(tmp_path / "vehicles.csv", raw_rows(3), columns=columns)

    report = clean(raw, into=tmp_path / "clean", now=NOW)

    assert report.kept == 3
    assert pl.read_parquet(report.listings)["lat"].null_count() == 3


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    columns = [name for name in RAW_COLUMNS if name not in {"price", "fuel"}]
    raw = write_raw(tmp_path / "vehicles.csv", raw_rows(3), columns=columns)

    with pytest.raises(RawUnreadable, match="lacks price, fuel"):
        clean(raw, into=tmp_path / "clean")


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe\x00", b"PK\x03\x04 not a csv"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    raw = tmp_path / "vehicles.csv"
    raw.write_bytes(content)

    with pytest.raises(RawUnreadable):
        clean(raw, into=tmp_path / "clean")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RawUnreadable):
        clean(tmp_path / "nowhere.csv", into=tmp_path / "clean")


def test_a_header_without_rows_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NoCleanListings, match="None of 0 rows"):
        cleaned(tmp_path)


def test_a_failed_run_leaves_no_report_and_no_staged_rows(tmp_path: Path) -> None:
    cleaned(tmp_path, a_raw_row())

    with pytest.raises(NoCleanListings):
        cleaned(tmp_path, a_raw_row(price=0))

    left = {path.name for path in (tmp_path / "clean").iterdir()}
    assert left.isdisjoint({"cleaning.json", "staged.parquet"})


def test_no_valid_row_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    with pytest.raises(NoCleanListings, match=r"price out of range.* /.*/rejects\.parquet has the reason"):
        cleaned(tmp_path, a_raw_row(price=0))
