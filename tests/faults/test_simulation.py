"""Services, journal, registry and watcher live through crashes, partitions, delays and clock jumps.

A failure names its seed, which replays exactly. `make bench-robustness` runs 10,000 seeds.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from unittest.mock import patch

import pytest

from carvalue.journal import Forwarder, Journal
from carvalue.journal.segment import Segment
from carvalue.journal.writer import QUICK_S
from faults.simulation import Simulation, run_seeds

STEPS = 10
"""Events of one seed; `make bench-robustness` runs more."""
SEEDS, SEEDS_PER_TEST = 200, 20
LATE_SEED, LATE_STEPS = 3, 30
"""A quote reaches the journal after later ones were judged."""
CRASH_SEED, CRASH_STEPS = 116, 40
"""A process crashes while it writes a single quote."""


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    journal = Journal(f"sqlite:///{tmp_path_factory.mktemp('journal')}/journal.db")
    yield journal
    journal.close()


@pytest.mark.parametrize("first", range(0, SEEDS, SEEDS_PER_TEST))
def test_nothing_is_lost_doubled_or_judged_twice(first: int, journal: Journal, tmp_path: Path) -> None:
    is_late = first >= SEEDS // 2  # in half of the seeds quotes may reach the journal after later ones
    violations = run_seeds(
        range(first, first + SEEDS_PER_TEST), folder=tmp_path, journal=journal, steps=STEPS, is_late=is_late
    )

    assert violations == []


def test_late_quotes_are_judged(journal: Journal, tmp_path: Path) -> None:
    assert run_seeds([LATE_SEED], folder=tmp_path, journal=journal, steps=LATE_STEPS) == []


def test_a_seed_replays_exactly(journal: Journal, tmp_path: Path) -> None:
    runs = [
        Simulation(LATE_SEED, folder=tmp_path / "run", journal=journal).run(LATE_STEPS)
        for _ in ("first", "again")
    ]

    assert runs[0].history == runs[1].history
    assert runs[0].acknowledged == runs[1].acknowledged
    assert runs[0].violations == runs[1].violations


def test_a_slow_disk_changes_nothing(journal: Journal, tmp_path: Path) -> None:
    """The writer decides by the duration of its last write. A crash during a write ends the process."""
    append = Segment.append

    def slow_append(segment: Segment, data: bytes) -> None:
        sleep(2 * QUICK_S)
        append(segment, data)

    quick = Simulation(CRASH_SEED, folder=tmp_path / "run", journal=journal).run(CRASH_STEPS)
    with patch.object(Segment, "append", slow_append):
        slow = Simulation(CRASH_SEED, folder=tmp_path / "run", journal=journal).run(CRASH_STEPS)

    assert quick.acknowledged == slow.acknowledged
    assert quick.violations == slow.violations == Counter()


def test_a_planted_bug_is_found(journal: Journal, tmp_path: Path) -> None:
    def forgetful(forwarder: Forwarder) -> bool:
        """Drop what was read before the journal has it."""
        chunk = forwarder._outbox.next_chunk()
        if chunk is None:
            return False
        forwarder._outbox.mark_forwarded(chunk)
        return True

    with patch.object(Forwarder, "_forward_chunk", forgetful):
        found = run_seeds([1], folder=tmp_path, journal=journal, steps=STEPS)

    assert "an acknowledged quote is 0 times in the journal" in found[0][1]
