"""Divide listings by car: each car belongs to the period of its first posting, and its re-posts to none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from carvalue.listings.datasets.periods import SPLITS, ListingsPart, Periods, SplitName
from carvalue.parallel import (
    ROW,
    Table,
    Workers,
    number_rows,
    part_file,
    shuffle,
    with_part,
    written_part,
)


@dataclass(frozen=True, kw_only=True)
class Reposts:
    """Listings whose car was first posted in an earlier period.

    Attributes:
        rows: One table for each part of the listings: the numbers of these rows.
        kept: Split to number of other listings.
        dropped: Split to number of these listings.
    """

    rows: list[Table]
    kept: Mapping[SplitName, int]
    dropped: Mapping[SplitName, int]


@dataclass(frozen=True, kw_only=True)
class _Found:
    path: Path
    kept: dict[SplitName, int]
    dropped: dict[SplitName, int]


def find_reposts(parts: Sequence[ListingsPart], *, periods: Periods, workers: Workers, into: Path) -> Reposts:
    """Find the listings whose car was first posted in an earlier period.

    Args:
        parts: All listings.
        periods: The periods.
        workers: Where the tasks run.
        into: An empty folder for temporary files.

    Returns:
        The rows, and the counts of each split.
    """
    by_car = shuffle(
        [partial(_postings, part) for part in parts], by="car", workers=workers, into=into / "by-car"
    )
    found = workers.map(
        partial(_find, periods=periods, into=into / "found"),
        list(enumerate(by_car)),
        description="find re-posts",
    )
    tables = [partial(_rows, bucket.path) for bucket in found]
    return Reposts(
        rows=shuffle(tables, by="part", workers=workers, into=into / "by-part", buckets=len(parts)),
        kept={name: sum(bucket.kept[name] for bucket in found) for name in SPLITS},
        dropped={name: sum(bucket.dropped[name] for bucket in found) for name in SPLITS},
    )


def write_splits(
    parts: Sequence[ListingsPart], reposts: Reposts, *, periods: Periods, workers: Workers, into: Path
) -> dict[SplitName, list[Path]]:
    """Write the listings that are no re-posts, sorted by time and id.

    Args:
        parts: All listings.
        reposts: Those to leave out.
        periods: The periods.
        workers: Where the tasks run.
        into: An empty folder for the files.

    Returns:
        Split to its files, one for each range of time, in order.
    """
    tables = [
        partial(_kept, part, rows, periods=periods) for part, rows in zip(parts, reposts.rows, strict=True)
    ]
    paths = write_ranges(tables, periods=periods, workers=workers, into=into, description="write splits")
    return {name: [paths[index] for index in periods.indexes(name)] for name in SPLITS}


def write_ranges(
    tables: Sequence[Table], *, periods: Periods, workers: Workers, into: Path, description: str
) -> list[Path]:
    """Write rows to one file for each range of time, sorted by time and id.

    Args:
        tables: The rows, with the column `range`.
        periods: The ranges.
        workers: Where the tasks run.
        into: An empty folder for the files.
        description: What the tasks do, for log lines.

    Returns:
        The files in the order of the ranges.
    """
    buckets = shuffle(
        tables, by="range", workers=workers, into=into / "by-range", buckets=len(periods.ranges)
    )
    return workers.map(
        partial(_write_sorted, into=into / "sorted"), list(enumerate(buckets)), description=description
    )


def _postings(part: ListingsPart) -> pl.LazyFrame:
    return number_rows(part.scan(), part=part.number).select(ROW, "car", "posted_at")


def _find(numbered: tuple[int, Table], *, periods: Periods, into: Path) -> _Found:
    """Find the re-posts of some cars."""
    number, table = numbered
    postings = table().collect(engine="streaming")
    first = pl.col("posted_at").min().over("car")
    assigned = postings.select(
        ROW, split=periods.split_of(pl.col("posted_at")), first_split=periods.split_of(first)
    )
    is_repost = assigned["split"] != assigned["first_split"]
    path = part_file(into, number)
    with written_part(path) as temporary:
        assigned.filter(is_repost).select(ROW).write_parquet(temporary, compression="lz4")
    return _Found(path=path, kept=_count(assigned, ~is_repost), dropped=_count(assigned, is_repost))


def _count(assigned: pl.DataFrame, chosen: pl.Series) -> dict[SplitName, int]:
    counts = dict(assigned.filter(chosen)["split"].value_counts().iter_rows())
    return {name: counts.get(name, 0) for name in SPLITS}


def _rows(path: Path) -> pl.LazyFrame:
    return with_part(pl.scan_parquet(path))


def _kept(part: ListingsPart, dropped: Table, *, periods: Periods) -> pl.LazyFrame:
    listings = number_rows(part.scan(), part=part.number)
    # before the join, so that a filter by range comes before it, too
    ranged = listings.with_columns(range=periods.range_of(pl.col("posted_at")))
    return ranged.join(dropped().select(ROW), on=ROW, how="anti").drop(ROW)


def _write_sorted(numbered: tuple[int, Table], *, into: Path) -> Path:
    number, table = numbered
    path = part_file(into, number)
    with written_part(path) as temporary:
        table().drop("range").sort("posted_at", "id").sink_parquet(temporary, engine="streaming")
    return path
