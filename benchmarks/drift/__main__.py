"""Measure false alarms and delays of drift detectors: `python benchmarks/drift DATASETS WORK`.

Two regimes: `independent` shuffles all listings first; `consecutive` leaves them as they were posted, and
the requests come after the reference, as in production. Alarms are counted on clean requests only. A delay
is the number of requests from the first that drifted to the alarm, in `RUNS` runs that begin at other
places; a run that finds nothing within `HORIZON` requests counts as longer than all others. Of a method that
alarms more than `MOST_ALARMS` times on clean requests no delay is measured: it would be chance.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import polars as pl
from methods import Adwin, EDetector, Method, Ours, evidently, p_values, population_stability
from runs import Delays, runs, summed_up
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
}
SLOW = {"Evidently, half of the columns, windows of 5": 5_000}  # fewer clean requests, because it is slow
MOST_ALARMS = 50  # in 100,000 clean requests: every second window of a thousand


@dataclass(frozen=True, kw_only=True)
class Result:
    """One method in one regime."""

    regime: str
    method: str
    clean_requests: int
    alarms: int
    per_100k: float
    cpu_ms_per_1000: float
    delays: Mapping[str, Delays]


def main() -> None:
    """Measure the chosen methods, and print a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", type=Path, help="folder with train, validation and test.parquet")
    parser.add_argument("work", type=Path, help="where the models trained for this are kept")
    parser.add_argument("--regime", choices=get_args(Regime), nargs="+", default=get_args(Regime))
    parser.add_argument("--method", choices=METHODS, nargs="+", default=tuple(METHODS))
    chosen = parser.parse_args()
    for regime in chosen.regime:
        prepared = streams(chosen.datasets, regime=regime, work=chosen.work)
        for name in chosen.method:
            result = measure(prepared, name=name, regime=regime)
            sys.stdout.write(json.dumps(asdict(result)) + "\n")
            sys.stdout.flush()


def measure(prepared: Streams, *, name: str, regime: str) -> Result:
    """Measure one method."""
    method = METHODS[name](prepared.reference if name == "carvalue" else prepared.named())
    clean = prepared.clean[: SLOW.get(name, len(prepared.clean))]
    began = time.process_time()
    alarms = sum(1 for _ in method.raised(clean))
    spent = time.process_time() - began
    per_100k = alarms / len(clean) * 100_000
    drifts = DRIFTS if per_100k < MOST_ALARMS else ()
    return Result(
        regime=regime,
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
