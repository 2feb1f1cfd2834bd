"""Where the tasks of a step run: in this process, or on a cluster (`carvalue.parallel.cluster`)."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


def ignore_result(item: object, result: object) -> None:
    """Do nothing.

    Args:
        item: An item.
        result: Its result.
    """


class Workers(Protocol):
    """Runs tasks, which read files and write files; a task that runs twice writes the same file twice."""

    @property
    def partitions(self) -> int:
        """The number of parts of a table, and of buckets of a shuffle."""
        ...

    @property
    def concurrency(self) -> int:
        """The number of tasks that run at the same time."""
        ...

    def for_rows(self, rows: int) -> "Workers":
        """Use more partitions for a large table, so that the memory of a task does not grow with the table.

        Args:
            rows: The number of rows of the table.

        Returns:
            The same workers.
        """
        ...

    def map(
        self,
        function: Callable[..., Result],
        items: Sequence[Item],
        *,
        description: str | None,
        shared: Mapping[str, Any] | None = None,
        on_result: Callable[[Item, Result], None] = ignore_result,
    ) -> list[Result]:
        """Call a function with each item.

        Args:
            function: A function of a module, or a partial of one, so that it can be sent to a worker.
            items: What to call it with; one task each.
            description: What the tasks do, for log lines; None for tasks that are too short to be logged.
            shared: Large values that each call gets as keywords; they are sent to each worker once.
            on_result: Called here with each item and its result, as soon as it is known.

        Returns:
            The results, in the order of the items.

        Raises:
            AppError: A task raised it.
        """
        ...


@dataclass(frozen=True)
class InProcess:
    """Runs one task after another in this process; a task uses all cores.

    Attributes:
        partitions: The number of parts and buckets. With several, a step needs less memory and more time.

    Example:
        >>> InProcess().map(abs, [1, -2], description="make positive")
        [1, 2]
    """

    partitions: int = 1

    @property
    def concurrency(self) -> int:
        """One task, which uses all cores."""
        return 1

    def for_rows(self, rows: int) -> "InProcess":  # noqa: ARG002
        """Keep the number of partitions.

        Args:
            rows: The number of rows of the table.

        Returns:
            These workers.
        """
        return self

    def map(
        self,
        function: Callable[..., Result],
        items: Sequence[Item],
        *,
        description: str | None,
        shared: Mapping[str, Any] | None = None,
        on_result: Callable[[Item, Result], None] = ignore_result,
    ) -> list[Result]:
        """Call a function with each item.

        Args:
            function: The function.
            items: What to call it with.
            description: What the tasks do, for log lines; None for tasks that are too short to be logged.
            shared: Large values that each call gets as keywords; they are sent to each worker once.
            on_result: Called here with each item and its result, as soon as it is known.

        Returns:
            The results, in the order of the items.

        Raises:
            AppError: A task raised it.
        """
        results = []
        for number, item in enumerate(items, start=1):
            results.append(function(item, **(shared or {})))
            on_result(item, results[-1])
            if description and len(items) > 1:
                log_progress(description, done=number, of=len(items))
        return results


IN_PROCESS = InProcess()
"""Runs each step as one task in this process."""


def log_progress(description: str, *, done: int, of: int) -> None:
    """Write a log line about a map.

    Args:
        description: What the tasks do.
        done: The number of tasks that have ended.
        of: The number of all tasks.
    """
    logger.info("tasks done", extra={"task": description, "done": done, "of": of})
