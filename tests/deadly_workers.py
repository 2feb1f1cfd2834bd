"""Workers of a cluster that are killed by their tasks, as a module that they can import."""

import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from carvalue.parallel import Workers
from carvalue.parallel.workers import Item, Result
from carvalue.pricing.training.boosting import robust_loss


@dataclass(frozen=True)
class DeadlyWorkers:
    """In each of some maps, the first task to end kills its worker before its result is known."""

    workers: Workers
    deadly: frozenset[str | None]
    folder: Path
    killed: list[str | None] = field(default_factory=list)

    @property
    def partitions(self) -> int:
        return self.workers.partitions

    @property
    def concurrency(self) -> int:
        return self.workers.concurrency

    def for_rows(self, rows: int) -> "DeadlyWorkers":
        return replace(self, workers=self.workers.for_rows(rows))

    def map(
        self,
        function: Callable[..., Result],
        items: Sequence[Item],
        *,
        description: str | None,
        **options: Any,
    ) -> list[Result]:
        if description not in self.deadly:
            return self.workers.map(function, items, description=description, **options)
        mark, deadly = self.folder / str(description), partial(call_and_die, function)
        results = self.workers.map(partial(deadly, mark), items, description=description, **options)
        self.killed.extend([description] if mark.is_file() else [])
        return results


def die_in_boosting(mark: Path, margin: Any, rows: Any) -> Any:
    """Compute the loss of the trees; the first process that does so is killed, so that no round ends."""
    return call_and_die(partial(robust_loss, margin), mark, rows)


def call_and_die(function: Callable[..., Result], mark: Path, item: object, **shared: object) -> Result:
    """Call a function; the first process that does so is killed afterwards."""
    result = function(item, **shared)
    try:
        mark.touch(exist_ok=False)
    except FileExistsError:
        return result
    os.kill(os.getpid(), signal.SIGKILL)
    return result
