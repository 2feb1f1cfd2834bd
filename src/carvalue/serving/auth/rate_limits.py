"""How many requests a client may make: so many a second, and some more at once after a quiet time."""

import math
import time
from collections.abc import Callable
from ipaddress import ip_network

from carvalue.errors import AppError

MAX_ADDRESS = 15  # 255.255.255.255
NETWORK_BITS = 64  # of IPv6, what one household gets
MAX_CALLERS = 10_000  # remembered at once; a forgotten caller starts again with a full allowance


class TooManyRequests(AppError):
    """A client is over its limit; says when to ask again."""

    status, hint = 429, "Ask again after the seconds of `Retry-After`; one request may hold many listings."

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RateLimits:
    """A token bucket for each caller, kept as one number: when it will be full again.

    Args:
        rate: requests a second; 0 for as many as come.
        burst: requests at once, when none have come for a while.
        clock: seconds that only grow.
    """

    def __init__(self, *, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        self._step_s = 1 / rate if rate else 0.0
        self._depth_s = self._step_s * burst
        self._full_at: dict[str, float] = {}

    def refusal(self, caller: str) -> TooManyRequests | None:
        """Take one request from a caller's allowance, or tell why it may not come in."""
        if not self._rate:
            return None
        now = self._clock()
        full_at = max(self._full_at.pop(caller, now), now)  # put back below: the dict is in order of last use
        late_s = full_at + self._step_s - now - self._depth_s
        # a nanosecond of grace: the sum of the steps of a whole burst may exceed its depth by a rounding
        if late_s > 1e-9:
            self._full_at[caller] = full_at
            return TooManyRequests(
                f"More than {self._rate:g} requests a second have come.", retry_after_s=math.ceil(late_s)
            )
        self._full_at[caller] = full_at + self._step_s
        if len(self._full_at) > MAX_CALLERS:
            self._forget(now)
        return None

    def _forget(self, now: float) -> None:
        """Drop callers whose allowance is full; if too many are left, those used least recently."""
        left = {caller: full_at for caller, full_at in self._full_at.items() if full_at > now}
        self._full_at = dict(list(left.items())[-MAX_CALLERS // 2 :])


def caller_address(address: str) -> str:
    """Name whoever has no key by the address; by its network where one person has as many as they like."""
    if ":" not in address:
        return address[:MAX_ADDRESS]
    try:
        return str(ip_network((address.partition("%")[0], NETWORK_BITS), strict=False))
    except ValueError:  # what a proxy forwards may be anything
        return "no address"
