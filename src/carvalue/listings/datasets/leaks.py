"""Measure written splits: their size and period, and what they have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import advertisement_key
from carvalue.listings.datasets.periods import SPLITS, SplitName
from carvalue.parallel import Table, Workers, shuffle

NAMES = pl.Enum(SPLITS)


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """The size and the period of one split.

    Attributes:
        rows: The number of listings.
        cars: The number of different cars.
        first_posted_at: The posting time of the first listing.
        last_posted_at: The posting time of the last listing.
    """

    rows: int
    cars: int
    first_posted_at: datetime
    last_posted_at: datetime


@dataclass(frozen=True, kw_only=True)
class LeakReport:
    """What the splits have in common, measured on the written files; all counts must be zero.

    Attributes:
        cars_shared: The number of cars in more than one split.
        listings_shared: The number of advertisements in more than one split.
        periods_overlapping: The number of pairs of successive splits whose periods overlap.
    """

    cars_shared: int
    listings_shared: int
    periods_overlapping: int


@dataclass(frozen=True)
class _Keys:
    different: dict[SplitName, int]  # split to number of different keys
    shared: int


def measure_splits(
    paths: Mapping[SplitName, Sequence[Path]], *, workers: Workers, into: Path
) -> tuple[Mapping[SplitName, SplitSummary], LeakReport]:
    """Measure written splits.

    Args:
        paths: Split to its files.
        workers: Where the tasks run.
        into: An empty folder for temporary files.

    Returns:
        Split to its summary, and what the splits have in common.
    """
    cars = _compare(_cars, paths, workers=workers, into=into / "by-car")
    contents = _compare(_contents, paths, workers=workers, into=into / "by-content")
    summaries = {
        name: _summary(paths[name], cars=sum(bucket.different[name] for bucket in cars)) for name in SPLITS
    }
    ordered = [summaries[name] for name in SPLITS]
    return summaries, LeakReport(
        cars_shared=sum(bucket.shared for bucket in cars),
        listings_shared=sum(bucket.shared for bucket in contents),
        periods_overlapping=sum(
            earlier.last_posted_at >= later.first_posted_at for earlier, later in pairwise(ordered)
        ),
    )


def _compare(
    keys: Callable[[Path, SplitName], pl.LazyFrame],
    paths: Mapping[SplitName, Sequence[Path]],
    *,
    workers: Workers,
    into: Path,
) -> list[_Keys]:
    tables = [partial(keys, path, name) for name in SPLITS for path in paths[name]]
    buckets = shuffle(tables, by="key", workers=workers, into=into)
    return workers.map(_count, buckets, description=f"find leaks {into.name}")


def _cars(path: Path, name: SplitName) -> pl.LazyFrame:
    return pl.scan_parquet(path).select(key="car", split=pl.lit(name, NAMES))


def _contents(path: Path, name: SplitName) -> pl.LazyFrame:
    return pl.scan_parquet(path).select(key=advertisement_key(), split=pl.lit(name, NAMES))


def _count(table: Table) -> _Keys:
    keys = table().unique().collect(engine="streaming")
    different = dict(keys["split"].value_counts().iter_rows())
    return _Keys(
        different={name: different.get(name, 0) for name in SPLITS},
        shared=keys.group_by("key").len().filter(pl.col("len") > 1).height,
    )


def _summary(paths: Sequence[Path], *, cars: int) -> SplitSummary:
    moment = pl.col("posted_at")
    rows = pl.scan_parquet(list(paths), glob=False).select(
        rows=pl.len(), first=moment.min(), last=moment.max()
    )
    row = rows.collect(engine="streaming").row(0, named=True)
    return SplitSummary(rows=row["rows"], cars=cars, first_posted_at=row["first"], last_posted_at=row["last"])
