"""A malicious or damaged upload can only crash its own subprocess."""

from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from carvalue.files.tabular.sandbox import UploadUnreadable, convert_in_sandbox
from carvalue.files.tabular.sandboxed_reader import MAX_ROWS, TooManyRows
from carvalue.listings.schema import ALIASES, FIELD_BY_NAME

CARS = pl.DataFrame({"make": ["ford", None], "year": [2015, 2016], "tags": [["a"], []]})


def test_a_table_comes_through_as_it_is(tmp_path: Path) -> None:
    CARS.write_parquet(tmp_path / "a.parquet")

    convert_in_sandbox(tmp_path / "a.parquet", into=tmp_path / "b.parquet")

    assert pl.read_parquet(tmp_path / "b.parquet").equals(CARS)


def test_listings_come_through_as_text(tmp_path: Path) -> None:
    CARS.write_parquet(tmp_path / "a.parquet")

    convert_in_sandbox(
        tmp_path / "a.parquet",
        into=tmp_path / "b.parquet",
        columns=tuple(FIELD_BY_NAME),
        aliases=ALIASES,
    )

    rows = pl.read_parquet(tmp_path / "b.parquet").to_dicts()
    assert rows == [
        {"manufacturer": "ford", "year": "2015"},
        {"manufacturer": None, "year": "2016"},
    ]


def test_a_damaged_file_ends_nothing_but_its_reader(tmp_path: Path) -> None:
    CARS.write_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()

    for place in range(0, len(content), len(content) // 6):
        damaged = content[:place] + b"\xff\x7f\xff\xff" + content[place + 4 :]
        (tmp_path / "a.parquet").write_bytes(damaged)
        with suppress(UploadUnreadable):  # or it is read: not every byte of it matters
            convert_in_sandbox(tmp_path / "a.parquet", into=tmp_path / "b.parquet")


def test_billions_of_rows_are_too_many(tmp_path: Path) -> None:
    empty = pl.select(pl.repeat(None, MAX_ROWS + 1, dtype=pl.Int64).alias("year"))
    empty.write_parquet(tmp_path / "a.parquet")

    with pytest.raises(TooManyRows):
        convert_in_sandbox(tmp_path / "a.parquet", into=tmp_path / "b.parquet")
