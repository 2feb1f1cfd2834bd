"""Daily files are read once, corrected by later ones, and refused by name if they are broken."""

import gzip
import json
import logging
import os
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from carvalue.errors import AppError
from carvalue.files.locations import FileChanged, FilesMissing, PathUnreadable
from carvalue.listings.cleaning import clean
from carvalue.listings.sources import ColumnMapping, KaggleRequest, RawListings, SampleRequest, fetch_listings
from carvalue.listings.sources.column_mapping import MappingInvalid, read_column_mapping
from carvalue.listings.sources.partitions import drop_unused_partitions
from carvalue.listings.sources.partitions.reading import FileBroken, write_partition
from carvalue.listings.sources.raw import ColumnsChanged, NotUtf8
from daily_files import DAYS, daily_rows, final_rows, write_days

NOW = datetime(2026, 6, 1, tzinfo=UTC)
READ = "file of listings read"
CAR = {
    "id": 1,
    "posting_date": "2021-04-20T09:30:00-0500",
    "price": 9_000,
    "manufacturer": "kia",
    "model": "rio",
    "year": 2012,
}


def fetched(source: Path | str, into: Path, *, mapping: ColumnMapping | None = None) -> RawListings:
    return fetch_listings(
        source=str(source),
        into=into,
        kaggle=KaggleRequest(dataset="nobody/nothing"),
        sample=SampleRequest(),
        mapping=mapping,
    )


def listings(raw: RawListings, into: Path) -> pl.DataFrame:
    return pl.read_parquet(clean(raw.files, into=into, now=NOW).listings).sort("id")


def a_row(**cells: object) -> pl.DataFrame:
    """Return one row with all columns that a file must have."""
    rest = ("odometer", "condition", "cylinders", "fuel", "title_status", "transmission", "drive", "type")
    other = dict.fromkeys((*rest, "paint_color", "state", "region"), None)
    return pl.DataFrame([{**CAR, **other, **cells}])


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return final_rows(tmp_path_factory.mktemp("final"))


@pytest.fixture(scope="module")
def expected(final: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    folder = tmp_path_factory.mktemp("expected")
    final.write_csv(folder / "vehicles.csv")
    return listings(fetched(folder / "vehicles.csv", folder / "raw"), folder / "clean")


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".csv.gz", ".ndjson"])
def test_corrected_deleted_and_late_rows_give_the_listings_of_the_final_file(
    tmp_path: Path, final: pl.DataFrame, expected: pl.DataFrame, suffix: str
) -> None:
    days = daily_rows(final)
    if suffix.startswith(".csv"):  # every file of a kind has its columns, even if only one deletes
        days = [rows if "deleted" in rows.columns else rows.with_columns(deleted=None) for rows in days]
    write_days(days, tmp_path / "days", suffix=suffix)

    report = clean(fetched(tmp_path / "days", tmp_path / "raw").files, into=tmp_path / "clean", now=NOW)

    assert_frame_equal(pl.read_parquet(report.listings).sort("id"), expected)
    assert report.read == sum(rows.height for rows in days)
    assert report.rejected["corrected in a later file"] == 60 + 2 * 5  # of these 5 a version and its deletion
    assert report.rejected["deleted by its source"] == 2 * 40
    assert report.kept + sum(report.rejected.values()) == report.read


def test_files_of_several_formats_in_folders_are_one_source(
    tmp_path: Path, final: pl.DataFrame, expected: pl.DataFrame
) -> None:
    days = daily_rows(final)
    for number, suffix in enumerate((".parquet", ".csv", ".ndjson", ".parquet", ".csv.gz")):
        write_days([days[number]], tmp_path / "days" / f"day={number}", suffix=suffix)

    assert_frame_equal(listings(fetched(tmp_path / "days", tmp_path / "raw"), tmp_path / "clean"), expected)


