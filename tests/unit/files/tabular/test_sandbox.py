"""A malicious or damaged upload can only crash its own subprocess."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from carvalue.files.tabular.sandbox import ENVIRONMENT, READER, UploadUnreadable, convert_in_sandbox
from carvalue.files.tabular.sandboxed_reader import MAX_ROWS, TooManyRows
from carvalue.files.tabular.tables import CUT_MARK, KEPT_CELL_CHARACTERS, MAX_COLUMNS
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


def test_a_damaged_file_crashes_only_its_reader(tmp_path: Path) -> None:
    CARS.write_parquet(tmp_path / "a.parquet")
    content = (tmp_path / "a.parquet").read_bytes()

    for place in range(0, len(content), len(content) // 6):
        damaged = content[:place] + b"\xff\x7f\xff\xff" + content[place + 4 :]
        (tmp_path / "a.parquet").write_bytes(damaged)
        with suppress(UploadUnreadable):  # or it is read: not every byte of it matters
            convert_in_sandbox(tmp_path / "a.parquet", into=tmp_path / "b.parquet")


CHOSEN = ("manufacturer", "model", "year")
HUGE = "x" * 20_000_000  # compressed to a few bytes


def written(rows: dict[str, list[object]], path: Path) -> Path:
    frame = pl.DataFrame(rows)
    if path.suffix == ".arrow":
        frame.write_ipc_stream(path, compression="zstd")
    elif path.suffix == ".csv":
        frame.write_csv(path)
    elif path.suffix == ".ndjson":
        frame.write_ndjson(path)
    else:
        frame.write_parquet(path, compression="zstd")
    return path


def refusal(upload: Path) -> str:
    with pytest.raises(UploadUnreadable) as caught:
        convert_in_sandbox(upload, into=upload.with_name("out.parquet"), columns=CHOSEN, aliases=ALIASES)
    return caught.value.message


def peak_mb(upload: Path) -> float:
    """Convert a file and return the largest resident memory of the reader."""
    request = {"upload": upload.name, "into": "out.parquet", "columns": CHOSEN, "aliases": {}}
    code = "import os, sys, subprocess; child = subprocess.Popen(sys.argv[1:]); "
    code += "print(os.wait4(child.pid, 0)[2].ru_maxrss / 1024)"
    done = subprocess.run(
        [sys.executable, "-c", code, sys.executable, "-m", READER, json.dumps(request)],
        cwd=upload.parent,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split("}")[-1])


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
@pytest.mark.parametrize(("cells", "size"), [(60, 20_000_000), (1_500, 1_000_000)], ids=["huge", "many"])
def test_a_decompression_bomb_takes_less_than_500_mb(
    tmp_path: Path, suffix: str, cells: int, size: int
) -> None:
    bomb = written({"manufacturer": ["x" * size] * cells, "model": ["a"] * cells}, tmp_path / f"bomb{suffix}")
    assert bomb.stat().st_size < 300_000

    assert peak_mb(bomb) < 500
    with suppress(UploadUnreadable):  # or its long cells are cut
        convert_in_sandbox(bomb, into=tmp_path / "out.parquet", columns=CHOSEN)
        assert (tmp_path / "out.parquet").stat().st_size < 100_000


def test_memory_over_the_limit_is_named(tmp_path: Path) -> None:
    bomb = written({"model": [HUGE] * 60}, tmp_path / "bomb.arrow")

    assert refusal(bomb) == "The file needs more than 400 MiB of memory when it is decompressed."


@pytest.mark.parametrize("suffix", [".csv", ".arrow", ".parquet"])
def test_a_huge_cell_is_named(tmp_path: Path, suffix: str) -> None:
    file = written({"model": ["a", "x" * 2**21], "year": ["1", "2"]}, tmp_path / f"a{suffix}")

    assert "a cell of the column model has 2,097,152 bytes: expected at most 1,048,576" in refusal(file)


@pytest.mark.parametrize("suffix", [".csv", ".arrow", ".parquet", ".ndjson"])
def test_a_long_cell_rejects_only_its_row(tmp_path: Path, suffix: str) -> None:
    long = "é" * 10_000
    file = written(
        {"model": ["a", long, None], "year": ["1", " " * 9_000 + "2015", "3"]}, tmp_path / f"a{suffix}"
    )

    convert_in_sandbox(file, into=tmp_path / "out.parquet", columns=CHOSEN, aliases=ALIASES)

    rows = pl.read_parquet(tmp_path / "out.parquet")
    assert rows["model"].to_list() == ["a", "é" * KEPT_CELL_CHARACTERS + CUT_MARK, None]
    assert (rows["year"][1] or "").endswith(CUT_MARK)  # never a blank, which means "not known"


@pytest.mark.parametrize("suffix", [".csv", ".arrow", ".parquet"])
def test_too_many_columns_are_named(tmp_path: Path, suffix: str) -> None:
    rows: dict[str, list[object]] = {f"c{number}": ["1"] for number in range(MAX_COLUMNS)}

    message = refusal(written({**rows, "model": ["a"]}, tmp_path / f"a{suffix}"))
    assert "has 5,001 columns: expected at most 5,000" in message


@pytest.mark.parametrize("suffix", [".arrow", ".parquet"])
@pytest.mark.parametrize(
    "value", [["a"], {"b": 1}, [[[["a"]]]], b"bytes"], ids=["list", "object", "deep", "bytes"]
)
def test_nested_and_binary_columns_are_named(tmp_path: Path, suffix: str, value: object) -> None:
    message = refusal(written({"model": [value], "year": ["1"]}, tmp_path / f"a{suffix}"))

    assert "the column model has the type" in message
    assert "expected texts or numbers" in message


def test_deeply_nested_types_crash_only_the_reader(tmp_path: Path) -> None:
    kind: pl.DataType = pl.String()
    for _ in range(60):
        kind = pl.List(kind)
    pl.DataFrame({"model": [None], "year": ["1"]}, schema={"model": kind, "year": pl.String}).write_parquet(
        tmp_path / "a.parquet"
    )

    assert refusal(tmp_path / "a.parquet")


def test_billions_of_rows_are_too_many(tmp_path: Path) -> None:
    empty = pl.select(pl.repeat(None, MAX_ROWS + 1, dtype=pl.Int64).alias("year"))
    empty.write_parquet(tmp_path / "a.parquet")

    with pytest.raises(TooManyRows):
        convert_in_sandbox(tmp_path / "a.parquet", into=tmp_path / "b.parquet")
