"""Fuzz every parser for some time: `make bench-fuzzing` takes an hour.

Prints how many inputs each parser got, and every input that it failed on, and writes `results/fuzzing.json`.
"""

import argparse
import logging
import time

from benchmarks.results import save
from hypothesis import HealthCheck, given, settings

from faults.fuzzing import TARGETS, Target

EXAMPLES_AT_ONCE = 500


def main() -> None:
    """Give each parser an equal share of the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    minutes = parser.parse_args().minutes
    logging.disable(logging.CRITICAL)
    rows = []
    for name, target in TARGETS.items():
        inputs, failures = fuzz(target, for_s=minutes * 60 / len(TARGETS))
        print(f"{name}: {inputs:,} inputs", *failures, sep="\n", flush=True)
        rows.append({"parser": name, "inputs": inputs, "distinct failures": len(failures)})
    values = {
        "minutes": minutes,
        "inputs": sum(int(str(row["inputs"])) for row in rows),
        "failures": sum(int(str(row["distinct failures"])) for row in rows),
        "parsers": rows,
    }
    save("fuzzing", values, command="make bench-fuzzing", model="none")


def fuzz(target: Target, *, for_s: float) -> tuple[int, set[str]]:
    """Feed a parser for some time; return how many inputs it got, and its distinct errors."""
    inputs, failures, end = 0, set[str](), time.monotonic() + for_s

    @settings(
        max_examples=EXAMPLES_AT_ONCE, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(target.inputs)
    def feed(data: bytes) -> None:
        nonlocal inputs
        inputs += 1
        try:
            target.feed(data)
        except Exception as error:
            failures.add(f"{type(error).__name__}: {str(error)[:200]}")

    while time.monotonic() < end:
        feed()
    return inputs, failures


if __name__ == "__main__":
    main()
