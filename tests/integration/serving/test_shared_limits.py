"""Rate limits that replicas share in a real Redis, and what happens without it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from carvalue.platform.processes.ports import free_port
from carvalue.serving.auth.shared_limits import SharedRateLimits
from production import redis


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with redis(tmp_path) as port:
        yield f"redis://127.0.0.1:{port}"


def replica(url: str) -> SharedRateLimits:
    return SharedRateLimits(rate=0.1, burst=5, url=url)


async def admitted(limits: SharedRateLimits, caller: str, requests: int) -> int:
    return sum([await limits.refusal(caller) is None for _ in range(requests)])


def test_replicas_count_together_and_callers_apart(url: str) -> None:
    async def requests() -> tuple[int, int, int]:
        first, second = replica(url), replica(url)
        counts = (
            await admitted(first, "shop", 3),
            await admitted(second, "shop", 4),
            await admitted(second, "other", 4),
        )
        await first.close()
        await second.close()
        return counts

    assert asyncio.run(requests()) == (3, 2, 4)


def test_a_refusal_says_when_to_ask_again(url: str) -> None:
    async def refusal() -> int:
        limits = replica(url)
        await admitted(limits, "shop", 5)
        refused = await limits.refusal("shop")
        await limits.close()
        assert refused is not None
        return refused.retry_after_s

    assert 1 <= asyncio.run(refusal()) <= 50


def test_without_redis_each_process_has_its_own_limit(caplog: pytest.LogCaptureFixture) -> None:
    async def requests() -> int:
        limits = replica(f"redis://127.0.0.1:{free_port()}")
        count = await admitted(limits, "shop", 8)
        await limits.close()
        return count

    assert asyncio.run(requests()) == 5
    assert caplog.text.count("rate limits are not shared") == 1
