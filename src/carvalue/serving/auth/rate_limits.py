"""Rate limits of one process: a token bucket for each caller, which allows a rate and short bursts."""

import math
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_network
from typing import Protocol

from carvalue.errors import AppError

MAX_ADDRESS = 15  # characters of 255.255.255.255
NETWORK_BITS = 64  # of an IPv6 address: the network that providers give to one household
MAX_CALLERS = 10_000  # remembered at once; a forgotten caller starts again with a full allowance
ROUNDING_S = 1e-9  # the sum of the intervals of a whole burst may exceed the bucket by a rounding error


class TooManyRequests(AppError):
    """A caller is over its rate limit.

    Args:
        message: what the limit is.
        retry_after_s: seconds until the next request is allowed, for the header `Retry-After`.
    """

    status, hint = 429, "Ask again after the seconds of `Retry-After`; one request may hold many listings."

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimiter(Protocol):
    """Decides whether a caller may make a request."""

    async def refusal(self, caller: str) -> TooManyRequests | None:
        """Take one request from a caller's allowance. A refused request takes nothing.

        Args:
            caller: name of the client, or its address.

        Returns:
            None if the request is allowed; otherwise the error to answer with.
        """

    async def close(self) -> None:
        """Close connections."""


class RateLimits:
    """Token buckets, one for each caller.

    A bucket is stored as one number, the time at which it is full again (the generic cell rate algorithm,
    ITU-T I.371). Each request moves that time one interval further; a request that would move it further
    than a whole bucket into the future is refused.

    Args:
        rate: requests a second; 0 turns the limits off.
        burst: requests that are allowed at once, after a pause.
        clock: seconds of a clock that never goes back.

    >>> now = 0.0
    >>> limits = RateLimits(rate=0.5, burst=2, clock=lambda: now)
    >>> [limits.take("shop") is None for _ in range(3)]
    [True, True, False]
    >>> limits.take("shop").retry_after_s
    2
    >>> now = 2.0
    >>> limits.take("shop") is None
    True
    """

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._interval_s = 1 / rate if rate else 0.0
        self._bucket_s = self._interval_s * burst
        self._full_at: dict[str, float] = {}  # by caller, in order of last use

    async def refusal(self, caller: str) -> TooManyRequests | None:
        """As `RateLimiter`; see `take`.

        Args:
            caller: name of the client, or its address.

        Returns:
            None if the request is allowed; otherwise the error to answer with.
        """
        return self.take(caller)

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def take(self, caller: str) -> TooManyRequests | None:
        """Take one request from a caller's allowance. A refused request takes nothing.

        Args:
            caller: name of the client, or its address.

        Returns:
            None if the request is allowed; otherwise the error to answer with.
        """
        if not self._rate:
            return None
        now = self._clock()
        full_at = max(self._full_at.pop(caller, now), now)  # put back below, as the last used
        wait_s = full_at + self._interval_s - now - self._bucket_s
        if wait_s > ROUNDING_S:
            self._full_at[caller] = full_at
            return TooManyRequests(
                f"More than {self._rate:g} requests a second have come.", retry_after_s=math.ceil(wait_s)
            )
        self._full_at[caller] = full_at + self._interval_s
        if len(self._full_at) > MAX_CALLERS:
            self._forget(now)
        return None

    def _forget(self, now: float) -> None:
        """Drop callers whose bucket is full; if too many are left, those used least recently."""
        limited = {caller: full_at for caller, full_at in self._full_at.items() if full_at > now}
        self._full_at = dict(list(limited.items())[-MAX_CALLERS // 2 :])


def caller_address(address: str) -> str:
    """Name a caller without a key by its address.

    An IPv6 address stands for its network of 64 bits, because one household can use all of them. An IPv4
    address that is written as an IPv6 address (`::ffff:192.0.2.7`) stands for itself.

    Args:
        address: IPv4 or IPv6 address of the connection.

    Returns:
        The IPv4 address, the IPv6 network, or `no address` for anything else.

    >>> caller_address("192.0.2.7"), caller_address("2001:db8:1:2:3:4:5:6")
    ('192.0.2.7', '2001:db8:1:2::/64')
    """
    if ":" not in address:
        return address[:MAX_ADDRESS]
    try:
        host = IPv6Address(address.partition("%")[0])
        if host.ipv4_mapped:
            return str(host.ipv4_mapped)
        return str(ip_network((host, NETWORK_BITS), strict=False))
    except ValueError:  # a proxy may forward anything
        return "no address"
