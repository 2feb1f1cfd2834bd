"""The log of decisions: each number is given once, each decision is stored once, in any order of writers."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from carvalue.journal.decisions import DecisionLog, DecisionRecord
from carvalue.journal.store import Journal, JournalUnavailable
from time_limits import files_of_at_most

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def a_decision(version: int, **values: object) -> DecisionRecord:
    made = DecisionRecord(
        at=AT,
        act="promoted",
        version=version,
        earlier=None,
        by="ann",
        reasons=("more accurate", "größer als 5 %"),
        gates=({"name": "speed", "figure": 1.5, "limit": None, "passed": True, "words": "1.5 ms"},),
    )
    return replace(made, **values)


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(Journal(f"sqlite:///{tmp_path}/journal.db"))


def test_a_decision_is_read_as_it_was_stored(log: DecisionLog) -> None:
    assert log.append(a_decision(3, earlier=2), after=0)

    (stored,) = log.all()

    assert stored == a_decision(3, earlier=2, key=stored.key, number=1)


def test_a_canary_runs_until_it_is_stopped_or_production_changes(log: DecisionLog) -> None:
    acts = ("canary started", "refused", "canary stopped", "canary started", "promoted")
    running, numbers = [log.canary_start()], [log.last_number()]
    for number, act in enumerate(acts):
        log.append(a_decision(number + 1, act=act), after=number)
        running.append(log.canary_start())
        numbers.append(log.last_number())

    assert [decision and decision.version for decision in running] == [None, 1, 1, None, 4, None]
    assert numbers == [0, 1, 2, 3, 4, 5]
    assert [decision.is_switch for decision in log.all()] == [False, False, False, False, True]


def test_of_writers_that_read_the_same_log_one_stores(tmp_path: Path) -> None:
    logs = [DecisionLog(Journal(f"sqlite:///{tmp_path}/journal.db")) for _ in range(4)]

    with ThreadPoolExecutor(len(logs)) as pool:
        stored = list(pool.map(lambda log: log.append(a_decision(1), after=0), logs))

    assert sorted(stored) == [False, False, False, True]
    assert len(logs[0].all()) == 1


def test_the_same_decision_is_stored_once(log: DecisionLog) -> None:
    decision = a_decision(1)

    assert [log.append(decision, after=after) for after in (0, 1)] == [True, False]


def test_the_time_of_application_is_set_once(log: DecisionLog) -> None:
    log.append(a_decision(1), after=0)

    for year in (2027, 2028):
        log.mark_applied(1, at=AT.replace(year=year))

    assert log.all()[0].applied_at == AT.replace(year=2027)


def test_a_full_disk_refuses_a_decision_whole_and_later_ones_are_stored(
    log: DecisionLog, tmp_path: Path
) -> None:
    log.append(a_decision(1), after=0)
    full = (tmp_path / "journal.db").stat().st_size

    with files_of_at_most(full), pytest.raises(JournalUnavailable):
        log.append(a_decision(2, reasons=("x" * full,)), after=1)
    assert [decision.version for decision in log.all()] == [1]

    assert log.append(a_decision(3), after=1)
    assert [decision.version for decision in log.all()] == [1, 3]
