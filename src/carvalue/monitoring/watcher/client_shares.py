"""Bound the share of one client in the quotes that are checked for drift."""

from collections import Counter, deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from carvalue.journal import JournalEntry

WINDOW = 1_000  # newest quotes, of which one client may have a quarter
MAX_PER_CLIENT = WINDOW // 4
MIN_CLIENTS = 4  # with fewer active clients, a quarter each would leave quotes unchecked for no reason
ACTIVE_FOR = timedelta(hours=1)  # so that a flood does not push the other clients out of sight


class ClientShares:
    """Chooses the quotes that the drift detector may see. Not thread-safe.

    While at least 4 clients are active, the quotes of a client beyond a quarter of the newest 1,000 are left
    out. With fewer clients all quotes are used: a service with one client is checked like any other.

    >>> shares = ClientShares()
    >>> shares.active_clients
    0
    """

    def __init__(self) -> None:
        self._newest: deque[str] = deque()
        self._counts = Counter[str]()
        self._seen: dict[str, datetime] = {}

    @property
    def active_clients(self) -> int:
        """The number of clients that sent one of the newest 1,000 quotes, or one within the last hour."""
        return len(self._seen)

    def admit(self, entries: Iterable[JournalEntry]) -> list[JournalEntry]:
        """Choose the quotes to check.

        Args:
            entries: The next quotes, in order.

        Returns:
            Those within the share of their client.
        """
        return [entry for entry in entries if self._is_admitted(entry)]

    def _is_admitted(self, entry: JournalEntry) -> bool:
        client = entry.client or ""  # release 0.1 recorded none
        self._newest.append(client)
        self._counts[client] += 1
        self._seen.pop(client, None)
        self._seen[client] = entry.quoted_at  # at the end: the first one was seen the longest ago
        if len(self._newest) > WINDOW:
            self._counts[self._newest.popleft()] -= 1
        self._forget(entry.quoted_at)
        return len(self._seen) < MIN_CLIENTS or self._counts[client] <= MAX_PER_CLIENT

    def _forget(self, now: datetime) -> None:
        for client, quoted_at in list(self._seen.items())[:2]:
            if self._counts[client] or now - quoted_at < ACTIVE_FOR:
                return
            del self._seen[client], self._counts[client]
