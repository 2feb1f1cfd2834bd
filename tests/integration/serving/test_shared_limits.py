"""Rate limits that replicas share in a real Redis, and what happens without it."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from carvalue.platform.processes.ports import free_port
from carvalue.serving.auth.shared_limits import SharedRateLimits
from production import load_program, redis

DEPLOY = Path(__file__).parents[3] / "deploy"


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


def test_the_user_of_the_deployment_counts_requests_and_cannot_reach_a_queue_of_celery(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    generated = load_program(DEPLOY / "make_secrets.py").generate("postgres:5432")
    (tmp_path / "redis.conf").write_text(generated["redis_configuration"])
    password = generated["redis_configuration"].rsplit(">", 1)[1].strip()

    async def requests(url: str) -> int:
        limits = replica(url)
        count = await admitted(limits, "shop", 8)
        await limits.refusal("shop")
        await limits.close()
        return count

    with redis(tmp_path, tmp_path / "redis.conf") as port:
        url = f"redis://limits:{password}@127.0.0.1:{port}/0"
        count = asyncio.run(requests(url))
        with closing(Redis.from_url(url)) as client:
            for command in (("LPUSH", "celery", "task"), ("LPUSH", "default", "task"), ("KEYS", "*")):
                with pytest.raises(NoPermissionError):
                    client.execute_command(*command)
        with closing(
            Redis.from_url(generated["celery_broker"].replace("redis:6379", f"127.0.0.1:{port}"))
        ) as owner:
            counted = owner.keys("carvalue:*")

    assert (count, len(counted)) == (5, 1)
    assert "rate limits are not shared" not in caplog.text


def test_without_redis_each_process_has_its_own_limit(caplog: pytest.LogCaptureFixture) -> None:
    async def requests() -> int:
        limits = replica(f"redis://127.0.0.1:{free_port()}")
        count = await admitted(limits, "shop", 8)
        await limits.close()
        return count

    assert asyncio.run(requests()) == 5
    assert caplog.text.count("rate limits are not shared") == 1
