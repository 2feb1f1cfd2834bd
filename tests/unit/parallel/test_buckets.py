"""A shuffle brings all rows with equal keys into one bucket, once each, also if its tasks run twice."""

from functools import partial
from pathlib import Path

import polars as pl
import pytest

from carvalue.parallel import InProcess, Table, shuffle, table_of
from carvalue.parallel.buckets import _distribute

CARS = ([5, 1, 2, 3], [3, 4, 5], [])


def tables() -> list[Table]:
    return [
        partial(pl.LazyFrame, {"car": cars, "part": [part] * len(cars)}, {"car": pl.UInt64, "part": pl.Int64})
        for part, cars in enumerate(CARS)
    ]


@pytest.mark.parametrize("partitions", [1, 2, 7])
def test_rows_with_equal_keys_meet_in_one_bucket(tmp_path: Path, partitions: int) -> None:
    buckets = shuffle(tables(), by="car", workers=InProcess(partitions), into=tmp_path / "by-car")
    rows = [bucket().collect() for bucket in buckets]

    assert len(buckets) == partitions
    assert sorted(pl.concat(rows)["car"]) == sorted(car for cars in CARS for car in cars)
    assert sum(bucket["car"].n_unique() for bucket in rows) == 5


@pytest.mark.parametrize("partitions", [1, 2])
def test_a_bucket_has_its_rows_in_the_order_of_the_tables(tmp_path: Path, partitions: int) -> None:
    buckets = shuffle(tables(), by="car", workers=InProcess(partitions), into=tmp_path / "by-car", buckets=2)

    assert buckets[1]().collect().rows() == [(5, 0), (1, 0), (3, 0), (3, 1), (5, 1)]


def test_one_partition_writes_nothing(tmp_path: Path) -> None:
    shuffle(tables(), by="car", workers=InProcess(), into=tmp_path / "by-car")

    assert list(tmp_path.iterdir()) == []


def test_a_task_that_runs_twice_leaves_one_result(tmp_path: Path) -> None:
    task = partial(_distribute, (0, tables()[0]), by="car", buckets=2, into=tmp_path)

    assert task() == task()
    assert [path.name for path in tmp_path.iterdir()] == ["00000"]
    assert table_of([tmp_path / "00000" / "00001.parquet"])().collect()["car"].to_list() == [5, 1, 3]
