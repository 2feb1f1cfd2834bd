"""Split clean listings into train, validation and test by time and by car, and check for leaks."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from carvalue.errors import AppError
from carvalue.files import write_artifact
from carvalue.listings.cleaning import description_key
from carvalue.listings.datasets.cars import Reposts, find_reposts, write_splits
from carvalue.listings.datasets.fingerprint import dataset_fingerprint
from carvalue.listings.datasets.leaks import LeakReport, SplitSummary, measure_splits
from carvalue.listings.datasets.periods import (
    SPLITS,
    ListingsPart,
    Periods,
    SplitName,
    find_periods,
)
from carvalue.listings.datasets.reposts import REPOSTS_FILE, write_reposts
from carvalue.parallel import (
    IN_PROCESS,
    Workers,
    group_parts,
    parts_of,
    scratch_folder,
    store_table,
)

logger = logging.getLogger(__name__)

SPLIT_REPORT = "splits.json"
"""The `SplitReport`, in the folder of the splits."""


class NotEnoughListings(AppError):
    """The listings cannot be split by time into three splits that are not empty."""

    status, hint = 422, "Set DATA_SOURCE to more listings, posted over a longer period."


class SplitLeak(AppError):
    """Two splits share a car, a listing or a time; this is a bug of this program."""

    hint = "Report this bug with the leak report; earlier datasets are unchanged."


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """The written splits; the rows of all splits and the dropped re-posts add up to the clean listings.

    Attributes:
        folder: The folder of the splits, `<name>.parquet` each: a file, or a folder of files.
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


def split(
    clean: Path, *, into: Path, sales: Path | None = None, workers: Workers = IN_PROCESS
) -> SplitReport:
    """Write the three splits of a clean table as Parquet files, each sorted by posting time.

    A car belongs to the period of its first posting; its re-posts in later periods are dropped. Re-posts in
    the test period with new content are written to a separate file, to be evaluated separately. Reported
    sales become training rows only, and only for cars that the other splits do not hold.

    Args:
        clean: The clean table: a Parquet file, or a folder of them.
        into: The folder to write to.
        sales: Screened sales with the same columns; None if there are none.
        workers: Where the tasks run. The rows and the report are the same everywhere; with several
            partitions, a split is a folder of files, one for each range of time.

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
    workers = workers.for_rows(_count_rows(clean))
    groups = group_parts(parts_of(clean), workers.partitions)
    listings = [ListingsPart(number=number, files=files) for number, files in enumerate(groups)]
    with scratch_folder(into) as scratch:
        periods, reposts = _divide(listings, workers=workers, scratch=scratch)
        paths = write_splits(listings, reposts, periods=periods, workers=workers, into=scratch / "splits")
        if sales is not None:
            _add_sales(pl.read_parquet(sales), paths, listings=_scan(listings))
        new_reposts = write_reposts(
            listings,
            reposts,
            known=[*paths["train"], *paths["validation"]],
            periods=periods,
            workers=workers,
            into=scratch / "reposts",
        )
        summaries, leaks = measure_splits(paths, workers=workers, into=scratch / "leaks")
        if leaks != LeakReport(cars_shared=0, listings_shared=0, periods_overlapping=0):
            raise SplitLeak(f"The splits overlap: {leaks}.")
        fingerprint = dataset_fingerprint(paths[name] for name in SPLITS)
        for name, files in paths.items():
            store_table(files, into / f"{name}.parquet")
        store_table(new_reposts, into / REPOSTS_FILE)
    report = SplitReport(
        folder=into,
        periods=summaries,
        fingerprint=fingerprint,
        reposts_dropped={name: reposts.dropped[name] for name in SPLITS[1:]},
        leaks=leaks,
    )
    write_artifact(report, into / SPLIT_REPORT)
    logger.info(
        "listings split",
        extra={name: period.rows for name, period in summaries.items()}
        | {"reposts": _count_rows(into / REPOSTS_FILE), "fingerprint": fingerprint},
    )
    return report


def _divide(listings: Sequence[ListingsPart], *, workers: Workers, scratch: Path) -> tuple[Periods, Reposts]:
    """Divide listings by time and by car, and refuse a division with an empty split."""
    periods = find_periods(listings, workers=workers, into=scratch / "moments")
    if periods is None:
        raise NotEnoughListings("There is no listing to split.")
    reposts = find_reposts(listings, periods=periods, workers=workers, into=scratch / "cars")
    for name in SPLITS:
        if not reposts.kept[name]:
            raise NotEnoughListings(f"The {name} split is empty: {_summary(_scan(listings))}.")
    return periods, reposts


def _scan(listings: Sequence[ListingsPart]) -> pl.LazyFrame:
    return pl.concat(part.scan() for part in listings)


def _count_rows(path: Path) -> int:
    return int(pl.scan_parquet(parts_of(path), glob=False).select(pl.len()).collect().item())


def _add_sales(
    sales: pl.DataFrame, paths: Mapping[SplitName, Sequence[Path]], *, listings: pl.LazyFrame
) -> None:
    """Append sales, dated as the newest training row, unless another split holds the car under any key.

    A car has one key, but each of its postings may describe it differently, also those that are in no split.
    """
    files = [path for name in SPLITS[1:] for path in paths[name]]
    held_out = pl.scan_parquet(files, glob=False).select("car")
    described = listings.join(held_out, on="car", how="semi").select(car=description_key())
    keys = pl.concat([held_out, described]).unique().collect(engine="streaming")
    *_, newest = paths["train"]
    train = pl.read_parquet(newest)
    last = (
        pl.scan_parquet(list(paths["train"]), glob=False).select(pl.col("posted_at").max()).collect().item()
    )
    dated = sales.join(keys, on="car", how="anti", maintain_order="left").with_columns(
        posted_at=pl.lit(last, train.schema["posted_at"])
    )
    pl.concat([train, dated]).write_parquet(newest)


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
