"""Lose power at the operations of a recorded log, and start the store again each time."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from faults.disk_model import Disk
from faults.recording import read_log
from faults.stores import STORES


@dataclass
class CrashFindings:
    """The result of one store.

    Attributes:
        points: How many crash points were tried: pairs of an operation and what the disk held then.
        states: Digests of the distinct contents of the disk, which were checked once each.
        failures: How often each error occurred.
        examples: The first crash point of each error.
    """

    points: int = 0
    states: set[bytes] = field(default_factory=set)
    failures: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


def crash_everywhere(name: str, logs: Path, scratch: Path, *, points: int | None = None) -> CrashFindings:
    """Crash a store at every point, or at about `points` of them spread over the log."""
    operations = read_log(logs / f"{name}.log")
    disk, promised, found = Disk(logs / name), list[str](), CrashFindings()
    every = 1 if points is None else max(1, 4 * len(operations) // points)
    number = 0
    for place, operation in enumerate(operations):
        if operation.kind == "k":
            promised.append(operation.name)
        for title, state in disk.states(operation, seed=place):
            number += 1
            if number % every == 0:
                found.points += 1
                digest = state.digest() + b"%d" % len(promised)
                if digest not in found.states:
                    found.states.add(digest)
                    state.write(scratch / "crashed")
                    where = f"{name}, operation {place} ({operation.kind} {operation.name}), {title}"
                    _check(name, scratch / "crashed", promised, found, where)
    return found


def _check(name: str, folder: Path, promised: list[str], found: CrashFindings, where: str) -> None:
    try:
        STORES[name].check(folder, promised)
    except Exception as error:
        kind = f"{type(error).__name__}: {str(error)[:200]}"
        found.failures[kind] += 1
        found.examples.setdefault(kind, f"{where}: {kind}")
