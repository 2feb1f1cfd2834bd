"""Two worker processes clean and split listings as this process does, also if workers are killed."""

from collections.abc import Iterator
from pathlib import Path

import dask
import polars as pl
import pytest
from distributed import LocalCluster

from carvalue.listings.cleaning import clean
from carvalue.listings.cleaning.parsing import RawUnreadable
from carvalue.listings.datasets.periods import SPLITS
from carvalue.listings.datasets.store import DatasetStore
from carvalue.parallel import IN_PROCESS, parts_of
from carvalue.parallel.cluster import FolderNotShared, connect_workers
from carvalue.pipelines import CREATES_DATASETS, run_pipeline
from carvalue.settings import Settings
from daily_files import daily_rows, final_rows, write_days
from deadly_workers import DeadlyWorkers
from parted_market import NOW, Prepared, assert_equal, parted_market, prepare

DEADLY = frozenset({"parse", "shuffle by-id", "compare contents", "write splits"})
KEEP_RESTARTING = {"distributed.deploy.lost-worker-timeout": "1 hour"}  # else a slow restart removes a worker


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with (
        dask.config.set(KEEP_RESTARTING),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as local,
    ):
        yield local.scheduler_address


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return parted_market(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def whole(raw: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(raw, into=tmp_path_factory.mktemp("whole"), workers=IN_PROCESS)


def test_two_workers_prepare_the_same_listings(
    scheduler: str, raw: tuple[Path, ...], whole: Prepared, tmp_path: Path
) -> None:
    with connect_workers(scheduler, shared=tmp_path) as workers:
        assert_equal(prepare(raw, into=tmp_path, workers=workers), whole)

    assert len(parts_of(tmp_path / "splits" / "train.parquet")) > 1


def test_killed_workers_cost_their_tasks_only(
    scheduler: str, raw: tuple[Path, ...], whole: Prepared, tmp_path: Path
) -> None:
    with connect_workers(scheduler, shared=tmp_path) as workers:
        deadly = DeadlyWorkers(workers, DEADLY, tmp_path)
        assert_equal(prepare(raw, into=tmp_path, workers=deadly), whole)

    assert set(deadly.killed) == DEADLY


def test_an_expected_error_of_a_task_is_raised_and_the_task_not_repeated(
    scheduler: str, raw: tuple[Path, ...], tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.parquet"
    damaged.write_text("no Parquet")

    with (
        connect_workers(scheduler, shared=tmp_path) as workers,
        pytest.raises(RawUnreadable, match=str(damaged)),
    ):
        clean([*raw, damaged], into=tmp_path / "clean", now=NOW, workers=workers)


def test_a_folder_that_workers_do_not_see_is_refused(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carvalue.parallel.cluster.dask_workers._is_file", never)

    with pytest.raises(FolderNotShared, match=str(tmp_path)), connect_workers(scheduler, shared=tmp_path):
        pass


def test_the_pipeline_creates_datasets_on_the_cluster(scheduler: str, tmp_path: Path) -> None:
    write_days(daily_rows(final_rows(tmp_path)), tmp_path / "days")
    datasets = {}
    for cluster in (scheduler, ""):
        settings = Settings(
            state_dir=tmp_path / f"var{len(cluster)}",
            data_source=str(tmp_path / "days"),
            training_cluster=cluster,
        )
        run_pipeline(CREATES_DATASETS, settings, report=lambda _: None)
        datasets[cluster] = DatasetStore(settings.storage_root / "datasets").current()

    on_cluster, here = datasets[scheduler], datasets[""]
    assert on_cluster.manifest().fingerprint == here.manifest().fingerprint
    assert on_cluster.path("train").is_dir()
    for name in SPLITS:
        assert pl.read_parquet(on_cluster.path(name)).equals(pl.read_parquet(here.path(name)))


def never(_: str) -> bool:
    return False
