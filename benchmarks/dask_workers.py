"""Measure training on Dask workers: `python -m benchmarks.dask_workers DATASET` (extra `dask`).

DATASET is a folder that `creates_datasets_dag` wrote. Each worker, and the process without a cluster, has one
thread. Only the trees are trained on the cluster.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before XGBoost is imported, and inherited by the workers

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import xgboost as xgb
from benchmarks.results import save
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


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """The rows to train on, and the encoder of their features."""

    dataset: Path
    encoder: TrainingEncoder

    def measure(
        self,
        name: str,
        backend: TrainingBackend,
        *,
        cpu_seconds: Callable[[], float],
        peak_mb: Callable[[], float],
    ) -> dict[str, str | float]:
        """Train the trees once.

        Args:
            name: The name of the row.
            backend: Where the trees are trained.
            cpu_seconds: Reads the CPU seconds of all processes.
            peak_mb: Reads the peak memory of the largest process.

        Returns:
            One row of the table.
        """
        start, cpu = time.perf_counter(), cpu_seconds()
        booster = backend.refit(
            self.encoder, rows=(self.dataset / "train.parquet",), params=PARAMS, rounds=ROUNDS
        )
        row: dict[str, str | float] = {
            "trained on": name,
            "s": round(time.perf_counter() - start, 1),
            "CPU s": round(cpu_seconds() - cpu, 1),
            "MB of the largest process": round(peak_mb()),
            "mean error of the log price": round(self._error(booster), 4),
        }
        print(row, flush=True)
        return row

    def _error(self, booster: xgb.Booster) -> float:
        rows = self.encoder.encode_unseen(pl.read_parquet(self.dataset / "test.parquet"))
        predicted = booster.inplace_predict(
            rows.matrix[:, : booster.num_features()], base_margin=rows.base_margin
        )
        return float(np.abs(predicted - rows.log_price).mean())


def main() -> None:
    """Measure one process and both clusters, and write `results/dask_workers.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    dataset = parser.parse_args().dataset
    rows = pl.read_parquet(dataset / "train.parquet")
    newest = int(rows["year"].cast(pl.Int64).max() or 0)  # type: ignore[arg-type]
    job = TrainingJob(dataset=dataset, encoder=fit_training_encoder(rows, newest_year=newest))
    table = [
        job.measure("one process", LocalBackend(), cpu_seconds=time.process_time, peak_mb=_peak_memory_mb)
    ]
    for count in WORKERS:
        with (
            LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
            connect_dask(cluster.scheduler_address) as backend,
        ):
            table.append(_measure_cluster(job, backend, count=count))
    values = {"rows": rows.height, "rounds": ROUNDS, "training": table}
    command = "python -m benchmarks.dask_workers DATASET"
    save("dask_workers", values, command=command, model="none")


def _measure_cluster(job: TrainingJob, backend: DaskBackend, *, count: int) -> dict[str, str | float]:
    def on_workers(read: Callable[[], float]) -> list[float]:
        return list(backend.client.run(read).values())

    return job.measure(
        f"{count} Dask worker{'s' * (count > 1)}",
        backend,
        cpu_seconds=lambda: sum(on_workers(time.process_time)),
        peak_mb=lambda: max(on_workers(_peak_memory_mb)),
    )


def _peak_memory_mb() -> float:
    """Read the peak memory of this program; `getrusage` would include the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    main()
