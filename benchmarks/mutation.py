"""Count the mutants that tests kill, from the files that mutmut leaves: `python -m benchmarks.mutation`.

Writes `results/mutation.json`: the counts by package and by module. `make mutation` runs mutmut first.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.results import ROOT, save

MUTANTS = ROOT / "mutants"
PACKAGES = ("files", "journal", "registry", "registry/gates", "settings")
STATUSES: Mapping[int | None, str] = {
    1: "killed",
    3: "killed",  # pytest itself failed
    0: "survived",
    5: "no tests",
    33: "no tests",
    36: "timeout",
    24: "timeout",
    -24: "timeout",
    152: "timeout",
    255: "timeout",
    None: "not run",
}
"""mutmut's exit code of the tests of a mutant, and what it means (`mutmut.stats`)."""
OTHER = "crashed"
COLUMNS = ("killed", "timeout", OTHER, "survived", "no tests", "not run")


def main() -> None:
    """Count and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=Path, nargs="*", default=[MUTANTS], help="folders that mutmut wrote")
    folders = parser.parse_args().mutants
    modules = {name: counts for folder in folders for name, counts in count_modules(folder)}
    if not modules:
        raise SystemExit("There are no mutants: run `make mutation` first.")
    values = {
        "packages": [
            describe(package, [counts for name, counts in modules.items() if package_of(name) == package])
            for package in PACKAGES
            if any(package_of(name) == package for name in modules)
        ],
        "modules": [describe(name, [counts]) for name, counts in modules.items()],
    }
    save("mutation", values, command="make mutation", model="none")


def count_modules(folder: Path) -> Iterator[tuple[str, Counter[str]]]:
    """Count the mutants of each module by what became of them.

    Args:
        folder: A folder that mutmut wrote.

    Yields:
        The path of a module below the package, without suffix, and its counts by status.
    """
    package = folder / "src" / "carvalue"
    for path in sorted(package.rglob("*.py.meta")):
        codes = json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].values()
        if codes:
            name = path.relative_to(package).as_posix().removesuffix(".py.meta")
            yield name, Counter(STATUSES.get(code, OTHER) for code in codes)


def package_of(module: str) -> str:
    """Name the package of `PACKAGES` that a module is counted in.

    Args:
        module: The path of the module, such as `registry/gates/judge`.

    Returns:
        The longest package that the path begins with.
    """
    return max((name for name in PACKAGES if module.startswith(f"{name}/")), key=len)


def describe(name: str, counts: Sequence[Counter[str]]) -> Mapping[str, object]:
    """Make one row of the results.

    Args:
        name: Of the package or module.
        counts: By status, of each module.

    Returns:
        The counts. `killed share` is that of the mutants that ran: as in mutmut's own score, one that is
        stopped at the time limit counts as killed, and one that no test runs does not.
    """
    total = sum(counts, Counter[str]())
    ran = total.total() - total["not run"]
    killed = total["killed"] + total["timeout"] + total[OTHER]
    return {
        "name": name,
        "mutants": total.total(),
        **{status: total[status] for status in COLUMNS},
        "killed share": f"{killed / ran:.1%}" if ran else "",
    }


if __name__ == "__main__":
    main()
