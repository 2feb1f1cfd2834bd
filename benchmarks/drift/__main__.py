"""Measure false alarms and delays of drift detectors: `python benchmarks/drift DATASETS WORK`.

Two regimes: `independent` shuffles all listings first; `consecutive` leaves them as they were posted, and
the requests come after the reference, as in production. Alarms are counted on clean requests only. A delay
is the number of requests from the first that drifted to the alarm, in `RUNS` runs that begin at other
places; a run that finds nothing within `HORIZON` requests counts as longer than all others. Of a method that
alarms more than `MOST_ALARMS` times on clean requests no delay is measured: it would be chance.
"""

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import get_args

import polars as pl

sys.path += [str(Path(__file__).parents[2])]

from benchmarks.results import describe_model, save
from methods import Adwin, EDetector, Method, MmdCusum, Ours, evidently, p_values, population_stability
from runs import Delays, Result, runs, summed_up, table_row
from streams import DRIFTS, Regime, Streams, streams

METHODS: Mapping[str, Callable[[pl.DataFrame], Method]] = {
    "carvalue": Ours,
    "Evidently, any column": partial(evidently, share=0),
    "Evidently, half of the columns": partial(evidently, share=0.5),
    "Evidently, half of the columns, windows of 5": partial(evidently, share=0.5, rows=5),
    "KS and chi-squared, any p < .05": partial(p_values, level=0.05),
    "KS and chi-squared, any p < .05 / 14": partial(p_values, level=0.05 / 14),
    "PSI > 0.2": population_stability,
    "ADWIN": Adwin,
    "e-detector": EDetector,
    "MMD-CUSUM": MmdCusum,
}
GOALS: Mapping[str, Mapping[str, object]] = {
    "independent": {
        "false alarms per 100,000": 1,
        "CPU ms per 1,000": 15,
        "year+1": "450",
        "year+3": "110",
        "odometer x1.3": "200",
        "electric +5 points": "150",
        "10 % missing": "30",
        "10 % unseen": "60",
        "one state only": "40",
        "prices x1.1": "900",
    },
    "consecutive": {
        "false alarms per 100,000": 1,
        "CPU ms per 1,000": 15,
        "year+1": "found in 17",
        "year+3": "700",
        "odometer x1.3": "1,200",
        "electric +5 points": "1,200",
        "10 % missing": "300",
        "10 % unseen": "400",
        "one state only": "200",
        "prices x1.1": "found in 18",
    },
}
SLOW = {"Evidently, half of the columns, windows of 5": 5_000}  # fewer clean requests, because it is slow
MOST_ALARMS = 50  # in 100,000 clean requests: every second window of a thousand


def main() -> None:
    """Measure the chosen methods, and save a table for each regime."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", type=Path, help="folder with train, validation and test.parquet")
    parser.add_argument("work", type=Path, help="where the models trained for this are kept")
    parser.add_argument("--regime", choices=get_args(Regime), nargs="+", default=get_args(Regime))
    parser.add_argument("--method", choices=METHODS, nargs="+", default=tuple(METHODS))
    chosen = parser.parse_args()
    for regime in chosen.regime:
        prepared = streams(chosen.datasets, regime=regime, work=chosen.work)
        rows = [{"method": "goal", **GOALS[regime]}]
        for name in chosen.method:
            rows.append(table_row(measure(prepared, name=name)))
            print(rows[-1], flush=True)
        save(
            f"drift_{regime}",
            {"clean requests": len(prepared.clean), "delays in requests": rows},
            command=f"python benchmarks/drift DATASETS WORK --regime {regime}",
            model=describe_model(chosen.work / regime / "bundle"),
        )


def measure(prepared: Streams, *, name: str) -> Result:
    """Measure one method."""
    method = METHODS[name](prepared.reference if name == "carvalue" else prepared.named())
    clean = prepared.clean[: SLOW.get(name, len(prepared.clean))]
    began = time.process_time()
    alarms = sum(1 for _ in method.raised(clean))
    spent = time.process_time() - began
    per_100k = alarms / len(clean) * 100_000
    drifts = DRIFTS if per_100k < MOST_ALARMS else ()
    return Result(
        method=name,
        clean_requests=len(clean),
        alarms=alarms,
        per_100k=per_100k,
        cpu_ms_per_1000=spent * 1e6 / len(clean),
        delays={drift: delays(method, prepared, drift=drift) for drift in drifts},
    )


def delays(method: Method, prepared: Streams, *, drift: str) -> Delays:
    """Measure delays with the drift starting at different positions."""
    found = [
        next((row - run.before + 1 for row in method.raised(run.rows) if row >= run.before), None)
        for run in runs(prepared, drift=drift)
    ]
    return summed_up(found)


if __name__ == "__main__":
    main()
