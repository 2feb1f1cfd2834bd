"""Preparing the data (raw CSV to rejects and three splits as Parquet) against the same steps in pandas.

Each side runs in processes of its own, in turns; a process's whole life counts, imports included. The table
is printed only if both sides wrote the same rows.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import polars as pl
from benchmarks.results import RESULTS, save

from carvalue.listings.datasets.periods import SPLITS
from carvalue.listings.synthetic.writer import write_sample

HERE = Path(__file__).parent
SCRIPTS = HERE / "data_preparation"
COMMAND = "make bench"
SIDES = {
    "carvalue": ("in_carvalue.py",),
    "pandas": ("in_pandas.py", "whole"),
    "pandas, usecols": ("in_pandas.py", "chosen"),
}
OURS = "carvalue"


@dataclass(frozen=True)
class Run:
    """What one process took: wall seconds, CPU seconds, peak resident memory."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    """Measure, compare, print and write."""
    options = _options()
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        raw = options.raw or Path(scratch) / "vehicles.csv"
        if not options.raw:
            write_sample(raw, rows=options.rows, description_bytes=options.description_bytes)
        runs = _alternate(raw, Path(scratch), rounds=options.rounds)
        _assert_equal(Path(scratch))
    medians = {side: _median(side_runs) for side, side_runs in runs.items()}
    size = {"rows": options.rows, "description_bytes": options.description_bytes, "rounds": options.rounds}
    print(_table(medians))
    values = size | {side: asdict(run) for side, run in medians.items()}
    save("data_preparation", values, command=COMMAND, model="none", folder=options.results)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=426_880)
    parser.add_argument("--description-bytes", type=int, default=2_700)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--raw", type=Path, help="a raw CSV to use instead of a generated one")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the results file")
    parser.add_argument("--scratch", help="a folder with room for about twice the CSV")
    return parser.parse_args()


def _alternate(raw: Path, scratch: Path, *, rounds: int) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {side: [] for side in SIDES}
    for _ in range(rounds):
        for side in SIDES:
            runs[side].append(_measure(side, raw, scratch / side))
    return runs


def _measure(side: str, raw: Path, into: Path) -> Run:
    script, *reading = SIDES[side]
    work = [sys.executable, SCRIPTS / script, raw, into, *reading]
    done = subprocess.run([sys.executable, SCRIPTS / "measure.py", *work], check=True, stdout=subprocess.PIPE)
    return Run(**json.loads(done.stdout))


def _assert_equal(scratch: Path) -> None:
    ours, *others = (scratch / side for side in SIDES)
    for name in ("rejects", *SPLITS):
        expected = pl.read_parquet(ours / f"{name}.parquet").select(pl.exclude("value"))
        for other in others:
            found = pl.read_parquet(other / f"{name}.parquet").select(expected.columns)
            if not _comparable(found, expected.schema).equals(_comparable(expected, expected.schema)):
                raise SystemExit(f"{other / name} holds other rows than {ours / name}")


def _comparable(table: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """Name each car by its first listing, as the two sides are free in the choice of keys."""
    if "car" in table.columns:
        table = table.with_columns(car=pl.col("id").first().over("car"))
    return table.cast({name: kind for name, kind in schema.items() if name != "car"}).sort(
        "id", *table.columns[1:3]
    )


def _median(runs: list[Run]) -> Run:
    return Run(
        *(round(median(getattr(run, name) for run in runs), 2) for name in ("wall_s", "cpu_s", "peak_mb"))
    )


def _table(medians: dict[str, Run]) -> str:
    ours = medians[OURS]
    lines = ["| | wall s | x | CPU s | x | peak MB | x |", "|---|---|---|---|---|---|---|"]
    for side, run in medians.items():
        pairs = ((run.wall_s, ours.wall_s), (run.cpu_s, ours.cpu_s), (run.peak_mb, ours.peak_mb))
        lines.append(f"| {side} | " + " | ".join(f"{its:.1f} | {its / our:.1f}" for its, our in pairs) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
