"""Two worker processes score the files of folders and buckets as this process does."""

import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import boto3
import polars as pl
import pytest
from distributed import LocalCluster
from typer.testing import CliRunner

from buckets import fake_s3, new_bucket
from carvalue.cli import app
from carvalue.files.tabular.tables import TableUnreadable
from carvalue.parallel.cluster import connect_workers
from carvalue.pipelines import DaskMissing
from carvalue.pricing import PriceModel
from carvalue.pricing.intervals import RangeCorrection
from carvalue.serving.batch import score_location
from factories import raw_rows, write_raw
from markets import a_bundle

FILES = 5


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("market"))


@pytest.fixture
def scheduler() -> Iterator[str]:
    """A cluster of the present environment, so that its workers know the keys of the bucket."""
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as local:
        yield local.scheduler_address


@pytest.fixture
def days(tmp_path: Path) -> Path:
    (tmp_path / "days").mkdir()
    for number in range(1, FILES + 1):
        write_raw(tmp_path / "days" / f"{number}.csv", raw_rows(number, model="tacoma"))
    return tmp_path / "days"


def test_two_workers_score_a_folder_as_this_process_does(
    scheduler: str, days: Path, bundle: Path, tmp_path: Path
) -> None:
    for target, on in (("here", ()), ("there", ("--on", scheduler))):
        arguments = ["score", str(days), str(tmp_path / target), "--bundle", str(bundle), *on]
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, done.output
        assert "15 of 15 rows of 5 files priced" in " ".join(done.output.split())

    for name in (f"{number}.parquet" for number in range(1, FILES + 1)):
        assert pl.read_parquet(tmp_path / "there" / name).equals(pl.read_parquet(tmp_path / "here" / name))


def test_workers_read_and_write_a_bucket_and_continue_after_a_damaged_file(days: Path, bundle: Path) -> None:
    (days / "3.parquet").write_bytes(b"no table")
    (days / "3.csv").unlink()
    with fake_s3() as address, new_bucket("fleet", address=address), closing(boto3.client("s3")) as client:
        for path in days.iterdir():
            client.upload_file(str(path), "fleet", f"in/{path.name}")
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as local:
            with pytest.raises(TableUnreadable):
                score_bucket(local.scheduler_address, bundle)
            client.upload_file(str(days / "1.csv"), "fleet", "in/3.csv")
            client.delete_object(Bucket="fleet", Key="in/3.parquet")
            lines = score_bucket(local.scheduler_address, bundle)
        found = client.list_objects_v2(Bucket="fleet", Prefix="out/")["Contents"]

    assert lines[-1].endswith("files done")
    names = {item["Key"].removeprefix("out/") for item in found}
    assert names == {"_scored.json", *(f"{number}.parquet" for number in range(1, FILES + 1))}


def score_bucket(scheduler: str, bundle: Path) -> list[str]:
    lines: list[str] = []
    with connect_workers(scheduler, shared=None) as workers:
        score_location(
            "s3://fleet/in",
            "s3://fleet/out",
            model=PriceModel.load(bundle),
            version="1",
            digest="one",
            progress=lines.append,
            workers=workers,
        )
    return lines


def test_a_pickled_model_quotes_the_same(bundle: Path) -> None:
    model = replace(PriceModel.load(bundle), correction=RangeCorrection(level=0.02, log_scale=0.1, sales=300))
    listing = {"manufacturer": "toyota", "model": "tacoma", "year": 2014, "odometer": 90_000}

    copy = pickle.loads(pickle.dumps(model))  # noqa: S301  # its own pickle

    assert copy.quote(listing) == model.quote(listing)
    assert copy.correction == model.correction


def test_a_cluster_scores_several_files_only(days: Path, tmp_path: Path) -> None:
    arguments = ["score", str(days / "1.csv"), str(tmp_path / "out.csv"), "--on", "tcp://127.0.0.1:1"]

    refused = CliRunner(env=dict(os.environ)).invoke(app, arguments)

    assert refused.exit_code == 2
    assert "several files" in refused.output


def test_without_dask_the_command_says_how_to_install_it(
    days: Path, tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "carvalue.parallel.cluster", None)
    target, cluster = str(tmp_path / "out"), "tcp://127.0.0.1:1"

    refused = CliRunner().invoke(app, ["score", str(days), target, "--bundle", str(bundle), "--on", cluster])

    assert isinstance(refused.exception, DaskMissing)
    assert "--extra dask" in refused.exception.hint
