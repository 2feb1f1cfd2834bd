"""Raw file in, listings out, every rejected row counted by reason; streamed, whatever the file's size."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from carvalue.errors import AppError
from carvalue.files import write_artifact
from carvalue.files.tabular import scan_csv
from carvalue.listings.cleaning import identity, rules

logger = logging.getLogger(__name__)

LISTINGS_FILE = "listings.parquet"
REJECTS_FILE = "rejects.parquet"
CLEANING_REPORT = "cleaning.json"

COLUMNS = ("id", "car", "posted_at", *identity.ADVERTISED_FIELDS, *rules.DEGREES)
"""The clean table: `car` is one key for each car, however often it was posted."""
REJECT_COLUMNS = ("id", "posted_at", "reason", "value")

CHUNK_BYTES = 8 << 20  # half of what Polars takes: a fifth less memory at its peak, no slower

SAME_ID = "id came before"
SAME_ADVERTISEMENT = "same advertisement came before"


class RawUnreadable(AppError):
    """The raw file is no CSV with the columns of a vehicles file."""

    status, hint = 422, "Point DATA_SOURCE at a CSV with the columns of Kaggle's vehicles.csv."


class NoCleanListings(AppError):
    """Not one row was fit to be a listing."""

    status, hint = 422, "The rejects report names what each row broke."


@dataclass(frozen=True, kw_only=True)
class CleaningReport:
    """What became of the rows of the raw file: read = kept + all rejected."""

    listings: Path
    rejects: Path
    read: int
    kept: int
    cars: int
    rejected: Mapping[str, int]
    repaired: Mapping[str, int]


def clean(raw: Path, *, into: Path, now: datetime | None = None) -> CleaningReport:
    """Write the listings of a raw CSV and the rejected rows with their reasons as Parquet into a folder.

    Raises:
        RawUnreadable: the file is no CSV, or lacks a column that listings need.
        NoCleanListings: every row was rejected.
    """
    into.mkdir(parents=True, exist_ok=True)
    done, staged = into / CLEANING_REPORT, into / "staged.parquet"
    done.unlink(missing_ok=True)  # an earlier report must not speak for tables that are being rewritten
    try:
        _stage(raw, staged, now=now or datetime.now(UTC))
        report = _sort_out(staged, into=into)
    finally:
        staged.unlink(missing_ok=True)
    write_artifact(report, done)
    logger.info(
        "listings cleaned",
        extra={
            "read": report.read,
            "kept": report.kept,
            "cars": report.cars,
            "rejected": dict(report.rejected),
        },
    )
    return report


def _stage(raw: Path, staged: Path, *, now: datetime) -> None:
    judged = _judge(raw, now=now)
    try:
        judged.sink_parquet(staged, compression="lz4", statistics=False, engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise RawUnreadable(f"{raw} is not a readable CSV: {error}.") from error


def _judge(raw: Path, *, now: datetime) -> pl.LazyFrame:
    """Parse each row and name the first rule that it breaks: all that one row says by itself."""
    table, columns = _open(raw)
    if missing := [name for name in rules.REQUIRED_COLUMNS if name not in columns]:
        raise RawUnreadable(f"{raw} lacks {', '.join(missing)}: found {', '.join(columns)}.")
    used = [name for name in (*rules.REQUIRED_COLUMNS, *rules.OPTIONAL_COLUMNS) if name in columns]
    absent = [
        pl.lit(None, pl.String).alias(f"raw.{name}") for name in rules.OPTIONAL_COLUMNS if name not in used
    ]
    return (
        table.select(*(pl.col(name).alias(f"raw.{name}") for name in used), *absent)
        .with_columns(rules.parse_cells())
        .with_columns(*rules.rejection(now=now), *rules.unparsed_flags())
        .with_columns(rules.cast_numbers())
        .with_columns(
            described=identity.description_key(),
            vin=identity.vin_key(pl.col("raw.VIN")),
            content=identity.advertisement_key(),
        )
        .select(pl.exclude("^raw\\..*$"))
    )


def _open(raw: Path) -> tuple[pl.LazyFrame, list[str]]:
    os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", str(CHUNK_BYTES))  # read when a scan starts
    table = scan_csv(raw)
    try:
        return table, table.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RawUnreadable(f"{raw} cannot be opened as a CSV: {error}.") from error


def _sort_out(staged: Path, *, into: Path) -> CleaningReport:
    """Reject what came before, give each listing its car, and write both tables."""
    judged = pl.concat([pl.scan_parquet(staged), _compare(staged).lazy()], how="horizontal")
    judged = judged.with_columns(pl.coalesce("reason", "again").alias("reason"))
    listings, rejects = into / LISTINGS_FILE, into / REJECTS_FILE
    kept = judged.filter(pl.col("reason").is_null()).select(COLUMNS)
    rejected = judged.filter(pl.col("reason").is_not_null()).select(REJECT_COLUMNS)
    kept.sink_parquet(listings, compression="lz4", engine="streaming")
    rejected.sink_parquet(rejects, engine="streaming")
    return _report(staged, listings=listings, rejects=rejects)


def _compare(staged: Path) -> pl.DataFrame:
    """Judge the rows against each other, on keys alone: one row for each staged row, in the same order."""
    keys = pl.read_parquet(staged, columns=["reason", "id", "posted_at", "described", "vin", "content"])
    sound = keys.with_row_index("row").filter(pl.col("reason").is_null()).drop("reason")
    # the earliest stays, whatever the order of the file
    sound = sound.sort("posted_at", "id", "content")
    new_id = sound.filter(pl.col("id").is_first_distinct())
    new = new_id.filter(pl.col("content").is_first_distinct())
    car = new.select("row", car=identity.link_cars(new["described"], new["vin"]))
    again = pl.concat(
        [
            new_id.join(new, on="row", how="anti").select("row", again=pl.lit(SAME_ADVERTISEMENT)),
            sound.join(new_id, on="row", how="anti").select("row", again=pl.lit(SAME_ID)),
        ]
    )
    rows = pl.select(row=pl.int_range(keys.height, dtype=pl.get_index_type()))
    judged = rows.join(car, on="row", how="left", maintain_order="left")
    return judged.join(again, on="row", how="left", maintain_order="left").drop("row")


def _report(staged: Path, *, listings: Path, rejects: Path) -> CleaningReport:
    kept = pl.scan_parquet(listings).select(rows=pl.len(), cars=pl.col("car").n_unique()).collect()
    reasons = (
        pl.read_parquet(rejects, columns=["reason"])["reason"]
        .value_counts()
        .sort("count", "reason", descending=[True, False])
    )
    sound = pl.scan_parquet(staged).filter(pl.col("reason").is_null())
    repaired = sound.select(pl.col(name).sum() for name in rules.REPAIRS).collect()
    report = CleaningReport(
        listings=listings,
        rejects=rejects,
        read=kept["rows"].item() + reasons["count"].sum(),
        kept=kept["rows"].item(),
        cars=kept["cars"].item(),
        rejected=dict(reasons.iter_rows()),
        repaired={name: count for name, count in repaired.row(0, named=True).items() if count},
    )
    if not report.kept:
        raise NoCleanListings(f"None of {report.read} rows is a listing: rejected {dict(report.rejected)}.")
    return report
