"""Micro-batching: one model call for all requests that are read in one turn of the event loop.

No request waits for others to come; under load, one turn reads several.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Work = Callable[[Sequence[Item]], tuple[Sequence[Answer], asyncio.Future[Any]]]
"""Takes items; returns an answer for each, in order, and a future after which they may be sent."""


class MicroBatcher(Generic[Item, Answer]):
    """Collects items until the next turn of the event loop, then answers them together.

    An error of a batch is not shared: each request of the batch is then answered by itself.

    Args:
        work: answers the items of a batch.

    >>> async def two_requests() -> list[list[int]]:
    ...     def work(items):
    ...         print("one call:", items)
    ...         done = asyncio.get_running_loop().create_future()
    ...         done.set_result(None)
    ...         return [item * 10 for item in items], done
    ...     batcher = MicroBatcher(work)
    ...     return await asyncio.gather(batcher.submit([1, 2]), batcher.submit([3]))
    >>> asyncio.run(two_requests())
    one call: [1, 2, 3]
    [[10, 20], [30]]
    """

    def __init__(self, work: Work[Item, Answer]) -> None:
        self._work = work
        self._waiting: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]] = []

    def submit(self, items: Sequence[Item]) -> asyncio.Future[Sequence[Answer]]:
        """Add the items of one request to the next batch.

        Args:
            items: what to answer.

        Returns:
            A future of the answers, in order, or of the error of `work`.
        """
        loop = asyncio.get_running_loop()
        answers: asyncio.Future[Sequence[Answer]] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._run_batch)
        self._waiting.append((items, answers))
        return answers

    def _run_batch(self) -> None:
        batch, self._waiting = self._waiting, []
        self._answer(batch)

    def _answer(self, batch: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]]) -> None:
        try:
            answers, done = self._work([item for items, _ in batch for item in items])
        except Exception as error:  # an error of one request must not fail the others
            if len(batch) > 1:
                for request in batch:
                    self._answer([request])
            else:
                _settle(batch[0][1], (), error)
        else:
            if done.done():
                _distribute(batch, answers, done)
            else:
                done.add_done_callback(partial(_distribute, batch, answers))


def _distribute(
    batch: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]],
    answers: Sequence[Answer],
    done: asyncio.Future[Any],
) -> None:
    """Set each request's future to the answers of its own items."""
    error, start = done.exception(), 0
    for items, waiting in batch:
        end = start + len(items)
        _settle(waiting, answers[start:end], error)
        start = end


def _settle(
    waiting: asyncio.Future[Sequence[Answer]], answers: Sequence[Answer], error: BaseException | None
) -> None:
    if waiting.done():  # its client disconnected
        return
    if error is None:
        waiting.set_result(answers)
    else:
        waiting.set_exception(error)
