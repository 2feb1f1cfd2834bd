"""Trees that grow on a Dask cluster are as good as those of one process, and make the same bundle."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import dask
import numpy as np
import polars as pl
import pytest
from distributed import LocalCluster

from carvalue.parallel.cluster import ClusterUnavailable, dask_workers
from carvalue.platform.processes.ports import free_port
from carvalue.pricing.additive.fitting import robust_ridge
from carvalue.pricing.bundle.model_card import Provenance
from carvalue.pricing.evaluation import score_listings, summarize_scores
from carvalue.pricing.model import PriceModel
from carvalue.pricing.training import search
from carvalue.pricing.training.backends import LocalBackend, TrainingBackend
from carvalue.pricing.training.boosting import TreeGrowth, price_growth, quantile_growths
from carvalue.pricing.training.distributed import dask_backend
from carvalue.pricing.training.distributed.dask_backend import connect_dask
from carvalue.pricing.training.encoding import (
    TrainingEncoder,
    TrainingRows,
    fit_training_encoder,
    in_memory,
)
from carvalue.pricing.training.search import SearchBudget, SearchResult, Trial
from carvalue.pricing.training.train import train_model, tune_model
from deadly_workers import DeadlyWorkers, die_in_boosting
from markets import MARKET_FACTS, a_market, market_files

DEADLY = frozenset({"design matrix", None, "calibrate ranges", "measure the model"})
"""Maps of a training; the sums of the additive model have no description."""
KEEP_RESTARTING = {"distributed.deploy.lost-worker-timeout": "1 hour"}  # else a slow restart removes a worker
TOLERANCE = 0.02  # of the mean absolute error of log price; the workers merge their histograms' bins
TUNED = SearchResult(params={"max_leaves": 15}, error=0.1, rounds=15, budget="quick", trials=1, seconds=0.1)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with (
        dask.config.set(KEEP_RESTARTING),
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as local,
    ):
        yield local.scheduler_address


def test_two_workers_train_a_model_as_good_as_one_process(scheduler: str, tmp_path: Path) -> None:
    files = market_files(tmp_path)
    with connect_dask(scheduler) as backend:
        together = trained(files, backend=backend, into=tmp_path / "cluster")
    alone = trained(files, backend=LocalBackend(), into=tmp_path / "process")

    test = pl.read_parquet(files["test"])
    scores = [summarize_scores(score_listings(model, test))["mae_log"] for model in (together, alone)]

    assert scores[0] == pytest.approx(scores[1], rel=TOLERANCE)
    assert PriceModel.load(tmp_path / "cluster").booster.num_boosted_rounds() > 1


@pytest.mark.slow  # kills a worker in each of four maps; other tests kill one in the trees and in the data
def test_workers_that_are_killed_between_the_trees_cost_their_tasks_only(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(robust_ridge, "CG_ITERATIONS", 10)  # each asks the workers
    files = market_files(tmp_path)
    with connect_dask(scheduler) as backend:
        deadly = DeadlyWorkers(backend.workers, DEADLY, tmp_path)
        model = trained(files, backend=replace(backend, workers=deadly), into=tmp_path / "cluster")

    assert set(deadly.killed) == DEADLY
    assert model.card.metrics["mdape"] < 0.15


def test_trials_run_at_the_same_time_on_workers_of_which_one_is_killed(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = SearchBudget(trials=5, rounds=20, search_s=600, learning_rate=0.3, final_slower=2)
    monkeypatch.setattr(search, "SEARCH_BUDGETS", {"quick": limits})
    files, reported = market_files(tmp_path), list[Trial]()
    with connect_dask(scheduler) as backend:
        deadly = DeadlyWorkers(backend.workers, frozenset({"try parameters"}), tmp_path)
        assert deadly.concurrency == 2
        tuned = tune_model(
            train=files["train"],
            validation=files["validation"],
            budget="quick",
            on_trial=reported.append,
            workers=deadly,
        )

    assert deadly.killed
    assert sorted(trial.number for trial in reported) == [0, 1, 2, 3, 4]
    assert len({tuple(trial.params.items()) for trial in reported}) == 5
    assert tuned.error == min(trial.error for trial in reported if not trial.pruned)


def test_trees_grow_again_when_a_worker_is_killed(scheduler: str, tmp_path: Path) -> None:
    rows, mark = market_files(tmp_path)["train"], tmp_path / "killed"
    encoder = fit_training_encoder(in_memory(pl.read_parquet(rows)))
    table = TrainingRows(tables=[partial(pl.scan_parquet, rows)])
    deadly = replace(growths(encoder)[0], loss=partial(die_in_boosting, mark))

    with connect_dask(scheduler) as backend:
        (fitted,) = backend.fit(encoder, [deadly], rows=table)

    assert mark.is_file()
    assert fitted.booster.num_boosted_rounds() == 15


def test_rows_on_disk_grow_the_trees_of_rows_in_memory(
    scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = market_files(tmp_path)["train"]
    encoder = fit_training_encoder(in_memory(pl.read_parquet(rows)))
    table = TrainingRows(tables=[partial(pl.scan_parquet, rows)])
    monkeypatch.setattr(dask_backend, "PART_ROWS", 300)  # several parts on each worker

    with connect_dask(scheduler) as backend:
        backend.client.wait_for_workers(2)  # the test before killed one
        in_core = backend.fit(encoder, growths(encoder), rows=table)
        monkeypatch.setattr(dask_backend, "DISK_ROWS", 0)
        on_disk = backend.fit(encoder, growths(encoder), rows=table)

    assert len(in_core) == 3  # the price and both quantiles
    assert [item.booster.get_dump() for item in on_disk] == [item.booster.get_dump() for item in in_core]


def test_parts_of_a_file_are_encoded_as_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    market, path = a_market(rows=500), tmp_path / "market.parquet"
    market.write_parquet(path)
    encoder = fit_training_encoder(in_memory(market))
    monkeypatch.setattr(dask_backend, "PART_ROWS", 70)
    copy = dask_backend._encoder_from_text(dask_backend._encoder_to_text(encoder))

    parts = list(dask_backend._parts([partial(pl.scan_parquet, path)], workers=2))
    files = dask_backend._write_encoded(parts, encode=copy.encode_out_of_fold, name="train", into=tmp_path)

    assert len(parts) == 8
    encoded = np.concatenate([np.load(file) for file in files])
    assert encoded[:, :-1].tobytes() == encoder.encode_out_of_fold(market).matrix.tobytes()


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_workers, "CONNECT_S", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"

    with pytest.raises(ClusterUnavailable, match=address), connect_dask(address):
        pass


def trained(files: dict[str, Path], *, backend: TrainingBackend, into: Path) -> PriceModel:
    return train_model(
        tuned=TUNED,
        train=files["train"],
        validation=files["validation"],
        provenance=Provenance(**MARKET_FACTS),
        trained_at=datetime(2021, 5, 5, tzinfo=UTC),
        into=into,
        backend=backend,
    )


def growths(encoder: TrainingEncoder) -> list[TreeGrowth]:
    price = price_growth(TUNED.params, monotone=encoder.encoder.monotone, rounds=15)
    return [price, *quantile_growths([5, 5])]
