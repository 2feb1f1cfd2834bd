"""Lose power at every point, let every disk access fail, and simulate many seeds: `make bench-robustness`.

Prints each violation, and writes `results/robustness.json`. `--seed N` prints the events of one simulation.
It uses the cores that it may: `taskset -c 0` limits it to one.
"""

import argparse
import json
import logging
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from os import sched_getaffinity
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.results import save

from carvalue.journal import Journal
from faults.crashes import crash_everywhere
from faults.recording import run_recorded
from faults.simulation import STEPS, Simulation, run_seeds
from faults.stores import STORES

ROUNDS = 11  # of work with each store before the last crash point
FAILING_ROUNDS = 1
SEEDS = 10_000
SEEDS_AT_ONCE = 50  # of a task
SEEDS_OF_A_POOL = 1_000


def main() -> None:
    """Run all parts, or one seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds to simulate")
    parser.add_argument("--seed", type=int, help="replay this seed only")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.seed is not None:
        _replay(arguments.seed)
        return
    cores = len(sched_getaffinity(0))
    with ProcessPoolExecutor(cores) as pool:
        stores = list(pool.map(_break_store, STORES))
    violations = []
    for start in range(0, arguments.seeds, SEEDS_OF_A_POOL):
        # new processes: the objects of past simulations are not all returned
        with ProcessPoolExecutor(cores) as pool:
            end = min(start + SEEDS_OF_A_POOL, arguments.seeds)
            found = [
                seed for batch in pool.map(_simulate, range(start, end, SEEDS_AT_ONCE)) for seed in batch
            ]
        violations += found
        for seed, what in found:
            print(f"seed {seed}: {', '.join(sorted(what))}")
        print(f"{end:,} of {arguments.seeds:,} seeds", flush=True)
    values = {
        "crash points": sum(int(row["crash points"]) for row in stores),
        "distinct disks": sum(int(row["distinct disks"]) for row in stores),
        "failing calls": sum(int(row["failing calls"]) for row in stores),
        "seeds": arguments.seeds,
        "seeds with violations": len(violations),
        "events in a seed": STEPS,
        "stores": stores,
    }
    save("robustness", values, command="make bench-robustness", model="none")


def _break_store(name: str) -> Mapping[str, object]:
    """Lose power at every point of the work with a store, and let every call of it fail."""
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        run_recorded("faults.program", str(root), "record", str(ROUNDS), "0", name)
        found = crash_everywhere(name, root, root)
        output = run_recorded("faults.program", str(root), "fail", str(FAILING_ROUNDS), "0", name)
    cases = [json.loads(line) for line in output.splitlines()]
    trouble = [f"{case['case']}: {case['trouble']}" for case in cases if case["trouble"]]
    for example in (*found.examples.values(), *trouble):
        print(example, flush=True)
    return {
        "store": name,
        "crash points": found.points,
        "distinct disks": len(found.states),
        "failed crash points": found.failures.total(),
        "failing calls": len(cases),
        "failed calls": len(trouble),
    }


def _simulate(first: int) -> list[tuple[int, set[str]]]:
    logging.disable(logging.CRITICAL)
    with TemporaryDirectory() as folder:
        journal = Journal(f"sqlite:///{folder}/journal.db")
        seeds = range(first, first + SEEDS_AT_ONCE)
        return run_seeds(seeds, folder=Path(folder), journal=journal)


def _replay(seed: int) -> None:
    with TemporaryDirectory() as folder:
        journal = Journal(f"sqlite:///{folder}/journal.db")
        simulation = Simulation(seed, folder=Path(folder, "run"), journal=journal).run()
    print("\n".join(simulation.history))
    print(dict(simulation.violations))


if __name__ == "__main__":
    main()
