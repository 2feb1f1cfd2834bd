"""One instance at a time writes a state; another takes over when its lease is over."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from carvalue.journal import Journal
from carvalue.journal.leased_state import LEASE, RENEW_AFTER, LeasedState, LeaseLost

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(f"sqlite:///{tmp_path}/journal.db")) as journal:
        yield journal


@pytest.fixture
def pair(journal: Journal) -> tuple[LeasedState, LeasedState]:
    return LeasedState(journal, "watcher", "one"), LeasedState(journal, "watcher", "two")


def test_a_lease_is_held_by_one_instance_until_it_is_over(pair: tuple[LeasedState, LeasedState]) -> None:
    one, two = pair

    assert one.acquire(NOW)
    assert not two.acquire(NOW + LEASE - MOMENT)
    assert two.acquire(NOW + LEASE + MOMENT)
    assert not one.acquire(NOW + LEASE + MOMENT)


def test_a_renewed_lease_lasts_longer(pair: tuple[LeasedState, LeasedState]) -> None:
    one, two = pair
    one.acquire(NOW)

    assert one.acquire(NOW + RENEW_AFTER)
    assert not two.acquire(NOW + LEASE + MOMENT)
    assert two.acquire(NOW + RENEW_AFTER + LEASE + MOMENT)


def test_a_lease_is_renewed_in_the_database_when_that_is_due(
    pair: tuple[LeasedState, LeasedState], journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = pair
    one.acquire(NOW)
    asked: list[datetime] = []
    transaction = journal.transaction
    monkeypatch.setattr(journal, "transaction", lambda: asked.append(NOW) or transaction())

    assert all(one.acquire(now) for now in (NOW, NOW + RENEW_AFTER - MOMENT))
    assert asked == []
    assert one.acquire(NOW - MOMENT)  # the clock was set back
    assert len(asked) == 1
    assert one.acquire(NOW - MOMENT + RENEW_AFTER)
    assert len(asked) == 2


def test_a_lease_of_a_clock_that_was_set_back_does_not_last_for_ever(
    pair: tuple[LeasedState, LeasedState],
) -> None:
    one, two = pair
    one.acquire(NOW + timedelta(days=365))

    assert two.acquire(NOW)


def test_a_released_lease_is_free_at_once(pair: tuple[LeasedState, LeasedState]) -> None:
    one, two = pair
    one.acquire(NOW)
    one.release()

    assert two.acquire(NOW)
    two.write({"cursor": 7})
    one.release()  # of a lease that it does not hold
    assert not one.acquire(NOW)


def test_the_next_holder_reads_what_the_last_one_wrote(pair: tuple[LeasedState, LeasedState]) -> None:
    one, two = pair

    assert one.read() == {}
    one.acquire(NOW)
    assert one.read() == {}
    one.write({"cursor": 7, "by": "größe"})
    two.acquire(NOW + LEASE + MOMENT)

    assert two.read() == {"cursor": 7, "by": "größe"}


def test_who_lost_the_lease_cannot_write_and_asks_for_it_again(
    pair: tuple[LeasedState, LeasedState],
) -> None:
    one, two = pair
    one.acquire(NOW)
    two.acquire(NOW + LEASE + MOMENT)
    two.write({"cursor": 8})

    with pytest.raises(LeaseLost, match="Another instance holds the state 'watcher'"):
        one.write({"cursor": 7})

    assert not one.acquire(NOW + RENEW_AFTER / 2)  # although its own renewal is not due
    assert one.read() == {"cursor": 8}


def test_states_with_other_names_are_independent(journal: Journal) -> None:
    watcher, shadow = (LeasedState(journal, name, name) for name in ("watcher", "shadow"))

    assert watcher.acquire(NOW)
    assert shadow.acquire(NOW)
    watcher.write({"cursor": 1})
    shadow.write({"cursor": 2})

    assert (watcher.read(), shadow.read()) == ({"cursor": 1}, {"cursor": 2})


def test_a_lease_can_be_seized_from_who_holds_it(pair: tuple[LeasedState, LeasedState]) -> None:
    one, two = pair
    two.seize(NOW)
    two.write({"cursor": 1})

    one.seize(NOW)

    assert one.acquire(NOW + RENEW_AFTER - MOMENT)
    one.write({"cursor": one.read()["cursor"] + 1})
    with pytest.raises(LeaseLost):
        two.write({"cursor": 9})
    assert not two.acquire(NOW + LEASE - MOMENT)
    assert two.acquire(NOW + LEASE + MOMENT)
    assert two.read() == {"cursor": 2}
