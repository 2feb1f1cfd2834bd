"""Preparing the data from daily Parquet files against one CSV with the same rows, in processes of their own.

The file is split by the day of posting. The first run reads all days but the last, the second one the new
day as well, the third one finds nothing new. The splits of the second run must be those of the CSV.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import polars as pl
from benchmarks.results import RESULTS, save

from carvalue.files import unpack
from carvalue.listings.datasets import SPLITS

SCRIPTS = Path(__file__).parent / "data_preparation"
COMMAND = "python -m benchmarks.daily_files LISTINGS"
RUNS = ("one CSV", "all days but the last", "one new day", "nothing new")
UNITS = ("wall_s", "cpu_s", "peak_mb")


def main() -> None:
    """Measure, compare and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listings", type=Path, help="a zip or CSV with the raw columns")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder of the results file")
    parser.add_argument("--scratch", help="a folder for temporary files")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        scratch = Path(folder)
        raw = scratch / "vehicles.csv"
        if options.listings.suffix == ".zip":
            unpack(options.listings, into=raw)
        else:
            shutil.copyfile(options.listings, raw)
        days = _write_days(raw, scratch / "days")
        rounds = [_round(raw, days, scratch / str(number)) for number in range(options.rounds)]
        rows = pl.scan_csv(raw, infer_schema=False).select(pl.len()).collect().item()
    table = [
        {"run": run} | {unit: round(median(found[run][unit] for found in rounds), 2) for unit in UNITS}
        for run in RUNS
    ]
    for line in table:
        print(line)
    values = {"rows": rows, "days": len(days), "rounds": options.rounds, "runs": table}
    save("daily_files", values, command=COMMAND, model="none", folder=options.results)


def _write_days(raw: Path, into: Path) -> list[Path]:
    into.mkdir()
    rows = pl.read_csv(raw, infer_schema=False).with_columns(day=pl.col("posting_date").str.slice(0, 10))
    paths = []
    for (day,), part in sorted(rows.partition_by("day", as_dict=True, include_key=False).items()):
        paths.append(into / f"{day}.parquet")
        part.write_parquet(paths[-1])
    return paths


def _round(raw: Path, days: list[Path], folder: Path) -> dict[str, dict[str, float]]:
    source = folder / "days"
    source.mkdir(parents=True)
    found = {RUNS[0]: _measure(raw, folder / "csv")}
    for day in days[:-1]:
        shutil.copy2(day, source)
    found[RUNS[1]] = _measure(source, folder / "daily")
    shutil.copy2(days[-1], source)
    found[RUNS[2]] = _measure(source, folder / "daily")
    found[RUNS[3]] = _measure(source, folder / "daily")
    for name in SPLITS:
        one, other = (pl.read_parquet(folder / side / f"{name}.parquet") for side in ("csv", "daily"))
        if not one.equals(other):
            raise SystemExit(f"{name}: the daily files give other rows than the CSV")
    shutil.rmtree(folder)
    return found


def _measure(source: Path, into: Path) -> dict[str, float]:
    command = [
        sys.executable,
        SCRIPTS / "measure.py",
        sys.executable,
        SCRIPTS / "from_source.py",
        source,
        into,
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


if __name__ == "__main__":
    main()
