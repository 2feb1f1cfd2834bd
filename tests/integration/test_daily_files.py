"""Datasets from daily files: the whole pipeline from a folder and a bucket, and a run that is killed."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import boto3
import polars as pl
import pytest

from buckets import fake_s3, new_bucket
from carvalue.listings.datasets import SPLITS, DatasetStore
from carvalue.pipelines import CREATES_DATASETS, run_pipeline
from carvalue.settings import Settings
from daily_files import daily_rows, final_rows, write_days

READ = "file of listings read"
DIE_AT_THE_THIRD_FILE = f"""
import logging, os, signal, sys
from pathlib import Path
from carvalue.listings.sources import KaggleRequest, fetch_listings

class Deadly(logging.Handler):
    def emit(self, record):
        if record.getMessage() == "{READ}" and record.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)

logging.getLogger("carvalue").addHandler(Deadly())
logging.getLogger("carvalue").setLevel(logging.INFO)
kaggle = KaggleRequest(dataset="no/one")
fetch_listings(source=sys.argv[1], into=Path(sys.argv[2]), kaggle=kaggle, sample=None)
"""


@pytest.fixture
def days(tmp_path: Path) -> Path:
    write_days(daily_rows(final_rows(tmp_path)), tmp_path / "days")
    return tmp_path / "days"


@pytest.fixture
def bucket(days: Path) -> Iterator[str]:
    with fake_s3() as address, new_bucket("cars", address=address), closing(boto3.client("s3")) as client:
        for path in days.iterdir():
            client.upload_file(str(path), "cars", f"listings/{path.name}")
        yield "s3://cars/listings"


def dataset(source: Path | str, state: Path, **settings: str) -> dict[str, pl.DataFrame]:
    """Create datasets; return the splits."""
    found = Settings(state_dir=state, data_source=str(source), **settings)
    run_pipeline(CREATES_DATASETS, found, report=lambda _: None)
    store = DatasetStore(found.storage_root / "datasets")
    return {name: pl.read_parquet(store.path(name)) for name in SPLITS}


def files_read(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [vars(record)["file"] for record in caplog.records if record.message == READ]
    caplog.clear()
    return found


def test_a_folder_gives_the_datasets_of_the_final_file(days: Path, tmp_path: Path) -> None:
    final_rows(tmp_path).write_csv(tmp_path / "vehicles.csv")

    daily = dataset(days, tmp_path / "daily")
    single = dataset(tmp_path / "vehicles.csv", tmp_path / "single")

    manifests = [
        DatasetStore(tmp_path / name / "storage" / "datasets").manifest() for name in ("daily", "single")
    ]
    assert all(daily[name].equals(single[name]) for name in SPLITS)
    assert manifests[0].fingerprint == manifests[1].fingerprint
    assert manifests[0].source_kind == "file"
    assert manifests[0].source_description == "5 files of days, 2026-05-01.parquet to 2026-05-05.parquet"


def test_only_new_objects_of_a_bucket_are_read_also_with_working_files_in_a_bucket(
    bucket: str, days: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    storage = {"storage_url": "s3://cars/storage"}
    first, all_files = dataset(bucket, tmp_path / "state", **storage), files_read(caplog)
    with closing(boto3.client("s3")) as client:
        client.upload_file(str(days / "2026-05-01.parquet"), "cars", "listings/2026-05-06.parquet")
    second, new_files = dataset(bucket, tmp_path / "another", **storage), files_read(caplog)

    assert all_files == sorted(path.name for path in days.iterdir())
    assert new_files == ["2026-05-06.parquet"]
    assert sum(part.height for part in second.values()) != sum(part.height for part in first.values())


def test_a_run_that_is_killed_is_continued(
    days: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    work = tmp_path / "state" / "storage" / "work" / CREATES_DATASETS.name
    before = dataset(days, tmp_path / "state")
    files_read(caplog)
    for path in days.iterdir():
        os.utime(path, (1, 1))

    program = [sys.executable, "-c", DIE_AT_THE_THIRD_FILE, days, work / "raw"]
    died = subprocess.run(program, check=False, capture_output=True)
    settings = Settings(state_dir=tmp_path / "state", data_source=str(days))
    run_pipeline(CREATES_DATASETS, settings, start="clean", report=lambda _: None)
    after_kill = files_read(caplog)
    again = dataset(days, tmp_path / "state")

    assert died.returncode == -signal.SIGKILL
    assert after_kill == []
    assert files_read(caplog) == ["2026-05-04.parquet", "2026-05-05.parquet"]
    assert all(again[name].equals(before[name]) for name in SPLITS)
