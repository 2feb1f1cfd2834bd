"""Leave out repeated quotes of one visitor, which would look like drift.

A person tries the same car with other mileages, a bot asks for one car all day, a file holds thousands of
rows of one dealer. Such quotes are alike, and the detector would take them for drift.
"""

from collections import Counter, OrderedDict, deque
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from carvalue.monitoring.channels.routes import API, UPLOAD
from carvalue.monitoring.drift import INPUTS

WINDOW = 1_000  # newest quotes of a channel, of which each client has its share
FAIR_SHARES = 3  # a client may have three times the quotes of an average one
MIN_PER_CLIENT = 5  # of the newest 1,000 quotes
VISITOR, MAX_PER_VISITOR = "~", 5  # the pseudonym of an address: a person or a bot, never a whole service
MIN_CLIENTS = 4  # with fewer active clients, shares would leave quotes unchecked for no reason
ACTIVE_FOR = timedelta(hours=1)  # so that a flood does not push the other clients out of sight
NEW_VISIT_AFTER = timedelta(minutes=30)
PERIOD, DAY_PERIODS = timedelta(minutes=15), 96
USUAL_PERIODS = 4
UNNAMED = ("", "local")  # clients of a service without keys on one machine
ROWS_PER_UPLOAD = 3  # an upload counts as one visitor, who asks for a few cars
MAX_CLIENTS = 2_000  # whose last cars are remembered
CARS_PER_CLIENT = 50
IDENTITY = ("manufacturer", "model")  # a what-if keeps these, and all fields but one

Hashes = npt.NDArray[np.uint64]


