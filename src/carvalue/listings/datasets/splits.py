"""Split clean listings into train, validation and test by time and by car, and check for leaks."""

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
from carvalue.listings.cleaning import advertisement_key, description_key
from carvalue.listings.datasets.fingerprint import dataset_fingerprint
from carvalue.listings.datasets.reposts import write_reposts

logger = logging.getLogger(__name__)

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = get_args(SplitName)
"""The names of the splits, in the order of time."""
SPLIT_REPORT = "splits.json"
"""The `SplitReport`, in the folder of the splits."""
HELD_OUT = 0.15  # share of the listings for the test (the latest), and for the validation (those before)
SPLIT_SHARES: Mapping[SplitName, float] = {
    "train": 1 - 2 * HELD_OUT,
    "validation": HELD_OUT,
    "test": HELD_OUT,
}
"""Split to its share of the listings, before re-posts are dropped."""


class NotEnoughListings(AppError):
    """The listings cannot be split by time into three splits that are not empty."""

    status, hint = 422, "Set DATA_SOURCE to more listings, posted over a longer period."


class SplitLeak(AppError):
    """Two splits share a car, a listing or a time; this is a bug of this program."""

    hint = "Report this bug with the leak report; earlier datasets are unchanged."


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


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """The written splits; the rows of all splits and the dropped re-posts add up to the clean listings.

    Attributes:
        folder: The folder of the splits, `<name>.parquet` each.
        periods: Split to its summary.
        fingerprint: The hash of the listings in all splits.
        reposts_dropped: Split to number of dropped listings, whose car was first posted in an earlier split.
        leaks: What the written splits have in common.
    """

    folder: Path
    periods: Mapping[SplitName, SplitSummary]
    fingerprint: str
    reposts_dropped: Mapping[SplitName, int]
    leaks: LeakReport


def split(clean: Path, *, into: Path, sales: Path | None = None) -> SplitReport:
    """Write the three splits of a clean table as Parquet files, each sorted by posting time.

    A car belongs to the period of its first posting; its re-posts in later periods are dropped. Re-posts in
    the test period with new content are written to a separate file, to be evaluated separately. Reported
    sales become training rows only, and only for cars that the other splits do not hold.

    Args:
        clean: The Parquet file of the clean table.
        into: The folder to write to.
        sales: Screened sales with the same columns; None if there are none.

    Returns:
        The report, which is also written to `SPLIT_REPORT`.

    Raises:
        NotEnoughListings: A split would be empty.
        SplitLeak: The written splits share a car, an advertisement or a time.

    Example:
        >>> from datetime import UTC, datetime, timedelta
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from carvalue.listings import FIELDS
        >>> row = {field.name: None for field in FIELDS} | {"lat": 30.3, "long": -97.7}
        >>> start = datetime(2021, 4, 4, tzinfo=UTC)
        >>> rows = [
        ...     row | {"id": day, "car": day, "posted_at": start + timedelta(days=day), "price": 5_000 + day}
        ...     for day in range(20)
        ... ]
        >>> rows[19]["car"] = 0  # the last listing re-posts the first car
        >>> pl.DataFrame(rows).write_parquet("listings.parquet")
        >>> report = split(Path("listings.parquet"), into=Path("splits"))
        >>> {name: summary.rows for name, summary in report.periods.items()}
        {'train': 14, 'validation': 3, 'test': 2}
        >>> report.reposts_dropped["test"], report.leaks.cars_shared
        (1, 0)
    """
    into.mkdir(parents=True, exist_ok=True)
    (into / SPLIT_REPORT).unlink(missing_ok=True)  # it does not describe splits that are being rewritten
    listings = pl.scan_parquet(clean)
    assigned = _assign(listings)
    paths = _write(listings, assigned, into=into)
    if sales is not None:
        _add_sales(pl.read_parquet(sales), paths, listings=listings)
    periods = {name: _measure(path) for name, path in paths.items()}
    reposted = assigned.filter((pl.col("split") == "test") & (pl.col("first_split") != "test")).select("id")
    known = (paths["train"], paths["validation"])
    reposts = write_reposts(listings, ids=reposted, known=known, into=into)
    leaks = _leaks(paths, periods)
    if leaks != LeakReport(cars_shared=0, listings_shared=0, periods_overlapping=0):
        raise SplitLeak(f"The splits overlap: {leaks}.")
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
    """Assign each listing the period of its posting (`split`) and of its car's first one (`first_split`)."""
    keys = listings.select("id", "car", "posted_at").collect(engine="streaming")
    if keys.is_empty():
        raise NotEnoughListings("There is no listing to split.")
    borders = [_quantile(keys["posted_at"], share) for share in (1 - 2 * HELD_OUT, 1 - HELD_OUT)]
    return keys.select(
        "id",
        split=_period(pl.col("posted_at"), borders),
        first_split=_period(pl.col("posted_at").min().over("car"), borders),
    )


