"""The program that runs under `disk.c`.

`python -m faults.program FOLDER record|fail|both ROUNDS CALLS STORE...`

`record` uses each store below a folder of its own, and writes a log beside it. `fail` uses each store again
and again, with another failing call each time, and prints a line of JSON for each. After the disk works
again, the store is checked twice: as the process left the files, and as they are if power is lost then. A
failed flush forgets what was to be flushed, as Linux does.
"""

import errno
import json
import logging
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from faults.disk_model import Disk
from faults.recording import CHANGES, CREATES, SYNCS, WRITES, failing, heal, mark, read_log, watching
from faults.stores import STORES

Fault = tuple[int, int]
"""An errno, and the kinds of calls that fail with it."""

FAULTS: Mapping[str, Fault] = {
    "flush fails": (errno.EIO, SYNCS),
    "disk full": (errno.ENOSPC, WRITES | CREATES),
    "no inodes": (errno.ENOSPC, CREATES),
    "read-only": (errno.EROFS, CHANGES),
}


def main() -> None:
    """Do what the command line names."""
    logging.disable(logging.CRITICAL)
    root, task, rounds, calls, *names = sys.argv[1:]
    for name in names:
        if task in {"record", "both"}:
            _record(Path(root), name, int(rounds))
        if task in {"fail", "both"}:
            for result in _fail_everywhere(Path(root), name, int(rounds), int(calls)):
                sys.stdout.write(json.dumps(result) + "\n")


def _record(root: Path, name: str, rounds: int) -> None:
    folder = _empty(root / name)
    with watching(folder, log=root / f"{name}.log"):
        STORES[name].work(folder, rounds, mark)


def _fail_everywhere(root: Path, name: str, rounds: int, calls: int) -> Iterator[dict[str, object]]:
    for title, fault in FAULTS.items():
        total = _count_calls(root, name, rounds, fault)
        every = max(1, total // calls) if calls else 1
        for call in range((every + 1) // 2, total + 1, every):
            for lasts in (False, True):
                trouble = _try(root, name, rounds, fault, call=call, lasts=lasts)
                duration = "ever after" if lasts else "once"
                yield {"case": f"{name}: {title} at call {call} of {total}, {duration}", "trouble": trouble}


def _count_calls(root: Path, name: str, rounds: int, fault: Fault) -> int:
    """Count the calls that could fail."""
    folder = _empty(root / "counted")
    with watching(folder), failing(0, fault[1], at=0, lasts=False):
        STORES[name].work(folder, rounds, lambda _: None)
        return heal()


def _try(root: Path, name: str, rounds: int, fault: Fault, *, call: int, lasts: bool) -> str:
    """Use a store while one call fails; return what is wrong afterwards, or nothing."""
    folder, promised = _empty(root / "failing"), list[str]()

    def acknowledge(text: str) -> None:
        promised.append(text)
        mark(text)

    try:
        with watching(folder, log=root / "failing.log"), failing(*fault, at=call, lasts=lasts):
            STORES[name].work(folder, rounds, acknowledge)
        disk = Disk(folder)
        for operation in read_log(root / "failing.log"):
            disk.apply(operation)
        STORES[name].check(folder, promised)
        for _, state in disk.states_now(seed=call):
            state.write(root / "crashed")
            STORES[name].check(root / "crashed", promised)
    except Exception as problem:
        return f"{type(problem).__name__}: {problem}"[:400]
    return ""


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder.resolve()


if __name__ == "__main__":
    main()
