"""One client has at most a quarter of the quotes that are checked, while others are active."""

from datetime import timedelta

from carvalue.journal.entries import JournalEntry
from carvalue.monitoring.watcher.client_shares import MAX_PER_CLIENT, ClientShares
from factories import an_entry


def quotes(client: str | None, count: int, *, start: int = 0) -> list[JournalEntry]:
    return [an_entry(start + number, client=client) for number in range(count)]


def test_a_lone_client_is_checked_whole() -> None:
    assert len(ClientShares().admit(quotes(None, 3_000))) == 3_000


def test_a_flood_is_cut_while_others_are_active() -> None:
    shares = ClientShares()
    shares.admit([entry for name in "abc" for entry in quotes(name, 10)])

    admitted = shares.admit(quotes("flood", 3_000))

    assert len(admitted) == MAX_PER_CLIENT
    assert len(shares.admit(quotes("a", 10))) == 10


def test_clients_are_active_for_an_hour() -> None:
    shares = ClientShares()
    shares.admit([entry for name in "abc" for entry in quotes(name, 10)])
    shares.admit(quotes("flood", 2_000))
    hour = int(timedelta(hours=1).total_seconds())

    assert shares.active_clients == 4
    assert len(shares.admit(quotes("flood", 100, start=hour + 100))) == 100
    assert shares.active_clients == 1


def test_many_equal_clients_lose_nothing() -> None:
    shares = ClientShares()
    turns = [an_entry(number, client=f"client-{number % 5}") for number in range(5_000)]

    assert len(shares.admit(turns)) == 5_000