def _quantile(moments: pl.Series, share: float) -> datetime:
    return cast("datetime", moments.sort()[int(len(moments) * share)])


def _period(moment: pl.Expr, borders: list[datetime]) -> pl.Expr:
    # listings posted at the same moment go to the same, later period, so that periods do not overlap
    later = [
        pl.when(moment >= pl.lit(border)).then(pl.lit(name))
        for border, name in zip(borders, SPLITS[1:], strict=True)
    ]
    return pl.coalesce(*reversed(later), pl.lit(SPLITS[0])).cast(pl.Enum(SPLITS))


def _write(listings: pl.LazyFrame, assigned: pl.DataFrame, *, into: Path) -> Mapping[SplitName, Path]:
    paths = {name: into / f"{name}.parquet" for name in SPLITS}
    kept = assigned.filter(pl.col("split") == pl.col("first_split"))
    for name, path in paths.items():
        ids = kept.filter(pl.col("split") == name).select("id")
        if ids.is_empty():
            raise NotEnoughListings(f"The {name} split is empty: {_summary(listings)}.")
        part = listings.join(ids.lazy(), on="id", how="semi").sort("posted_at", "id")
        part.sink_parquet(path, engine="streaming")
    return paths


def _add_sales(sales: pl.DataFrame, paths: Mapping[SplitName, Path], *, listings: pl.LazyFrame) -> None:
    """Append sales, dated as the newest training row, unless another split holds the car under any key.

    A car has one key, but each of its postings may describe it differently, also those that are in no split.
    """
    held_out = pl.concat(pl.scan_parquet(paths[name]).select("car") for name in SPLITS[1:])
    described = listings.join(held_out, on="car", how="semi").select(car=description_key())
    keys = pl.concat([held_out, described]).unique().collect(engine="streaming")
    train = pl.read_parquet(paths["train"])
    dated = sales.join(keys, on="car", how="anti", maintain_order="left").with_columns(
        posted_at=pl.lit(train["posted_at"].max(), train.schema["posted_at"])
    )
    pl.concat([train, dated]).write_parquet(paths["train"])


def _summary(listings: pl.LazyFrame) -> str:
    moment = pl.col("posted_at")
    summary = listings.select(
        rows=pl.len(),
        moments=moment.n_unique(),
        cars=pl.col("car").n_unique(),
        first=moment.min(),
        last=moment.max(),
    )
    row = summary.collect().row(0, named=True)
    return (
        f"found {row['rows']} listings of {row['cars']} cars, posted at {row['moments']} moments "
        f"from {row['first']} to {row['last']}"
    )


def _measure(path: Path) -> SplitSummary:
    moment = pl.col("posted_at")
    summary = pl.scan_parquet(path).select(
        rows=pl.len(), cars=pl.col("car").n_unique(), first=moment.min(), last=moment.max()
    )
    row = summary.collect().row(0, named=True)
    return SplitSummary(
        rows=row["rows"],
        cars=row["cars"],
        first_posted_at=row["first"],
        last_posted_at=row["last"],
    )


def _leaks(paths: Mapping[SplitName, Path], periods: Mapping[SplitName, SplitSummary]) -> LeakReport:
    keys = pl.concat(
        pl.scan_parquet(path).select("car", content=advertisement_key(), split=pl.lit(name))
        for name, path in paths.items()
    ).collect(engine="streaming")
    ordered = [periods[name] for name in SPLITS]
    return LeakReport(
        cars_shared=_shared(keys, "car"),
        listings_shared=_shared(keys, "content"),
        periods_overlapping=sum(
            earlier.last_posted_at >= later.first_posted_at for earlier, later in pairwise(ordered)
        ),
    )


def _shared(keys: pl.DataFrame, key: str) -> int:
    return keys.group_by(key).agg(pl.col("split").n_unique()).filter(pl.col("split") > 1).height


def _dropped(assigned: pl.DataFrame) -> Mapping[SplitName, int]:
    dropped = assigned.filter(pl.col("split") != pl.col("first_split"))
    return {name: dropped.filter(pl.col("split") == name).height for name in SPLITS[1:]}
