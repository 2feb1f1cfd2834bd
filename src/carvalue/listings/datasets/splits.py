"""Train, validation and test by time and by car, with a fingerprint and a leak report."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Literal, cast, get_args

import polars as pl

from carvalue.errors import AppError
from carvalue.files import write_artifact
from carvalue.listings.cleaning import advertisement_key
from carvalue.listings.datasets.fingerprint import dataset_fingerprint
from carvalue.listings.datasets.reposts import write_reposts

logger = logging.getLogger(__name__)

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
SPLIT_REPORT = "splits.json"
HELD_OUT = 0.15  # of all listings, by time: the latest for the test, those before for the validation


class NotEnoughListings(AppError):
    """Time does not part the listings into three splits that are not empty."""

    status, hint = 422, "Point DATA_SOURCE at more listings, posted over a longer time."


class SplitLeak(AppError):
    """A split holds what another one holds: a fault of this program, caught before it spoils a model."""

    hint = "Report it with the leak report; the earlier datasets are untouched."


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """What one split consists of."""

    rows: int
    cars: int
    first_posted_at: datetime
    last_posted_at: datetime


@dataclass(frozen=True, kw_only=True)
class LeakReport:
    """What two splits have in common, measured on the written files."""

    cars_shared: int
    listings_shared: int
    periods_overlapping: int


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """The written splits, `<name>.parquet` in a folder; listings = rows of all splits + re-posts dropped."""

    folder: Path
    periods: Mapping[SplitName, SplitSummary]
    fingerprint: str
    reposts_dropped: Mapping[SplitName, int]
    leaks: LeakReport


def split(clean: Path, *, into: Path) -> SplitReport:
    """Write the three splits of a clean table as Parquet, each in the order of posting.

    A car belongs to the period of its first posting; its re-posts in a later period are dropped. Those in the
    test's period that say something new are kept beside the splits, to be measured apart.

    Raises:
        NotEnoughListings: a split would be empty.
        Leak: the written splits share a car, an advertisement or a time.
    """
    into.mkdir(parents=True, exist_ok=True)
    (into / SPLIT_REPORT).unlink(missing_ok=True)  # it must not speak for splits that are being rewritten
    listings = pl.scan_parquet(clean)
    assigned = _assign(listings)
    paths = _write(listings, assigned, into=into)
    periods = {name: _measure(path) for name, path in paths.items()}
    moved = assigned.filter((pl.col("split") == "test") & (pl.col("home") != "test")).select("id")
    known = (paths["train"], paths["validation"])
    reposts = write_reposts(listings, ids=moved, known=known, into=into)
    leaks = _leaks(paths, periods)
    if leaks != LeakReport(cars_shared=0, listings_shared=0, periods_overlapping=0):
        raise SplitLeak(f"The splits are not apart: {leaks}.")
    report = SplitReport(
        folder=into,
        periods=periods,
        fingerprint=dataset_fingerprint(paths[name] for name in SPLITS),
        reposts_dropped=_dropped(assigned),
        leaks=leaks,
    )
    write_artifact(report, into / SPLIT_REPORT)
    logger.info(
        "listings split",
        extra={name: period.rows for name, period in periods.items()}
        | {"reposts": reposts, "fingerprint": report.fingerprint},
    )
    return report


def _assign(listings: pl.LazyFrame) -> pl.DataFrame:
    """Give each listing's own period (`split`) and the period in which its car came first (`home`)."""
    keys = listings.select("id", "car", "posted_at").collect(engine="streaming")
    if keys.is_empty():
        raise NotEnoughListings("There is no listing to split.")
    borders = [_quantile(keys["posted_at"], share) for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT)]
    return keys.select(
        "id",
        split=_period(pl.col("posted_at"), borders),
        home=_period(pl.col("posted_at").min().over("car"), borders),
    )


def _quantile(moments: pl.Series, share: float) -> datetime:
    return cast("datetime", moments.sort()[int(len(moments) * share)])


def _period(moment: pl.Expr, borders: list[datetime]) -> pl.Expr:
    # listings of one and the same moment go to the later period together, so that periods never touch
    later = [
        pl.when(moment >= pl.lit(border)).then(pl.lit(name))
        for border, name in zip(borders, SPLITS[1:], strict=True)
    ]
    return pl.coalesce(*reversed(later), pl.lit(SPLITS[0])).cast(pl.Enum(SPLITS))


def _write(listings: pl.LazyFrame, assigned: pl.DataFrame, *, into: Path) -> Mapping[SplitName, Path]:
    paths = {name: into / f"{name}.parquet" for name in SPLITS}
    stay = assigned.filter(pl.col("split") == pl.col("home"))
    for name, path in paths.items():
        ids = stay.filter(pl.col("split") == name).select("id")
        if ids.is_empty():
            raise NotEnoughListings(f"The {name} split is empty: {_spread(listings)}.")
        part = listings.join(ids.lazy(), on="id", how="semi").sort("posted_at", "id")
        part.sink_parquet(path, engine="streaming")
    return paths


def _spread(listings: pl.LazyFrame) -> str:
    moment = pl.col("posted_at")
    spread = listings.select(
        rows=pl.len(),
        moments=moment.n_unique(),
        cars=pl.col("car").n_unique(),
        first=moment.min(),
        last=moment.max(),
    )
    row = spread.collect().row(0, named=True)
    return (
        f"found {row['rows']} listings of {row['cars']} cars, posted at {row['moments']} moments "
        f"from {row['first']} to {row['last']}"
    )


def _measure(path: Path) -> SplitSummary:
    moment = pl.col("posted_at")
    found = pl.scan_parquet(path).select(
        rows=pl.len(), cars=pl.col("car").n_unique(), first=moment.min(), last=moment.max()
    )
    row = found.collect().row(0, named=True)
    return SplitSummary(
        rows=row["rows"],
        cars=row["cars"],
        first_posted_at=row["first"],
        last_posted_at=row["last"],
    )


def _leaks(paths: Mapping[SplitName, Path], periods: Mapping[SplitName, SplitSummary]) -> LeakReport:
    keys = pl.concat(
        pl.scan_parquet(path).select("car", said=advertisement_key(), split=pl.lit(name))
        for name, path in paths.items()
    ).collect(engine="streaming")
    ordered = [periods[name] for name in SPLITS]
    return LeakReport(
        cars_shared=_shared(keys, "car"),
        listings_shared=_shared(keys, "said"),
        periods_overlapping=sum(
            earlier.last_posted_at >= later.first_posted_at for earlier, later in pairwise(ordered)
        ),
    )


def _shared(keys: pl.DataFrame, key: str) -> int:
    return keys.group_by(key).agg(pl.col("split").n_unique()).filter(pl.col("split") > 1).height


def _dropped(assigned: pl.DataFrame) -> Mapping[SplitName, int]:
    moved = assigned.filter(pl.col("split") != pl.col("home"))
    return {name: moved.filter(pl.col("split") == name).height for name in SPLITS[1:]}
