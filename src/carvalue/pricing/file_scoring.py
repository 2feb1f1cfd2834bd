"""Price a whole file: batch after batch, each core at one, whatever the file's size."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import polars as pl

from carvalue.errors import AppError
from carvalue.files import TEMPORARY_MARK
from carvalue.files.tabular import WRITE_SUFFIXES, check_suffix, open_table, write_table
from carvalue.listings import ALIASES
from carvalue.pricing.model import PriceModel
from carvalue.pricing.scoring import COLUMNS, SCORED, score

BATCH_ROWS = 32_768  # names repeat within a batch and are read once; larger ones gain little and take memory

Item = TypeVar("Item")
Done = TypeVar("Done")


class OutputUnwritable(AppError):
    """The result cannot be put where it should go."""

    status, hint = 507, "Free some space, or name another OUTPUT; what was there before is whole."


@dataclass(frozen=True, kw_only=True)
class ScoringResult:
    """What became of a file."""

    rows: int
    priced: int
    absent: tuple[str, ...]
    """The columns that the file lacks; they were taken as missing."""


def score_file(
    source: Path, *, into: Path, model: PriceModel, progress: Callable[[int], None]
) -> ScoringResult:
    """Price each row of `source` and write the result to `into`, one row each, in the same order.

    `progress` is told how many rows are done. Nothing is left behind when it fails.

    Raises:
        WrongSuffix: of either name.
        TableUnreadable, ZipUnusable: the input is not what its name says.
        OutputUnwritable: no room, no permission, or it is the input itself.
    """
    check_suffix(into, WRITE_SUFFIXES)
    if into.is_dir() or (into.exists() and source.exists() and into.samefile(source)):
        raise OutputUnwritable(f"{into} is {'a folder' if into.is_dir() else 'the input'}.")
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{into.name}{TEMPORARY_MARK}", dir=into.parent) as scratch:
            return _score(source, into=into, model=model, progress=progress, scratch=Path(scratch))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise OutputUnwritable(f"{into} cannot be written: {error}.") from error


def _score(
    source: Path, *, into: Path, model: PriceModel, progress: Callable[[int], None], scratch: Path
) -> ScoringResult:
    table = open_table(source, columns=COLUMNS, scratch=scratch, aliases=ALIASES)
    counted = _Counted(progress)
    scored = _in_order(
        partial(score, model=model), table.batches(rows=BATCH_ROWS), at_once=os.cpu_count() or 1
    )
    write_table(map(counted, scored), schema=SCORED, into=into, scratch=scratch)
    absent = tuple(name for name in COLUMNS if name not in table.columns)
    return ScoringResult(rows=counted.rows, priced=counted.priced, absent=absent)


class _Counted:
    """Counts the rows that pass, and tells."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self.rows = self.priced = 0
        self._progress = progress

    def __call__(self, batch: pl.DataFrame) -> pl.DataFrame:
        self.rows += batch.height
        self.priced += batch.height - batch["price"].null_count()
        self._progress(self.rows)
        return batch


def _in_order(work: Callable[[Item], Done], items: Iterable[Item], *, at_once: int) -> Iterator[Done]:
    """Work on some items at a time; the trees, which take most of it, leave Python to other threads."""
    with ThreadPoolExecutor(at_once) as pool:
        waiting: deque[Future[Done]] = deque()
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > at_once:  # one is ready while all cores work
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