class ClientShares:
    """Bounds the share of each client in the newest quotes of a channel. Not thread-safe.

    While at least 4 clients are active, the quotes of a client beyond three fair shares of the newest 1,000
    are left out. With fewer clients all quotes are used: a service with one client is checked like any other.
    A visitor who is known by a pseudonym has at most 5 of them.

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

    def admits(self, client: str, quoted_at: datetime) -> bool:
        """Count a quote, and decide whether it is within the share of its client.

        Args:
            client: Who asked.
            quoted_at: When.

        Returns:
            Whether the quote may be used.
        """
        self._newest.append(client)
        self._counts[client] += 1
        self._seen.pop(client, None)
        self._seen[client] = quoted_at  # at the end: the first one was seen the longest ago
        if len(self._newest) > WINDOW:
            self._counts[self._newest.popleft()] -= 1
        self._forget(quoted_at)
        active = len(self._seen)
        allowed = max(FAIR_SHARES * WINDOW // active, MIN_PER_CLIENT)
        if VISITOR in client:
            return self._counts[client] <= min(allowed, MAX_PER_VISITOR)
        return active < MIN_CLIENTS or self._counts[client] <= allowed

    def _forget(self, now: datetime) -> None:
        for client, quoted_at in list(self._seen.items())[:2]:
            if self._counts[client] or now - quoted_at < ACTIVE_FOR:
                return
            del self._seen[client], self._counts[client]


class RecentCars:
    """Recognizes quotes of a car that the same client has just asked for. Not thread-safe.

    >>> cars = RecentCars()
    >>> civic = np.array([1, 2, 3, 4], dtype=np.uint64)
    >>> cars.is_repeat("visitor", civic), cars.is_repeat("visitor", civic), cars.is_repeat("other", civic)
    (False, True, False)
    """

    def __init__(self) -> None:
        self._of_client: OrderedDict[str, OrderedDict[int, None]] = OrderedDict()

    def is_repeat(self, client: str, keys: Hashes) -> bool:
        """Look for the keys of a quote among those of the client's last cars, and remember them.

        Args:
            client: Who asked.
            keys: What two quotes of one car have in common, at least one of them.

        Returns:
            Whether the client has asked for the car before.
        """
        known = self._of_client.setdefault(client, OrderedDict())
        self._of_client.move_to_end(client)
        if len(self._of_client) > MAX_CLIENTS:
            self._of_client.popitem(last=False)
        values = keys.tolist()
        repeats = any(value in known for value in values)
        for value in values:
            known[value] = None
            known.move_to_end(value)
        while len(known) > CARS_PER_CLIENT * len(values):
            known.popitem(last=False)
        return repeats


class UnnamedCallers:
    """Limits how many quotes with a new combination of fields count, of callers without a name.

    Without names, callers are distinguished by the fields that they fill in. A new combination counts once in
    15 minutes, until it was seen in four such periods within a day. So a bot that asks for 400 cars without a
    mileage counts little, and all quotes of a program that loses a field count after an hour. In the first
    hour of a channel every quote counts. Not thread-safe.

    >>> callers, now = UnnamedCallers(), datetime(2026, 1, 1)
    >>> callers.admits(0b101, now)
    True
    """

    def __init__(self) -> None:
        self._first: datetime | None = None
        self._seen_in: OrderedDict[int, deque[int]] = OrderedDict()  # the newest periods of each combination

    def admits(self, fields: int, quoted_at: datetime) -> bool:
        """Count a quote, and decide whether it may be used.

        Args:
            fields: Which fields are filled in, as bits.
            quoted_at: When the price was asked for.

        Returns:
            Whether the quote may be used.
        """
        self._first = self._first or quoted_at
        period = int(quoted_at.timestamp() / PERIOD.total_seconds())
        periods = self._seen_in.setdefault(fields, deque(maxlen=USUAL_PERIODS))
        self._seen_in.move_to_end(fields)
        if len(self._seen_in) > MAX_CLIENTS:
            self._seen_in.popitem(last=False)
        is_first_of_period = not periods or periods[-1] != period
        if is_first_of_period:
            periods.append(period)
        is_usual = len(periods) == USUAL_PERIODS and period - periods[0] <= DAY_PERIODS
        is_first_hour = quoted_at - self._first < USUAL_PERIODS * PERIOD
        return is_usual or is_first_hour or is_first_of_period


class VisitFilter:
    """Chooses the quotes of one channel that its drift detector may see. Not thread-safe.

    Args:
        channel: The name of the channel. Of a file few rows are used; of a program with a key all quotes but
            exact repeats; of callers without a name few quotes with a new
            combination of fields.
    """

    def __init__(self, channel: str) -> None:
        self._is_upload, self._is_program = channel == UPLOAD, channel.startswith(f"{API}/")
        self._may_be_unnamed = channel == API
        self._shares, self._cars, self._unnamed = ClientShares(), RecentCars(), UnnamedCallers()
        self._uploads: OrderedDict[str, tuple[datetime, int]] = OrderedDict()

    def choose(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Leave out repeats and what exceeds the share of a client.

        Args:
            rows: `quoted_at`, `client` and every input, in order.

        Returns:
            The rows to check.
        """
        keys = _exact_keys(rows) if self._is_program else _what_if_keys(rows)
        clients, moments = rows["client"].fill_null("").to_list(), rows["quoted_at"].to_list()
        chosen = [
            self._admits(client, quoted_at, own, fields)
            for client, quoted_at, own, fields in zip(clients, moments, keys, _filled_in(rows), strict=True)
        ]
        return rows.filter(pl.Series(chosen, dtype=pl.Boolean))

    def _admits(self, client: str, quoted_at: datetime, keys: Hashes, fields: int) -> bool:
        if self._is_upload and not self._is_early_in_upload(client, quoted_at):
            return False
        if self._cars.is_repeat(client, keys):
            return False
        if self._may_be_unnamed and client in UNNAMED:
            return self._unnamed.admits(fields, quoted_at)
        return self._is_program or self._shares.admits(client, quoted_at)

    def _is_early_in_upload(self, client: str, quoted_at: datetime) -> bool:
        last, rows = self._uploads.pop(client, (quoted_at, 0))
        rows = 1 if quoted_at - last > NEW_VISIT_AFTER else rows + 1
        self._uploads[client] = quoted_at, rows
        if len(self._uploads) > MAX_CLIENTS:
            self._uploads.popitem(last=False)
        return rows <= ROWS_PER_UPLOAD


def _filled_in(rows: pl.DataFrame) -> list[int]:
    """Name the fields that each row fills in, as bits."""
    bits = (pl.col(name).is_not_null().cast(pl.Int64) * 2**place for place, name in enumerate(INPUTS))
    return rows.select(fields=pl.sum_horizontal(*bits))["fields"].to_list()


def _hashes(rows: pl.DataFrame) -> tuple[Hashes, Hashes]:
    """Hash the fields that identify a car, and each of the others."""
    others = [name for name in INPUTS if name not in IDENTITY]
    hashed = rows.select(pl.col(name).hash(place) for place, name in enumerate((*IDENTITY, *others)))
    values = hashed.to_numpy().astype(np.uint64)
    return values[:, : len(IDENTITY)].sum(axis=1), values[:, len(IDENTITY) :]


def _exact_keys(rows: pl.DataFrame) -> Hashes:
    car, others = _hashes(rows)
    keys: Hashes = (car + others.sum(axis=1))[:, None]
    return keys


def _what_if_keys(rows: pl.DataFrame) -> Hashes:
    """Sum the hashes of all fields but each one: two quotes share a key if at most one field differs."""
    car, others = _hashes(rows)
    keys: Hashes = (car + others.sum(axis=1))[:, None] - others
    return keys
