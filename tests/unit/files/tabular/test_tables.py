"""Tables are read in order in the format of their suffix, and written atomically."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from carvalue.files.archives import ZipUnusable
from carvalue.files.tabular.tables import TableUnreadable, WrongSuffix, open_table, write_table
from carvalue.listings.schema import ALIASES

ROWS = [("2012", "a"), (None, 'b, "c"\nd'), ("x", "é")]
SCHEMA = pl.Schema({"number": pl.Int64(), "words": pl.List(pl.String())})


def rows_in(path: Path) -> list[tuple[object, ...]]:
    table = open_table(path, columns=("year", "model", "paint"), scratch=path.parent)
    return [row for batch in table.batches(rows=2) for row in batch.rows()]


@pytest.fixture
def frame() -> pl.DataFrame:
    return pl.DataFrame(ROWS, schema={"year": pl.String, "model": pl.String}, orient="row").with_columns(
        extra=1
    )


def test_a_csv_a_zip_and_a_parquet_give_the_same_rows(frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.write_csv(tmp_path / "a [1]*.csv")
    frame.write_parquet(tmp_path / "a.PARQUET")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a [1]*.csv", "folder/cars.csv")

    read = [rows_in(tmp_path / name) for name in ("a [1]*.csv", "a.zip", "a.PARQUET")]

    assert read == [ROWS] * 3


def test_numbers_of_a_parquet_become_text_and_nan_is_missing(tmp_path: Path) -> None:
    pl.DataFrame({"year": [2012.0, float("nan"), None], "model": [1, 2, None]}).write_parquet(
        tmp_path / "a.parquet"
    )

    assert rows_in(tmp_path / "a.parquet") == [("2012.0", "1"), (None, "2"), (None, None)]


def test_arrow_and_lines_of_json_give_the_same_rows(frame: pl.DataFrame, tmp_path: Path) -> None:
    frame.write_ipc_stream(tmp_path / "a.arrow")
    frame.write_ndjson(tmp_path / "a.ndjson")

    lines = open_table(tmp_path / "a.ndjson", columns=("year", "model"), scratch=tmp_path)

    assert rows_in(tmp_path / "a.arrow") == ROWS
    assert [row for batch in lines.batches(rows=2) for row in batch.rows()] == [(*row, None) for row in ROWS]


def test_make_is_an_alias_of_manufacturer(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("make,year\nkia,2012\n")
    (tmp_path / "b.csv").write_text("make,manufacturer\nkia,kia\n")

    table = open_table(
        tmp_path / "a.csv", columns=("manufacturer", "year"), scratch=tmp_path, aliases=ALIASES
    )

    assert next(table.batches(rows=2)).to_dicts() == [{"manufacturer": "kia", "year": "2012"}]
    with pytest.raises(TableUnreadable, match="make and manufacturer: expected one of them"):
        open_table(tmp_path / "b.csv", columns=("manufacturer",), scratch=tmp_path, aliases=ALIASES)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"Year;Model\n2012;a\n", "none of the columns year, model, paint: found 'Year;Model'"),
        ("a.parquet", b"year,model\n2012,a\n", "Parquet"),
        ("none.csv", None, "No such file"),
        ("folder.csv", None, "Is a directory"),
    ],
)
def test_a_file_that_cannot_be_opened_is_explained(
    tmp_path: Path, name: str, content: bytes | None, complaint: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    if content is not None:
        (tmp_path / name).write_bytes(content)

    with pytest.raises(TableUnreadable, match=complaint):
        rows_in(tmp_path / name)


def test_a_csv_truncated_within_quotes_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'year,model\n2012,a\n2013,"b\n2014,c\n')

    with pytest.raises(TableUnreadable, match="cannot be read to its end"):
        rows_in(tmp_path / "a.csv")


def test_a_list_column_in_a_parquet_file_is_an_error(tmp_path: Path) -> None:
    pl.DataFrame({"year": [[2012]]}).write_parquet(tmp_path / "a.parquet")

    with pytest.raises(
        TableUnreadable, match=r"the column year has the type List\(Int64\): expected texts or numbers"
    ):
        rows_in(tmp_path / "a.parquet")


def test_a_zip_without_a_csv_is_refused(tmp_path: Path) -> None:
    zipfile.ZipFile(tmp_path / "a.zip", "w").close()

    with pytest.raises(ZipUnusable):
        rows_in(tmp_path / "a.zip")


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongSuffix, match=r"ends in .csv, .zip, .parquet, .ndjson, .*or .jsonl.gz"):
        rows_in(tmp_path / "a.xlsx")


def test_batches_are_written_in_order_as_csv_and_parquet(tmp_path: Path) -> None:
    batches = [
        pl.DataFrame({"number": [place, None], "words": [["x", "y"], []]}, schema=SCHEMA)
        for place in range(12)
    ]
    for name in ("a.csv", "a.parquet"):
        (tmp_path / f"{name}.scratch").mkdir()
        write_table(batches, schema=SCHEMA, into=tmp_path / name, scratch=tmp_path / f"{name}.scratch")

    assert pl.read_parquet(tmp_path / "a.parquet").equals(pl.concat(batches))
    expected = [line for place in range(12) for line in (f"{place},x; y", ",")]
    assert (tmp_path / "a.csv").read_text().splitlines() == ["number,words", *expected]


def test_a_failure_leaves_the_earlier_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("earlier")

    with pytest.raises(TableUnreadable):
        write_table(_broken(), schema=SCHEMA, into=tmp_path / "a.csv", scratch=_scratch(tmp_path))

    assert (tmp_path / "a.csv").read_text() == "earlier"


def _broken() -> Iterator[pl.DataFrame]:
    yield pl.DataFrame({"number": [1], "words": [["x"]]}, schema=SCHEMA)
    raise TableUnreadable("The input is damaged.")


def _scratch(folder: Path) -> Path:
    (folder / "scratch").mkdir()
    return folder / "scratch"
