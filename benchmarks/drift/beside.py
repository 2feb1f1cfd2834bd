"""Measure NannyML for comparison with the other methods: `python benchmarks/drift/beside.py DATASETS WORK`.

It needs an older pandas and much else, so uv makes it an environment of its own for the time of the run.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import get_args

sys.path += [str(Path(__file__).parents[2])]

from benchmarks.results import describe_model, save
from runs import Result, runs, summed_up, table_row
from streams import DRIFTS, Regime, Streams, streams

from carvalue.monitoring.drift.profile import first_words

PACKAGES = (
    "nannyml==0.13.1",
    "pandas<3",
    "statsmodels",
    "pyarrow",
)  # the last two are undeclared dependencies
SIDE = Path(__file__).with_name("nannyml_side.py")


def main(datasets: Path, work: Path) -> None:
    """Measure both regimes, and save the table."""
    rows = []
    for regime in get_args(Regime):
        prepared = streams(datasets, regime=regime, work=work)
        with tempfile.TemporaryDirectory() as folder:
            write_rows(prepared, Path(folder))
            found = json.loads(run_nannyml(Path(folder)))
        by_drift = defaultdict(list)
        for name, delay in found.pop("delays").items():
            by_drift[DRIFTS[int(name.partition("-")[0])]].append(delay)
        clean = len(prepared.clean)
        result = Result(
            method=f"NannyML, {regime} requests",
            clean_requests=clean,
            alarms=found["alarms"],
            per_100k=found["alarms"] / clean * 100_000,
            cpu_ms_per_1000=found["cpu_ms_per_1000"],
            delays={drift: summed_up(each) for drift, each in by_drift.items()},
        )
        rows.append(table_row(result))
    save(
        "drift_nannyml",
        {"rows": rows},
        command="python benchmarks/drift/beside.py DATASETS WORK",
        model=describe_model(work / "consecutive" / "bundle"),
    )


def write_rows(prepared: Streams, folder: Path) -> None:
    """Write the reference, the clean requests, every run, and how many of its rows are clean."""
    first_words(prepared.named()).write_parquet(folder / "reference.parquet")
    first_words(prepared.clean).write_parquet(folder / "clean.parquet")
    before = {}
    for place, drift in enumerate(DRIFTS):
        for number, run in enumerate(runs(prepared, drift=drift)):
            before[f"{place}-{number}"] = run.before
            first_words(run.rows).write_parquet(folder / f"{place}-{number}.parquet")
    (folder / "before.json").write_text(json.dumps(before))


def run_nannyml(folder: Path) -> str:
    """Run NannyML on a folder and return its last line of output."""
    uv = shutil.which("uv")
    if uv is None:
        sys.exit("uv is not on the PATH: it makes the environment that NannyML needs")
    wanted = (word for package in PACKAGES for word in ("--with", package))
    command = (uv, "run", "--no-project", "--python", sys.executable, *wanted, "python", "-W", "ignore")
    silent = os.environ | {"NML_DISABLE_USAGE_LOGGING": "1"}  # no usage statistics to its vendor
    done = subprocess.run([*command, SIDE, folder], check=True, stdout=subprocess.PIPE, text=True, env=silent)
    return done.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
