"""Mutation testing of a random sample: `python -m benchmarks.mutation PACKAGE [--sample N]`.

`make mutation` runs all of some 4,700 mutants, which takes hours. This program takes mutants that mutmut has
generated (`make mutation`, until it runs tests) and runs a random sample of one package against the tests of
that package, each in a fork of a process that has imported them. The share that is killed is saved with those
of the other packages.
"""

import argparse
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pytest
from benchmarks.results import RESULTS, ROOT, save

MUTANTS = ROOT / "mutants"
CHOSEN = "MUTANT_UNDER_TEST"  # the variable by which mutmut's code chooses a mutant
SEED = 15
SURVIVED, TIMED_OUT = 0, -signal.SIGKILL
MIN_TIMEOUT_S, TIMEOUT_FACTOR = 30, 4  # times the tests' own duration
QUIET = ("-x", "-q", "--tb=no", "--no-header", "-p", "no:cacheprovider", "--rootdir=.")

RULES = ("history", "judgement", "model_version")  # modules without input and output

PACKAGES: Mapping[str, tuple[Sequence[str], Sequence[str]]] = {
    "files": (
        ["files/*"],
        [f"tests/unit/files/test_{name}.py" for name in ("atomic", "bundle", "formats", "locks")],
    ),
    "journal": (["journal/*"], ["tests/unit/journal"]),
    "registry": (
        ["registry/*"],
        ["tests/unit/registry", "--ignore=tests/unit/registry/gates", "-k", "not killed"],
    ),
    "registry.gates": (["registry/gates/*"], ["tests/unit/registry/gates"]),
    "registry.rules": (
        [f"registry/{name}.py" for name in RULES],
        [f"tests/unit/registry/test_{name}.py" for name in RULES],
    ),
    "settings": (["settings/*"], ["tests/unit/settings"]),
}
"""Package -> files with its mutants, and arguments of pytest: its tests without those that kill processes."""


def sample(patterns: Sequence[str], size: int) -> Sequence[str]:
    """Choose mutants at random, always the same ones.

    Args:
        patterns: The files with mutants, below `carvalue`.
        size: How many; all if there are fewer.

    Returns:
        The names of the mutants.
    """
    folder = MUTANTS / "src" / "carvalue"
    names = sorted(
        name
        for pattern in patterns
        for file in folder.glob(f"{pattern}.meta")
        for name in json.loads(file.read_text())["exit_code_by_key"]
    )
    random.Random(SEED).shuffle(names)  # noqa: S311
    return names[:size]


def run_mutant(mutant: str, tests: Sequence[str], *, timeout_s: float) -> int:
    """Run tests against a mutant in a fork of this process.

    Args:
        mutant: The name of the mutant; empty for the program as it is.
        tests: Arguments of pytest.
        timeout_s: After which the process is killed.

    Returns:
        The exit code of pytest; `TIMED_OUT` if it was killed.
    """
    child = os.fork()
    if child == 0:
        os.environ[CHOSEN] = mutant
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())
        os.dup2(silence, sys.stderr.fileno())
        os._exit(int(pytest.main([*QUIET, *tests])))
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return TIMED_OUT


def run_sample(mutants: Sequence[str], tests: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Run tests against mutants.

    Args:
        mutants: The names of the mutants.
        tests: Arguments of pytest.

    Yields:
        Each mutant and the exit code of the tests.
    """
    os.environ[CHOSEN] = ""
    os.chdir(MUTANTS)
    sys.path[:0] = [str(MUTANTS / "src"), str(MUTANTS)]
    pytest.main([*QUIET, "--collect-only", "-qq", *tests])  # imports what the forks need
    start = time.monotonic()
    if run_mutant("", tests, timeout_s=3600):
        sys.exit("The tests fail without any mutant.")
    timeout = max(MIN_TIMEOUT_S, TIMEOUT_FACTOR * (time.monotonic() - start))
    for mutant in mutants:
        yield mutant, run_mutant(mutant, tests, timeout_s=timeout)


def save_counts(package: str, codes: Mapping[str, int]) -> None:
    """Save the counts of a package with those of the others.

    Args:
        package: The package.
        codes: Exit code of the tests by mutant.
    """
    path = RESULTS / "mutation.json"
    earlier = json.loads(path.read_text())["values"]["packages"] if path.exists() else []
    kinds = Counter("survived" if code == SURVIVED else "killed" for code in codes.values())
    row = {
        "package": package,
        "mutants run": len(codes),
        "killed": kinds["killed"],
        "of them by a timeout": sum(code == TIMED_OUT for code in codes.values()),
        "killed, %": round(100 * kinds["killed"] / len(codes)),
    }
    rows = [*(item for item in earlier if item["package"] != package), row]
    save(
        "mutation",
        {"packages": sorted(rows, key=lambda item: item["package"])},
        command="python -m benchmarks.mutation PACKAGE",
        model="none",
    )


def main() -> None:
    """Run a sample of the mutants of one package, and print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", choices=PACKAGES)
    parser.add_argument("--sample", type=int, default=100)
    asked = parser.parse_args()
    patterns, tests = PACKAGES[asked.package]
    codes = dict(run_sample(sample(patterns, asked.sample), tests))
    for mutant in sorted(name for name, code in codes.items() if code == SURVIVED):
        print(f"survived: {mutant} (mutmut show {mutant})")
    save_counts(asked.package, codes)


if __name__ == "__main__":
    main()
