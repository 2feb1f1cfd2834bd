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


def test_one_turn_of_the_loop_is_one_piece_of_work() -> None:
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


def test_the_fault_of_one_is_not_the_fault_of_others() -> None:
    async def ask() -> None:
        shares = Shares()
        good, bad = shares.together.submit([1]), shares.together.submit([0])
        await turns()

        shares.held[0].set_result(None)
        assert await good == [100]
        with pytest.raises(ZeroDivisionError):
            await bad

    asyncio.run(ask())


def test_what_holds_the_answers_back_may_fail() -> None:
    async def ask() -> None:
        shares = Shares()
        waiting = shares.together.submit([1])
        await turns()

        shares.held[0].set_exception(RuntimeError("a fault of ours"))
        with pytest.raises(RuntimeError):
            await waiting

    asyncio.run(ask())


def test_who_goes_away_holds_up_nobody() -> None:
    async def ask() -> None:
        shares = Shares()
        gone, waiting = shares.together.submit([1]), shares.together.submit([2])
        gone.cancel()
        await turns()

        shares.held[0].set_result(None)
        assert await waiting == [50]

    asyncio.run(ask())
