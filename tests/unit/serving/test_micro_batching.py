"""Micro-batching: requests of one event-loop turn share one call, and each gets its own answers."""

import asyncio
from collections.abc import Sequence

import pytest

from carvalue.serving.micro_batching import MicroBatcher


class Shares:
    """Divides a hundred by each number, and remembers what came together and what holds the answers back."""

    def __init__(self) -> None:
        self.batches: list[Sequence[int]] = []
        self.held: list[asyncio.Future[None]] = []
        self.together = MicroBatcher(self.work)

    def work(self, numbers: Sequence[int]) -> tuple[Sequence[int], asyncio.Future[None]]:
        self.batches.append(numbers)
        shares = [100 // number for number in numbers]
        self.held.append(asyncio.get_running_loop().create_future())
        return shares, self.held[-1]


async def turns() -> None:
    for _ in range(4):
        await asyncio.sleep(0)


def test_requests_of_one_turn_share_one_call() -> None:
    async def ask() -> None:
        shares = Shares()
        first = [shares.together.submit(numbers) for numbers in ([1, 2], [], [4])]
        await turns()
        later = shares.together.submit([5])
        await turns()

        assert shares.batches == [[1, 2, 4], [5]]
        assert not any(waiting.done() for waiting in (*first, later))
        shares.held[0].set_result(None)
        assert [await waiting for waiting in first] == [[100, 50], [], [25]]
        assert not later.done()

    asyncio.run(ask())


def test_an_error_of_one_request_does_not_fail_the_others() -> None:
    async def ask() -> None:
        shares = Shares()
        good, bad = shares.together.submit([1]), shares.together.submit([0])
        await turns()

        shares.held[0].set_result(None)
        assert await good == [100]
        with pytest.raises(ZeroDivisionError):
            await bad

    asyncio.run(ask())


def test_a_failing_write_fails_the_requests_of_its_batch() -> None:
    async def ask() -> None:
        shares = Shares()
        waiting = shares.together.submit([1])
        await turns()

        shares.held[0].set_exception(RuntimeError("a fault of ours"))
        with pytest.raises(RuntimeError):
            await waiting

    asyncio.run(ask())


def test_a_cancelled_request_does_not_delay_the_others() -> None:
    async def ask() -> None:
        shares = Shares()
        gone, waiting = shares.together.submit([1]), shares.together.submit([2])
        gone.cancel()
        await turns()

        shares.held[0].set_result(None)
        assert await waiting == [50]

    asyncio.run(ask())
