"""Measure the pipeline on Dask workers: `python -m benchmarks.cluster LISTINGS FOLDER --rows N`.

LISTINGS is a raw CSV file, also zipped. Its rows are repeated with other ids, texts, prices, odometers and
VINs until there are N, in files of FOLDER. Then one process, or two workers of one thread each and `MEMORY`
bytes, prepare the listings, train and refit a model. Peaks of memory are those of each step; the scheduler
is in the process of the step.
"""

import argparse
import os

os.environ["OMP_NUM_THREADS"] = "1"  # before XGBoost is imported, and inherited by the workers

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

import numpy as np
import polars as pl
from benchmarks.results import save
from distributed import LocalCluster

from carvalue.files import unpack
from carvalue.listings.cleaning import clean
from carvalue.listings.datasets import split
from carvalue.listings.schema import RAW_COLUMNS
from carvalue.monitoring.drift import publish_reference
from carvalue.pricing import PriceModel
from carvalue.pricing.bundle import Provenance
from carvalue.pricing.evaluation import score_listings, summarize_scores
from carvalue.pricing.training import LocalBackend, SearchResult, TrainingBackend, refit_model, train_model
from carvalue.pricing.training.distributed.dask_backend import connect_dask

MEMORY = 4 * 2**30  # bytes of each worker
FILE_ROWS = 250_000
TEXT = 60  # characters that are kept of a description
TUNED = SearchResult(
    params={
        "max_leaves": 200,
        "min_child_weight": 20,
        "subsample": 0.8,
        "colsample_bynode": 0.5,
        "reg_lambda": 0.2,
    },
    error=0.1,
    rounds=50,
    budget="quick",
    trials=1,
    seconds=0.1,
)


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The steps from raw files to a refitted model, and what they took."""

    folder: Path
    raw: Sequence[Path]
    backend: TrainingBackend
    on_processes: Callable[[Callable[[], float]], list[float]]
    """Calls a function in this process and in each worker."""
    steps: list[dict[str, str | float]] = field(default_factory=list)

    def run(self) -> None:
        """Run all steps."""
        shutil.rmtree(self.folder, ignore_errors=True)
        clean_folder, splits = self.folder / "clean", self.folder / "splits"
        workers, table = self.backend.workers, lambda name: splits / f"{name}.parquet"
        with self._measured("clean"):
            clean(self.raw, into=clean_folder, workers=workers)
        with self._measured("split"):
            split(clean_folder / "listings.parquet", into=splits, workers=workers)
        with self._measured("reference of drift"):
            root = self.folder / "reference"
            publish_reference(table("train"), fingerprint="scale", root=root, workers=workers)
        with self._measured("train"):
            evaluated = train_model(
                tuned=TUNED,
                train=table("train"),
                validation=table("validation"),
                provenance=Provenance(
                    data_source="file",
                    source_description="repeated listings",
                    dataset_fingerprint="scale",
                    git_commit="unknown",
                ),
                trained_at=datetime.now(UTC),
                into=self.folder / "evaluated",
                backend=self.backend,
            )
        with self._measured("refit"):
            refit_model(
                evaluated=evaluated,
                train=table("train"),
                validation=table("validation"),
                test=table("test"),
                reposts=table("reposts"),
                into=self.folder / "bundle",
                backend=self.backend,
            )

    def error(self) -> float:
        """Measure the evaluated model on the test rows; mean error of the log price."""
        rows = pl.scan_parquet(self.folder / "splits" / "test.parquet").head(200_000).collect()
        return summarize_scores(score_listings(PriceModel.load(self.folder / "evaluated"), rows))["mae_log"]

    @contextmanager
    def _measured(self, name: str) -> Iterator[None]:
        self.on_processes(forget_peak)
        start, cpu = time.perf_counter(), self.on_processes(time.process_time)
        yield
        seconds = time.perf_counter() - start
        spent = [
            after - before for after, before in zip(self.on_processes(time.process_time), cpu, strict=True)
        ]
        step, *workers = self.on_processes(peak_mb)
        self.steps.append(
            {
                "step": name,
                "s": round(seconds),
                "CPU s": round(sum(spent)),
                "CPU s of the step": round(spent[0]),
                "MB of the step": round(step),
                "MB of the largest worker": round(max(workers)) if workers else "",
            }
        )
        print(self.steps[-1], flush=True)


def main() -> None:
    """Run the pipeline and write `results/cluster.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listings", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000])
    parser.add_argument("--alone", action="store_true", help="measure one process as well")
    options = parser.parse_args()
    steps: list[dict[str, str | float]] = []
    errors: list[dict[str, str | float]] = []
    for rows in options.rows:
        raw = write_listings(options.listings, rows=rows, into=options.folder / f"raw-{rows}")
        names = ["two workers", *["one process"] * options.alone]
        for name in names:
            facts = {"listings": f"{rows:,}", "on": name}
            pipeline = measure(name, raw=raw, folder=options.folder / "pipeline")
            steps += [facts | step for step in pipeline.steps]
            errors.append({**facts, "mean error of the log price": round(pipeline.error(), 4)})
            print(errors[-1], flush=True)
    command = f"python -m benchmarks.cluster LISTINGS FOLDER --rows {' '.join(map(str, options.rows))}"
    save(
        "cluster",
        {"steps": steps, "errors": errors},
        command=command + " --alone" * options.alone,
        model=f"{TUNED.rounds} rounds",
    )


def measure(name: str, *, raw: Sequence[Path], folder: Path) -> Pipeline:
    """Run the pipeline in one process or on two workers."""
    with opened(name) as (backend, on_processes):
        pipeline = Pipeline(folder=folder, raw=raw, backend=backend, on_processes=on_processes)
        pipeline.run()
    return pipeline


@contextmanager
def opened(name: str) -> Iterator[tuple[TrainingBackend, Callable[[Callable[[], float]], list[float]]]]:
    """Open this process or two workers."""
    if name == "one process":
        yield LocalBackend(), lambda read: [read()]
        return
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit=MEMORY, dashboard_address="127.0.0.1:0"
        ) as cluster,
        connect_dask(cluster.scheduler_address) as backend,
    ):
        yield backend, lambda read: [read(), *backend.client.run(read).values()]


def write_listings(source: Path, *, rows: int, into: Path) -> list[Path]:
    """Write files with copies of the listings of a CSV file, each a little different."""
    into.mkdir(parents=True, exist_ok=True)
    csv = unpack(source, into=into / "listings.csv") if source.suffix == ".zip" else source
    table = pl.scan_csv(csv, infer_schema=False)
    columns = [name for name in table.collect_schema().names() if name in RAW_COLUMNS]
    listings = table.select(columns).with_columns(pl.col("description").str.slice(0, TEXT)).collect()
    paths = []
    for number in range(ceil(rows / FILE_ROWS)):
        path = into / f"{number:05}.parquet"
        some = min(FILE_ROWS, rows - number * FILE_ROWS)
        if not path.exists():
            copied(listings, start=number * FILE_ROWS, rows=some).write_parquet(path)
        paths.append(path)
    return paths


def copied(listings: pl.DataFrame, *, start: int, rows: int) -> pl.DataFrame:
    """Copy consecutive rows, beginning again after the last one; the copies of a round have other values."""
    index = np.arange(start, start + rows)
    copy, random = index // listings.height, np.random.default_rng(start)
    factor = np.where(copy > 0, np.exp(random.normal(0, 0.08, rows)), 1.0)

    def moved(name: str) -> pl.Expr:
        value = pl.col(name).cast(pl.Float64, strict=False)
        return (value * pl.Series(factor)).round().cast(pl.Int64).cast(pl.String).alias(name)

    of_copy, number = pl.Series("copy", copy), pl.col("copy").cast(pl.String).str.zfill(4)
    return (
        listings[index % listings.height]
        .with_columns(of_copy)
        .with_columns(
            pl.format("{}{}", "id", number).alias("id"),
            pl.format("{} {}", "description", "copy").alias("description"),
            moved("price"),
            moved("odometer"),
            # of another car: the serial number at the end differs
            pl.when(pl.col("copy") == 0)
            .then("VIN")
            .otherwise(pl.format("{}{}", pl.col("VIN").str.slice(0, 13), number))
            .alias("VIN"),
        )
        .drop("copy")
    )


def forget_peak() -> float:
    """Let the peak memory of this program start again (`man 5 proc`, clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")
    return 0.0


def peak_mb() -> float:
    """Read the peak memory of this program in MB; `getrusage` would include the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


if __name__ == "__main__":
    main()
