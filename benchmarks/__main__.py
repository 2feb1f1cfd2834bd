"""Measure everything that the documentation shows: `python -m benchmarks LISTINGS FOLDER` (about two hours).

Trains one model on LISTINGS (the file that Kaggle serves) with its state in FOLDER, and runs each benchmark
with it, so that all results files name the same commit and model; those of another commit are listed at the
end. Commit changes first. The benchmark of PostgreSQL runs only with --postgresql, and that of Celery only
with --redis as well.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.results import RESULTS, current_commit, measured_elsewhere

Command = tuple[object, ...]
"""A module and its arguments."""


def main() -> None:
    """Run every benchmark; report the failed ones at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listings", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--budget", default="default", choices=("quick", "default", "thorough"))
    parser.add_argument("--postgresql", help="URL of an empty database")
    parser.add_argument("--redis", help="URL of a broker")
    parser.add_argument("--only", nargs="*", help="names of results files")
    options = parser.parse_args()
    if current_commit().endswith("-dirty"):
        sys.exit("There are uncommitted changes. Commit them first: results name the commit of the program.")
    folder = options.folder.resolve()
    environment = {
        "DATA_SOURCE": str(options.listings.resolve()),
        "STATE_DIR": str(folder),
        "TRAINING_BUDGET": options.budget,
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "PYTHONPATH": str(Path("tests").resolve()),  # throw-away servers
    }
    failed, names = [], []
    for name, commands in benchmarks(
        folder, source=options.listings, postgresql=options.postgresql, redis=options.redis
    ):
        names.append(name)
        if options.only and name not in options.only:
            continue
        if not run(name, commands, environment=environment, log=folder / "logs" / f"{name}.log"):
            failed.append(name)
            if name == "model":
                break
    for name, commit in measured_elsewhere(names, commit=current_commit()).items():
        print(f"{name}.json is of another commit: {commit}")
    if failed:
        sys.exit(f"These failed: {', '.join(failed)}. Their logs are in {folder / 'logs'}.")


def benchmarks(
    folder: Path, *, source: Path, postgresql: str | None, redis: str | None
) -> Iterator[tuple[str, Sequence[Command]]]:
    """Yield the name of each results file and the commands that write it; the first trains the model."""
    work = folder / "storage" / "work"
    yield "model", [("carvalue", "run", "creates_datasets_dag"), ("carvalue", "run", "initial_model_dag")]
    bundle, listings = work / "initial_model_dag" / "bundle", work / "creates_datasets_dag" / "clean"
    dataset = folder / "storage" / "datasets" / (work / "initial_model_dag" / "dataset").read_text().strip()
    yield "data", [("benchmarks.data", listings.parent)]
    yield "accuracy", [("benchmarks.accuracy", bundle.parent)]
    yield "rolling_origin", [("benchmarks.rolling_origin", listings / "listings.parquet", 3)]
    evaluated = bundle.parent / "evaluation" / "model"
    yield "adaptive_ranges", [("benchmarks.adaptive_ranges", evaluated, dataset / "test.parquet")]
    yield "intervals", [("benchmarks.intervals", dataset, evaluated)]
    yield "one_quote", [("benchmarks.one_quote", bundle)]
    yield "tree_engines", [("benchmarks.tree_engines", bundle)]
    yield "scoring", [("benchmarks.scoring", bundle, dataset / "test.parquet")]
    yield "serving", [("benchmarks.serving", bundle)]
    yield "journal_cost", [("benchmarks.journal_cost", bundle)]
    yield "outbox_append", [("benchmarks.outbox_append", folder)]
    yield "workers", [("benchmarks.serving.workers", bundle)]
    yield "memory", [("benchmarks.serving.memory", bundle)]
    yield "hostile_clients", [("benchmarks.serving.hostile_clients", bundle)]
    yield "load", [("benchmarks.load", bundle, "--seconds", "120")]
    yield "batch", [("benchmarks.batch", bundle, "--rows", "200000")]
    yield "data_preparation", [("benchmarks.bench_data_preparation",)]
    yield "daily_files", [("benchmarks.daily_files", source)]
    yield "ablation", [("benchmarks.ablation", dataset, "4")]
    yield "trials", [("benchmarks.trials", listings / "listings.parquet", 2)]
    yield "comparison", [("benchmarks.comparison", dataset, "--every", "4")]
    yield "cluster", [("benchmarks.cluster", source, folder / "cluster", "--alone")]
    simulator = ("benchmarks.poisoning", listings / "listings.parquet", folder / "poisoning")
    yield "poisoning", [(*simulator, "--rows", "30000")]
    if postgresql:
        yield "scale", [("benchmarks.scale", bundle, postgresql)]
        yield "sustained", [("benchmarks.sustained", folder, postgresql)]
        yield "capacity", [("benchmarks.capacity",)]
        if redis:
            yield "celery_workers", [("benchmarks.celery_workers", postgresql, redis)]


def run(name: str, commands: Sequence[Command], *, environment: Mapping[str, str], log: Path) -> bool:
    """Run commands with their output in a log file; print the duration.

    Args:
        name: The name of the results file.
        commands: Modules with their arguments.
        environment: Settings in addition to this process's.
        log: The log file.

    Returns:
        Whether all commands succeeded.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    print(f"{name} ...", end=" ", flush=True)
    start = time.monotonic()
    with log.open("wb") as file:
        succeeded = all(
            subprocess.run(
                [sys.executable, "-m", *map(str, command)],
                env=os.environ | environment,
                stdout=file,
                stderr=file,
                check=False,
            ).returncode
            == 0
            for command in commands
        )
    print(f"{'done' if succeeded else 'FAILED'} in {time.monotonic() - start:.0f} s", flush=True)
    return succeeded


if __name__ == "__main__":
    print(f"results are written to {RESULTS}")
    main()
