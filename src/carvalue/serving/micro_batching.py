"""Does in one piece of work what several requests ask for at the same time.

Whatever the event loop has read from its sockets in one turn is one batch: nobody waits for company, and
under load there is always some.
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Work = Callable[[Sequence[Item]], tuple[Sequence[Answer], asyncio.Future[None]]]
"""Items in; an answer for each, in order, and what is done when they may be given."""


class MicroBatcher(Generic[Item, Answer]):
    """Gathers items until the event loop's next turn."""

    def __init__(self, work: Work[Item, Answer]) -> None:
        self._work = work
        self._gathered: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]] = []

    def ask(self, items: Sequence[Item]) -> asyncio.Future[Sequence[Answer]]:
        """Give what will hold the answers to these items, in order, or the error of the work."""
        loop = asyncio.get_running_loop()
        answers: asyncio.Future[Sequence[Answer]] = loop.create_future()
        if not self._gathered:
            loop.call_soon(self._work_off)
        self._gathered.append((items, answers))
        return answers

    def _work_off(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._do(gathered)

    def _do(self, gathered: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]]) -> None:
        try:
            answers, done = self._work([item for items, _ in gathered for item in items])
        except Exception as error:  # what one request brings about must not become the others' fault
            if len(gathered) > 1:
                for one in gathered:
                    self._do([one])
            else:
                _settle(gathered[0][1], (), error)
        else:
            done.add_done_callback(partial(_give_out, gathered, answers))


def _give_out(
    gathered: list[tuple[Sequence[Item], asyncio.Future[Sequence[Answer]]]],
    answers: Sequence[Answer],
    done: asyncio.Future[None],
) -> None:
    """Give each request the answers to its own items."""
    error, start = done.exception(), 0
    for items, waiting in gathered:
        end = start + len(items)
        _settle(waiting, answers[start:end], error)
        start = end


def _settle(
    waiting: asyncio.Future[Sequence[Answer]], answers: Sequence[Answer], error: BaseException | None
) -> None:
    if waiting.done():  # its client went away
        return
    if error is None:
        waiting.set_result(answers)
    else:
        waiting.set_exception(error)
