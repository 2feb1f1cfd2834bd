"""Rate limits that all workers and replicas share: a window of requests for each caller, in Redis."""

import logging
import math
import time

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from redis.asyncio import ConnectionPool

from carvalue.serving.auth.rate_limits import RateLimits, TooManyRequests

TIMEOUT_S = 1  # a request waits no longer for Redis

logger = logging.getLogger(__name__)


class SharedRateLimits:
    """A moving window of requests for each caller. While Redis does not answer, each process counts alone.

    Args:
        rate: requests a second.
        burst: requests that are allowed in the window of `burst / rate` seconds.
        url: URL of Redis.
    """

    def __init__(self, *, rate: float, burst: int, url: str) -> None:
        self._rate, self._own = rate, RateLimits(rate=rate, burst=burst)
        self._item = RateLimitItemPerSecond(burst, max(1, round(burst / rate)))
        self._connections = ConnectionPool.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        storage = RedisStorage(
            f"async+{url}",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="carvalue",
            connection_pool=self._connections,  # type: ignore[arg-type]  # documented, but not typed
        )
        self._window = MovingWindowRateLimiter(storage)
        self._is_down = False

    async def refusal(self, caller: str) -> TooManyRequests | None:
        """Take one request from a caller's allowance. A refused request takes nothing.

        Args:
            caller: name of the client, or its address.

        Returns:
            None if the request is allowed; otherwise the error to answer with.
        """
        try:
            is_allowed = await self._window.hit(self._item, caller)
            wait_s = 0.0
            if not is_allowed:
                wait_s = (await self._window.get_window_stats(self._item, caller)).reset_time - time.time()
        except StorageError as error:
            self._note(is_down=True, because=str(error))
            return self._own.take(caller)
        self._note(is_down=False, because="")
        if is_allowed:
            return None
        return TooManyRequests(
            f"More than {self._rate:g} requests a second have come.", retry_after_s=max(1, math.ceil(wait_s))
        )

    async def close(self) -> None:
        """Close the connections to Redis."""
        await self._connections.aclose()

    def _note(self, *, is_down: bool, because: str) -> None:
        if is_down and not self._is_down:  # log once, not for every request
            logger.error("rate limits are not shared: Redis does not answer", extra={"because": because})
        self._is_down = is_down
