"""Measure the gain of a second Dask worker: `python -m benchmarks.dask_workers DATASET` (extra `dask`).

DATASET is a folder of listings as `creates_datasets_dag` leaves it. Set OMP_NUM_THREADS=1: then each worker,
and the one process without a cluster, has one thread. The trees are those of the model that goes out.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import xgboost as xgb
from distributed import LocalCluster

from carvalue.pricing.training.backends import LocalBackend, TrainingBackend
from carvalue.pricing.training.cross_fitting import TrainingEncoder, fit_training_encoder
from carvalue.pricing.training.distributed.dask_backend import DaskBackend, connect_dask

WORKERS, ROUNDS = (1, 2), 20
PARAMS: Mapping[str, float] = {
    "eta": 0.15,
    "max_leaves": 200,
    "min_child_weight": 20,
    "subsample": 0.8,
    "colsample_bynode": 0.5,
    "reg_lambda": 0.2,
}
HEAD = "| where | s | CPU s | MB of the largest process | mean error of the log price on the test |"


@dataclass(frozen=True, kw_only=True)
class Work:
    """The training data and the validation rows."""

    dataset: Path
    encoder: TrainingEncoder

    def row(
        self, backend: TrainingBackend, *, cpu_s: Callable[[], float], memory_mb: Callable[[], float]
    ) -> str:
        """Train the trees once and return all figures."""
        began, took = time.perf_counter(), cpu_s()
        booster = backend.refit(
            self.encoder, rows=(self.dataset / "train.parquet",), params=PARAMS, rounds=ROUNDS
        )
        seconds, took = time.perf_counter() - began, cpu_s() - took
        return f"{seconds:.1f} | {took:.1f} | {memory_mb():.0f} | {self._error(booster):.4f}"

    def _error(self, booster: xgb.Booster) -> float:
        rows = self.encoder.encode_unseen(pl.read_parquet(self.dataset / "test.parquet"))
        found = booster.inplace_predict(
            rows.matrix[:, : booster.num_features()], base_margin=rows.base_margin
        )
        return float(np.abs(found - rows.log_price).mean())


def main() -> None:
    """Print the table."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("dataset", type=Path)
    dataset = given.parse_args().dataset
    rows = pl.read_parquet(dataset / "train.parquet")
    newest = rows["year"].cast(pl.Int64).to_list()
    work = Work(dataset=dataset, encoder=fit_training_encoder(rows, newest_year=max(newest)))
    print(f"{len(rows):,} rows, {ROUNDS} rounds\n\n{HEAD}\n|{'---|' * 5}")
    alone = work.row(LocalBackend(), cpu_s=time.process_time, memory_mb=_memory_mb)
    print(f"| one process | {alone} |", flush=True)
    for count in WORKERS:
        with (
            LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
            connect_dask(cluster.scheduler_address) as backend,
        ):
            print(f"| {count} Dask workers | {_on_cluster(work, backend)} |", flush=True)


def _on_cluster(work: Work, backend: DaskBackend) -> str:
    def of_workers(ask: Callable[[], float]) -> list[float]:
        return list(backend.client.run(ask).values())

    return work.row(
        backend,
        cpu_s=lambda: sum(of_workers(time.process_time)),
        memory_mb=lambda: max(of_workers(_memory_mb)),
    )


def _memory_mb() -> float:
    """Read this process's peak memory; `getrusage` would include that of its parent."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main()
