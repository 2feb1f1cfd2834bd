"""Re-posts: test-period listings of cars that are already in training or validation, evaluated separately."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import advertisement_key
from carvalue.listings.datasets.cars import Reposts, write_ranges
from carvalue.listings.datasets.periods import ListingsPart, Periods
from carvalue.parallel import ROW, Table, Workers, number_rows, part_file, shuffle, written_part

REPOSTS_FILE = "reposts.parquet"


def write_reposts(
    parts: Sequence[ListingsPart],
    reposts: Reposts,
    *,
    known: Sequence[Path],
    periods: Periods,
    workers: Workers,
    into: Path,
) -> list[Path]:
    """Write the re-posts whose content differs from every training and validation listing.

    Args:
        parts: All listings.
        reposts: The listings whose car was first posted in an earlier period.
        known: The files of the training and validation splits.
        periods: The periods.
        workers: Where the tasks run.
        into: An empty folder for the files.

    Returns:
        The files, one for each range of the test period, sorted by time and id.
    """
    tables = [
        partial(_in_test, part, rows, periods=periods) for part, rows in zip(parts, reposts.rows, strict=True)
    ]
    seen = [partial(_contents, path) for path in known]
    pairs = zip(
        shuffle(tables, by="content", workers=workers, into=into / "by-content"),
        shuffle(seen, by="content", workers=workers, into=into / "known-by-content"),
        strict=True,
    )
    new = workers.map(
        partial(_write_new, into=into / "new"), list(enumerate(pairs)), description="compare re-posts"
    )
    paths = write_ranges(
        [partial(pl.scan_parquet, path) for path in new],
        periods=periods,
        workers=workers,
        into=into,
        description="write re-posts",
    )
    return [paths[index] for index in periods.indexes("test")]


def _in_test(part: ListingsPart, reposts: Table, *, periods: Periods) -> pl.LazyFrame:
    listings = number_rows(part.scan(), part=part.number).filter(pl.col("posted_at") >= periods.borders[-1])
    return (
        listings.join(reposts(), on=ROW, how="semi")
        .drop(ROW)
        .with_columns(content=advertisement_key(), range=periods.range_of(pl.col("posted_at")))
    )


def _contents(path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path).select(content=advertisement_key())


def _write_new(numbered: tuple[int, tuple[Table, Table]], *, into: Path) -> Path:
    number, (reposts, seen) = numbered
    path = part_file(into, number)
    with written_part(path) as temporary:
        new = reposts().join(seen().unique(), on="content", how="anti").drop("content")
        new.sink_parquet(temporary, compression="lz4", engine="streaming")
    return path
