"""Chooses who counts requests: each process for itself, or all of them in Redis."""

from carvalue.serving.auth.rate_limits import RateLimiter, RateLimits


def rate_limiter(*, rate: float, burst: int, redis_url: str) -> RateLimiter:
    """Build the rate limits of the service.

    Args:
        rate: requests a second; 0 turns the limits off.
        burst: requests that are allowed at once, after a pause.
        redis_url: URL of the Redis that all processes share; empty for none. It needs the extra `redis`.

    Returns:
        The limits.
    """
    if not (rate and redis_url):
        return RateLimits(rate=rate, burst=burst)
    from carvalue.serving.auth.shared_limits import SharedRateLimits  # noqa: PLC0415

    return SharedRateLimits(rate=rate, burst=burst, url=redis_url)