def test_only_new_and_changed_files_are_read_again(
    tmp_path: Path, final: pl.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    days = daily_rows(final)
    paths = write_days(days[:-1], tmp_path / "days")

    def read() -> list[str]:
        caplog.clear()
        raw = fetched(tmp_path / "days", tmp_path / "raw")
        drop_unused_partitions(raw)
        assert len(list(raw.path.glob("*.parquet"))) == len(raw.partitions)
        fingerprints.append(raw.fingerprint)
        return [vars(record)["file"] for record in caplog.records if record.message == READ]

    fingerprints: list[str] = []
    first, again = read(), read()
    write_days(days, tmp_path / "new")[-1].rename(tmp_path / "days" / "2026-05-05.parquet")
    added = read()
    days[1].head(9).write_parquet(paths[1])
    changed = read()
    paths[2].unlink()
    gone = read()

    assert first == [path.name for path in paths]
    assert (again, added, changed, gone) == ([], ["2026-05-05.parquet"], ["2026-05-02.parquet"], [])
    assert fingerprints[0] == fingerprints[1]
    assert len(set(fingerprints)) == 4


def test_another_way_to_name_the_same_files_reads_none_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    paths = write_days([a_row(), a_row(id=2)], tmp_path / "days")
    os.utime(paths[1], ns=(1, paths[0].stat().st_mtime_ns))  # of one size and time

    fetched(tmp_path / "days", tmp_path / "raw")
    raw = fetched(tmp_path / "days" / "2026-*.parquet", tmp_path / "raw")

    assert sum(record.message == READ for record in caplog.records) == 2
    assert len(set(raw.partitions)) == 2


def test_a_run_that_is_stopped_keeps_the_files_of_the_last_one_and_what_it_has_read(
    tmp_path: Path, final: pl.DataFrame, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    days = daily_rows(final)
    paths = write_days(days[:1], tmp_path / "days")
    before = fetched(tmp_path / "days", tmp_path / "raw")
    rows = listings(before, tmp_path / "clean")
    days[0].head(500).write_parquet(paths[0])
    write_days(days[1:], tmp_path / "new")
    for path in (tmp_path / "new").iterdir():
        path.rename(tmp_path / "days" / f"later-{path.name}")

    def stops(path: Path, *, name: str, **rest: object) -> int:
        if name.endswith("03.parquet"):
            raise KeyboardInterrupt
        return write_partition(path, name=name, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr("carvalue.listings.sources.partitions.cache.write_partition", stops)
    with pytest.raises(KeyboardInterrupt):
        fetched(tmp_path / "days", tmp_path / "raw")
    monkeypatch.undo()

    assert_frame_equal(listings(before, tmp_path / "clean"), rows)
    caplog.clear()
    fetched(tmp_path / "days", tmp_path / "raw")
    read = [vars(record)["file"] for record in caplog.records if record.message == READ]
    assert read == ["later-2026-05-03.parquet", "later-2026-05-04.parquet"]
    assert not [path for path in (tmp_path / "raw").rglob("*") if "tmp" in path.name]


def test_progress_is_logged_by_file(
    tmp_path: Path, final: pl.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write_days(daily_rows(final), tmp_path / "days")

    fetched(tmp_path / "days", tmp_path / "raw")

    found, *read = [vars(record) for record in caplog.records if "listings" in record.message]
    assert (found["files"], found["new"]) == (DAYS, DAYS)
    assert [(record["number"], record["of"]) for record in read] == [(n, DAYS) for n in range(1, DAYS + 1)]


def test_a_correction_counts_even_if_its_row_is_invalid(tmp_path: Path) -> None:
    days = [pl.concat([a_row(), a_row(id=2, price=8_000)]), a_row(price=0)]
    write_days(days, tmp_path / "days")

    report = clean(fetched(tmp_path / "days", tmp_path / "raw").files, into=tmp_path / "clean", now=NOW)

    assert pl.read_parquet(report.listings)["id"].to_list() == [2]
    assert report.rejected == {"corrected in a later file": 1, "price out of range": 1}


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_day_of_one_invalid_correction_and_a_day_without_rows_do_not_stop_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    days = [pl.concat([a_row(), a_row(id=2, price=8_000)]), a_row(price=None), a_row().clear()]
    write_days(days, tmp_path / "days", suffix=suffix)

    report = clean(fetched(tmp_path / "days", tmp_path / "raw").files, into=tmp_path / "clean", now=NOW)

    assert pl.read_parquet(report.listings)["id"].to_list() == [2]
    assert (report.read, report.rejected["corrected in a later file"]) == (3, 1)
    (empty,) = [vars(record) for record in caplog.records if record.message.endswith("has no rows")]
    assert empty["file"] == f"2026-05-03{suffix}"


def test_a_deleted_listing_may_come_back(tmp_path: Path) -> None:
    gone = pl.DataFrame({"id": [1], "deleted": [True]})
    write_days([a_row(), gone, a_row(price=7_000)], tmp_path / "days")

    assert listings(fetched(tmp_path / "days", tmp_path / "raw"), tmp_path / "clean")["price"].to_list() == [
        7_000
    ]


def test_a_mark_of_deletion_counts_in_one_csv_too(tmp_path: Path) -> None:
    rows = pl.concat([a_row(), a_row(id=2, price=8_000)]).with_columns(deleted=pl.Series(["", "yes"]))
    unread = dict.fromkeys(
        ("url", "region_url", "VIN", "size", "image_url", "description", "county", "lat", "long")
    )
    rows.with_columns(**unread).write_csv(tmp_path / "vehicles.csv")

    raw = fetched(tmp_path / "vehicles.csv", tmp_path / "raw")

    assert raw.path == tmp_path / "vehicles.csv"
    assert listings(raw, tmp_path / "clean")["id"].to_list() == [1]


def test_values_with_types_are_read_as_their_texts(tmp_path: Path) -> None:
    moment = pl.Series([datetime(2021, 4, 20, 9, 30, tzinfo=UTC)]).dt.convert_time_zone("America/Chicago")
    kinds = {
        "a": a_row(id=1.0, price=9_000.5, year=2012.0, posting_date=moment[0]),
        "b": a_row(id=2, price=8_000, odometer=float("nan"), posting_date=date(2021, 4, 21)),
        "c": a_row(id=3, price=7_000, posting_date=datetime(2021, 4, 22, 1)),  # noqa: DTZ001
    }
    (tmp_path / "days").mkdir()
    for name, rows in kinds.items():
        rows.write_parquet(tmp_path / "days" / f"{name}.parquet")

    rows = listings(fetched(tmp_path / "days", tmp_path / "raw"), tmp_path / "clean")

    assert rows["id"].to_list() == [1, 2, 3]
    assert rows["price"].to_list() == [9_000, 8_000, 7_000]
    assert rows["posted_at"].to_list() == [
        datetime(2021, 4, 20, 9, 30, tzinfo=UTC),
        datetime(2021, 4, 21, tzinfo=UTC),
        datetime(2021, 4, 22, 1, tzinfo=UTC),
    ]
    assert rows["odometer"].null_count() == 3


def a_mapping(**more: object) -> ColumnMapping:
    columns = {"price": "preis", "posting_date": "datum", "manufacturer": "marke", "model": "modell"}
    columns |= {"year": "baujahr", "odometer": "km"}
    return ColumnMapping.model_validate(
        {
            "name": "autos",
            "columns": columns,
            "date_format": "%d.%m.%Y",
            "decimal": ",",
            "units": {"price": 1.1},
        }
        | more
    )


def a_german_row(**cells: object) -> dict[str, object]:
    return {
        "preis": 10_000.5,
        "datum": "03.01.2024",
        "marke": "vw",
        "modell": "golf",
        "baujahr": 2016,
        "km": 98_123,
    } | cells


def test_a_mapping_is_applied_to_each_file(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    texts = a_german_row(preis="20.000,00", km=98_124)
    pl.DataFrame([texts]).write_csv(tmp_path / "days" / "a.csv")
    pl.DataFrame([a_german_row(datum=date(2024, 1, 4))]).write_parquet(tmp_path / "days" / "b.parquet")

    raw = fetched(tmp_path / "days", tmp_path / "raw", mapping=a_mapping())

    rows = listings(raw, tmp_path / "clean").sort("price")
    assert rows["price"].to_list() == [11_001, 22_000]
    assert rows["posted_at"].dt.day().to_list() == [4, 3]
    assert raw.description == "autos: 2 files of days, a.csv to b.parquet"
    assert rows["id"].n_unique() == 2  # by file and line


@pytest.mark.parametrize("suffix", [".ndjson", ".parquet"])
def test_numbers_with_a_type_are_read_with_a_decimal_comma(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "days").mkdir()
    path = tmp_path / "days" / f"1{suffix}"
    if suffix == ".ndjson":  # a number, and texts as the source writes them
        rows = [a_german_row(preis=10_000.567), a_german_row(preis="20.000,50", km="61.235")]
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        rows = [a_german_row(preis=Decimal("10000.567")), a_german_row(preis=Decimal("20000.500"), km=61_235)]
        pl.DataFrame(rows).write_parquet(path)

    cars = listings(fetched(tmp_path / "days", tmp_path / "raw", mapping=a_mapping()), tmp_path / "clean")

    assert cars.sort("price").select("price", "odometer").rows() == [(11_001, 98_123), (22_001, 61_235)]


def test_a_mapping_says_how_deletions_are_marked(tmp_path: Path) -> None:
    columns = dict(a_mapping().columns) | {"id": "nr"}
    mapping = a_mapping(columns=columns, deleted={"column": "status", "values": ["Verkauft"]})
    days = [
        pl.DataFrame([a_german_row(nr="x1", status="neu"), a_german_row(nr="x2", km=1_234, status=None)]),
        pl.DataFrame([{"nr": "x1", "status": "verkauft"}]),
    ]
    write_days(days, tmp_path / "days")

    rows = listings(fetched(tmp_path / "days", tmp_path / "raw", mapping=mapping), tmp_path / "clean")

    assert rows["odometer"].to_list() == [1_234]


def test_a_mark_of_deletion_needs_an_id(tmp_path: Path) -> None:
    columns = "\n".join(f'{name} = "{column}"' for name, column in a_mapping().columns.items())
    (tmp_path / "autos.toml").write_text(f'name = "a"\n[columns]\n{columns}\n[deleted]\ncolumn = "status"')

    with pytest.raises(MappingInvalid, match=r"deleted: .*expected the column of the id in"):
        read_column_mapping(tmp_path / "autos.toml")


def broken_parquet(path: Path) -> None:
    a_row().write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("name", "write", "error", "message"),
    [
        ("2.parquet", broken_parquet, FileBroken, "2.parquet cannot be read: "),
        (
            "2.parquet",
            lambda p: a_row(model=["rio"]).write_parquet(p),
            FileBroken,
            "2.parquet: the column 'model' has the type List",
        ),
        (
            "2.parquet",
            lambda p: a_row().drop("year", "fuel").write_parquet(p),
            ColumnsChanged,
            "2.parquet lacks 'year', 'fuel': found id,",
        ),
        ("2.ndjson", lambda p: p.write_text("\n"), AppError, "2.ndjson"),
        ("2.csv", lambda p: a_row().drop("price").write_csv(p), ColumnsChanged, "2.csv lacks 'price'"),
        (
            "2.csv",
            lambda p: p.write_bytes(b"id,price\n1,\xff\n"),
            NotUtf8,
            "2.csv is not UTF-8: byte 11 (line 2) is 0xff",
        ),
        ("2.csv", Path.touch, FileBroken, "2.csv cannot be read: empty"),
        (
            "2.csv.gz",
            lambda p: p.write_bytes(gzip.compress(b"")),
            FileBroken,
            "2.csv.gz cannot be read: empty",
        ),
        ("2.csv.gz", lambda p: p.write_bytes(gzip.compress(b"x" * 99)[:-9]), AppError, "2.csv.gz"),
        (
            "2.ndjson",
            lambda p: p.write_text('{"id": 1}\n\n{"id": 2\n'),
            FileBroken,
            "2.ndjson cannot be read (line 3): ",
        ),
        (
            "2.ndjson",
            lambda p: p.write_text('{"id": 1, "price": 5}\n'),
            ColumnsChanged,
            "2.ndjson has no row with 'posting_date' and 'manufacturer'",
        ),
        ("2.zip", lambda p: p.write_bytes(b"PK"), AppError, "cannot be unpacked"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(
    tmp_path: Path, name: str, write: object, error: type[AppError], message: str
) -> None:
    days = tmp_path / "days"
    days.mkdir()
    a_row().write_parquet(days / "1.parquet")
    write(days / name)  # type: ignore[operator]

    with pytest.raises(error) as raised:
        fetched(days, tmp_path / "raw")

    assert message in str(raised.value)
    assert raised.value.hint
    assert len(list((tmp_path / "raw" / "partitions").iterdir())) == 1


def test_a_zip_in_a_folder_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "days").mkdir()
    with zipfile.ZipFile(tmp_path / "days" / "1.zip", "w") as archive:
        archive.writestr("cars.csv", a_row().write_csv())

    assert listings(fetched(tmp_path / "days", tmp_path / "raw"), tmp_path / "clean")["id"].to_list() == [1]
    assert [path.name for path in (tmp_path / "raw").iterdir()] == ["partitions"]


def test_what_a_killed_run_left_is_deleted(tmp_path: Path) -> None:
    write_days([a_row()], tmp_path / "days")
    fetched(tmp_path / "days", tmp_path / "raw").path.joinpath(".1.parquet.tmp").touch()

    raw = fetched(tmp_path / "days", tmp_path / "raw")
    drop_unused_partitions(raw)

    assert list(raw.path.iterdir()) == list(raw.partitions)


def test_a_folder_without_listings_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "days").mkdir()
    (tmp_path / "days" / "notes.txt").touch()

    with pytest.raises(FilesMissing, match=r"days has no file that ends in .csv, .zip"):
        fetched(tmp_path / "days", tmp_path / "raw")
    with pytest.raises(FilesMissing, match=r"2026-\*.parquet has no file"):
        fetched(tmp_path / "days" / "2026-*.parquet", tmp_path / "raw")
    with pytest.raises(PathUnreadable, match=r"gone.parquet cannot be read: No such file"):
        fetched(tmp_path / "gone.parquet", tmp_path / "raw")
    assert "files of other formats are left out" in caplog.messages


def test_a_file_that_is_written_while_it_is_read_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "days").mkdir()
    path = tmp_path / "days" / "1.parquet"
    a_row().write_parquet(path)

    def read(*args: object, **rest: object) -> int:
        os.utime(path, (1, 1))
        return write_partition(*args, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr("carvalue.listings.sources.partitions.cache.write_partition", read)
    with pytest.raises(FileChanged, match=r"1.parquet changed while it was read"):
        fetched(tmp_path / "days", tmp_path / "raw")

    assert not list((tmp_path / "raw" / "partitions").iterdir())
