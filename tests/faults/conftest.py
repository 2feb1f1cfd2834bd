"""One program uses all stores under `disk.c`, because its start takes longer than its work."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from faults.recording import run_recorded
from faults.stores import STORES
from made_once import made_once

ROUNDS = 2
FAILING_CALLS = 1
"""At how many calls of each store each kind of fault occurs."""

OUTPUT = "failed-calls.jsonl"

Recorded = tuple[Path, Sequence[Mapping[str, str]]]


@pytest.fixture(scope="session")
def recorded() -> Recorded:
    root = made_once.get("recorded", record)
    return root, [json.loads(line) for line in (root / OUTPUT).read_text().splitlines()]


def record(root: Path) -> None:
    output = run_recorded("faults.program", str(root), "both", str(ROUNDS), str(FAILING_CALLS), *STORES)
    (root / OUTPUT).write_text(output)


@pytest.fixture
def logs(recorded: Recorded) -> Path:
    return recorded[0]


@pytest.fixture
def failed_calls(recorded: Recorded) -> Sequence[Mapping[str, str]]:
    return recorded[1]
