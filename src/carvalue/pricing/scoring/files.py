"""Score a file of any size: in batches, one on each core, with bounded memory."""

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
from carvalue.pricing.scoring.table import LISTING_COLUMNS, SCORED_SCHEMA, score

BATCH_ROWS = 32_768  # names that repeat within a batch are parsed once; larger batches gain little

Item = TypeVar("Item")
Result = TypeVar("Result")


class OutputUnwritable(AppError):
    """The output file cannot be written."""

    status, hint = 507, "Free some space, or name another OUTPUT; an existing OUTPUT is unchanged."


@dataclass(frozen=True, kw_only=True)
class ScoringResult:
    """Summary of a scored file."""

    rows: int
    """Rows of the file."""
    priced: int
    """Rows with a price."""
    missing_columns: tuple[str, ...]
    """Columns that the file does not have; their values were treated as missing."""


def score_file(
    source: Path, *, into: Path, model: PriceModel, progress: Callable[[int], None]
) -> ScoringResult:
    """Score each row of a file, and write the results to another file in the same order.

    A failure leaves no partial output, and an existing output unchanged.

    Args:
        source: Table to score.
        into: Output file, with one row of `SCORED_SCHEMA` for each row of `source`.
        model: Model that quotes.
        progress: Called with the number of rows that are done.

    Returns:
        Summary of the file.

    Raises:
        WrongSuffix: A file name has an unknown suffix.
        TableUnreadable: The content of `source` is not what its suffix states.
        ZipUnusable: `source` is a damaged or unsafe archive.
        OutputUnwritable: The disk is full, a permission is missing, or `into` is a folder or the input.
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
    table = open_table(source, columns=LISTING_COLUMNS, scratch=scratch, aliases=ALIASES)
    counter = _RowCounter(progress)
    score_batch = partial(score, model=model)
    scored = _map_in_order(score_batch, table.batches(rows=BATCH_ROWS), threads=os.cpu_count() or 1)
    write_table(map(counter, scored), schema=SCORED_SCHEMA, into=into, scratch=scratch)
    missing = tuple(name for name in LISTING_COLUMNS if name not in table.columns)
    return ScoringResult(rows=counter.rows, priced=counter.priced, missing_columns=missing)


class _RowCounter:
    """Counts the rows of the batches that pass through it, and reports the progress."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self.rows = self.priced = 0
        self._progress = progress

    def __call__(self, batch: pl.DataFrame) -> pl.DataFrame:
        self.rows += batch.height
        self.priced += batch.height - batch["price"].null_count()
        self._progress(self.rows)
        return batch


def _map_in_order(work: Callable[[Item], Result], items: Iterable[Item], *, threads: int) -> Iterator[Result]:
    """Process some items in parallel; the tree prediction, which takes most of the time, releases the GIL."""
    with ThreadPoolExecutor(threads) as pool:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) > threads:  # one more than threads, so that a result can wait while all are busy
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
