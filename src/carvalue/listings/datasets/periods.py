"""Periods of posting: the borders between the splits, and the ranges of time in which a split is written."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from carvalue.parallel import Workers, part_file, table_of, written_part

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
"""The names of the splits, in the order of time."""
HELD_OUT = 0.15  # share of the listings for the test (the latest), and for the validation (those before)
SPLIT_SHARES: Mapping[SplitName, float] = {
    "train": 1 - 2 * HELD_OUT,
    "validation": HELD_OUT,
    "test": HELD_OUT,
}
"""Split to its share of the listings, before re-posts are dropped."""


@dataclass(frozen=True, kw_only=True)
class ListingsPart:
    """Listings that one task reads.

    Attributes:
        number: The number of the part, from 0.
        files: Parquet files of the clean table, in order.
    """

    number: int
    files: tuple[Path, ...]

    def scan(self) -> pl.LazyFrame:
        """Open the listings.

        Returns:
            The rows in their order.
        """
        return table_of(self.files)()


@dataclass(frozen=True, kw_only=True)
class Periods:
    """The times that divide listings.

    Attributes:
        borders: The first moment of each split but the first.
        ranges: For each range of time, its split and its first moment, in order.
    """

    borders: tuple[datetime, ...]
    ranges: tuple[tuple[SplitName, datetime], ...]

    def split_of(self, moment: pl.Expr) -> pl.Expr:
        """Find the split of a moment.

        Args:
            moment: Times of posting. Listings posted at the same moment go to the same split, so that periods
                do not overlap.

        Returns:
            An expression of type Enum.
        """
        later = [
            pl.when(moment >= pl.lit(border)).then(pl.lit(name))
            for border, name in zip(self.borders, SPLITS[1:], strict=True)
        ]
        return pl.coalesce(*reversed(later), pl.lit(SPLITS[0])).cast(pl.Enum(SPLITS))

    def range_of(self, moment: pl.Expr) -> pl.Expr:
        """Find the range of a moment.

        Args:
            moment: Times of posting.

        Returns:
            An expression of type UInt32: the index in `ranges`.
        """
        passed = [(moment >= pl.lit(start)).cast(pl.UInt32) for _, start in self.ranges[1:]]
        return pl.sum_horizontal(pl.lit(0, pl.UInt32), *passed)

    def indexes(self, name: SplitName) -> list[int]:
        """Find the ranges of a split.

        Args:
            name: The split.

        Returns:
            Their indexes in `ranges`.
        """
        return [index for index, (split, _) in enumerate(self.ranges) if split == name]


def find_periods(parts: Sequence[ListingsPart], *, workers: Workers, into: Path) -> Periods | None:
    """Divide listings by time: into splits by their shares, and these into ranges of about equal size.

    Args:
        parts: All listings.
        workers: Where the tasks run; there are about as many ranges as partitions, at least one per split.
        into: An empty folder for temporary files.

    Returns:
        The periods; None if there are no listings.
    """
    counted = workers.map(partial(_count_moments, into=into), parts, description="count moments")
    moments = pl.scan_parquet(counted, glob=False)
    if len(counted) > 1:
        moments = moments.group_by("posted_at").agg(pl.col("rows").sum())
    found = moments.sort("posted_at").with_columns(end=pl.col("rows").cum_sum()).collect(engine="streaming")
    if found.is_empty():
        return None
    rows: int = found["end"][-1]
    times, ends = found["posted_at"], found["end"]
    borders = tuple(_at(times, ends, int(rows * share)) for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT))
    return Periods(
        borders=borders, ranges=tuple(_ranges(times, ends, borders, partitions=workers.partitions))
    )


def _count_moments(part: ListingsPart, *, into: Path) -> Path:
    path = part_file(into, part.number)
    with written_part(path) as temporary:
        counts = part.scan().group_by("posted_at").agg(rows=pl.len().cast(pl.Int64))
        counts.sink_parquet(temporary, engine="streaming")
    return path


def _at(times: pl.Series, ends: pl.Series, row: int) -> datetime:
    """Return the moment of a row, in the order of time."""
    moment: datetime = times[int(ends.search_sorted(row, side="right"))]
    return moment


def _ranges(
    times: pl.Series, ends: pl.Series, borders: Sequence[datetime], *, partitions: int
) -> Iterator[tuple[SplitName, datetime]]:
    places = [0, *(bisect_left(times, border) for border in borders), len(times)]
    rows_before = [ends[place - 1] if place else 0 for place in places]
    for name, (begin, end) in zip(SPLITS, pairwise(rows_before), strict=True):
        rows = end - begin
        count = ceil(partitions * rows / rows_before[-1])
        found = {_at(times, ends, begin + rows * number // count) for number in range(count)}
        yield from ((name, moment) for moment in sorted(found))
