"""Clean raw files of any size, streamed: write the listings, and the rejected rows with their reasons."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from carvalue.errors import AppError
from carvalue.files import write_artifact
from carvalue.files.tabular import scan_csv
from carvalue.listings.cleaning import identity, rules
from carvalue.listings.cleaning.vin_details import (
    add_vin_details,
    count_filled,
    read_vin_details,
    vehicle_descriptor,
)

logger = logging.getLogger(__name__)

LISTINGS_FILE = "listings.parquet"
"""The clean table, in the folder that `clean` writes to."""
REJECTS_FILE = "rejects.parquet"
CLEANING_REPORT = "cleaning.json"
"""The `CleaningReport`, in the same folder."""

COLUMNS = ("id", "car", "posted_at", *identity.ADVERTISED_FIELDS, *rules.DEGREES)
"""The columns of the clean table; `car` is equal for all listings of the same car."""
FILE = "file"  # of staged rows: the number of the raw file
REJECT_COLUMNS = ("id", "posted_at", "reason", "value")

CHUNK_BYTES = 8 << 20  # half of Polars' default: a fifth less peak memory at the same speed

DELETED_BY_SOURCE = "deleted by its source"
CORRECTED = "corrected in a later file"
SAME_ID = "id came before"
SAME_ADVERTISEMENT = "same advertisement came before"


class RawUnreadable(AppError):
    """The raw file is not a CSV, or lacks required columns."""

    status, hint = 422, "Point DATA_SOURCE at a CSV with the columns of Kaggle's vehicles.csv."


class NoCleanListings(AppError):
    """Every row was rejected."""

    status, hint = 422, "`carvalue check-data FILE` shows examples, and what to correct."


@dataclass(frozen=True, kw_only=True)
class CleaningReport:
    """Row counts of one cleaning; `read` equals `kept` plus all rejected rows.

    Attributes:
        listings: The Parquet file of the clean table, with the columns `COLUMNS`.
        rejects: The Parquet file of the rejected rows, with the columns `REJECT_COLUMNS`.
        read: The number of rows of the raw file.
        kept: The number of rows of the clean table.
        cars: The number of different cars in the clean table.
        rejected: Reason to number of rejected rows, the most frequent first.
        repaired: Name of a repair to number of listings in which a value was set to null.
        filled: Field to number of listings in which the VIN added a value, or the trim to the model.
    """

    listings: Path
    rejects: Path
    read: int
    kept: int
    cars: int
    rejected: Mapping[str, int]
    repaired: Mapping[str, int]
    filled: Mapping[str, int] = field(default_factory=dict)


def clean(raw: Path | Sequence[Path], *, into: Path, now: datetime | None = None) -> CleaningReport:
    """Write the clean listings of raw files, and their rejected rows, as Parquet files.

    Of rows with the same id, those of the last file that has the id count: a later file corrects an earlier
    one. If a row there is marked as deleted, none counts.

    Args:
        raw: A CSV file with at least the columns `REQUIRED_COLUMNS` of the cleaning rules, or Parquet files
            with texts in these columns and in `OPTIONAL_COLUMNS`, in their order.
        into: The folder to write to.
        now: The present time; None reads the clock. Rows posted more than a day later are rejected.

    Returns:
        The report, which is also written to `CLEANING_REPORT`.

    Raises:
        RawUnreadable: A file cannot be read, or lacks a required column.
        NoCleanListings: Every row was rejected.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> from carvalue.listings.schema import RAW_COLUMNS
        >>> row = dict.fromkeys(RAW_COLUMNS) | {"manufacturer": "kia", "model": "rio", "year": "2012"}
        >>> row |= {"posting_date": "2021-04-20T09:30:00-0500", "odometer": "91205"}
        >>> rows = [row | {"id": "1", "price": "4500"}, row | {"id": "2", "price": "4300"}]
        >>> rows += [row | {"id": "3", "price": "0"}]
        >>> pl.DataFrame(rows, schema=dict.fromkeys(row, pl.String)).write_csv("raw.csv")
        >>> report = clean(Path("raw.csv"), into=Path("clean"))
        >>> report.read, report.kept, report.cars
        (3, 2, 1)
        >>> report.rejected
        {'price out of range': 1}
    """
    into.mkdir(parents=True, exist_ok=True)
    done, staged = into / CLEANING_REPORT, into / "staged.parquet"
    done.unlink(missing_ok=True)  # an earlier report does not describe tables that are being rewritten
    try:
        _write_parsed(raw, staged, now=now or datetime.now(UTC))
        report = _write_tables(staged, into=into)
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
            "filled": dict(report.filled),
        },
    )
    return report


def _write_parsed(raw: Path | Sequence[Path], staged: Path, *, now: datetime) -> None:
    parsed = _parse(raw, now=now)
    try:
        parsed.sink_parquet(staged, compression="lz4", statistics=False, engine="streaming")
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise RawUnreadable(f"{_shown(raw)} cannot be read to its end: {reason}.") from error


def _parse(raw: Path | Sequence[Path], *, now: datetime) -> pl.LazyFrame:
    """Parse each row and find the first rule that it breaks, without comparing it with other rows."""
    table, columns = _open(raw)
    if missing := [name for name in rules.REQUIRED_COLUMNS if name not in columns]:
        raise RawUnreadable(f"{_shown(raw)} lacks {', '.join(missing)}: found {', '.join(columns)}.")
    used = [name for name in (*rules.REQUIRED_COLUMNS, *rules.OPTIONAL_COLUMNS) if name in columns]
    absent = [
        pl.lit(None, pl.String).alias(f"raw.{name}") for name in rules.OPTIONAL_COLUMNS if name not in used
    ]
    return (
        table.select(FILE, *(pl.col(name).alias(f"raw.{name}") for name in used), *absent)
        .with_columns(rules.parse_cells())
        .with_columns(*rules.rejection(now=now), *rules.unparsed_flags())
        .with_columns(rules.cast_numbers())
        .with_columns(
            described=identity.description_key(),
            vin=identity.vin_key(pl.col("raw.VIN")),
            content=identity.advertisement_key(),
            descriptor=vehicle_descriptor(pl.col("raw.VIN")),
        )
        .select(pl.exclude("^raw\\..*$"))
    )


def _open(raw: Path | Sequence[Path]) -> tuple[pl.LazyFrame, list[str]]:
    """Scan files, with the number of the file of each row in the column `FILE`."""
    os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", str(CHUNK_BYTES))  # read when a scan starts
    if isinstance(raw, Path):
        table = scan_csv(raw).with_columns(pl.lit(0, pl.UInt32).alias(FILE))
    else:
        names = pl.Enum(map(str, raw))
        table = pl.scan_parquet(list(raw), glob=False, include_file_paths=FILE)
        table = table.with_columns(pl.col(FILE).cast(names).to_physical().cast(pl.UInt32))
    try:
        return table, table.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RawUnreadable(f"{_shown(raw)} cannot be opened: {error}.") from error


def _shown(raw: Path | Sequence[Path]) -> str:
    return str(raw) if isinstance(raw, Path) else f"{len(raw)} files in {raw[0].parent}"


def _write_tables(staged: Path, *, into: Path) -> CleaningReport:
    """Reject duplicates, assign a car to each listing, and write both tables."""
    rows = pl.concat([pl.scan_parquet(staged), _compare_rows(staged).lazy()], how="horizontal")
    rows = rows.with_columns(pl.coalesce("superseded", "reason").alias("reason"))
    valid = rows.filter(pl.col("reason").is_null())
    rows = rows.with_columns(
        pl.coalesce("reason", "duplicate").alias("reason"),
        value=pl.when(pl.col("superseded").is_null()).then("value"),
    )
    listings, rejects = into / LISTINGS_FILE, into / REJECTS_FILE
    kept = rows.filter(pl.col("reason").is_null()).select(*COLUMNS, "descriptor")
    details = read_vin_details(kept.select("descriptor").collect()["descriptor"])
    rejected = rows.filter(pl.col("reason").is_not_null()).select(REJECT_COLUMNS)
    add_vin_details(kept, details).sink_parquet(listings, compression="lz4", engine="streaming")
    rejected.sink_parquet(rejects, engine="streaming")
    filled = count_filled(kept, pl.scan_parquet(listings)) if len(details) else {}
    return _report(valid, listings=listings, rejects=rejects, filled=filled)


def _compare_rows(staged: Path) -> pl.DataFrame:
    """Find superseded rows and duplicates, and link cars, by keys; returns one row for each staged row."""
    superseded = _superseded(staged)
    keys = pl.read_parquet(staged, columns=["reason", "id", "posted_at", "described", "vin", "content"])
    valid = (
        keys.with_row_index("row").filter(pl.col("reason").is_null() & superseded.is_null()).drop("reason")
    )
    # of duplicates the earliest is kept, whatever the order of the file
    valid = valid.sort("posted_at", "id", "content")
    unique_id = valid.filter(pl.col("id").is_first_distinct())
    unique = unique_id.filter(pl.col("content").is_first_distinct())
    car = unique.select("row", car=identity.link_cars(unique["described"], unique["vin"]))
    duplicate = pl.concat(
        [
            unique_id.join(unique, on="row", how="anti").select("row", duplicate=pl.lit(SAME_ADVERTISEMENT)),
            valid.join(unique_id, on="row", how="anti").select("row", duplicate=pl.lit(SAME_ID)),
        ]
    )
    rows = pl.select(row=pl.int_range(keys.height, dtype=pl.get_index_type()))
    linked = rows.join(car, on="row", how="left", maintain_order="left")
    compared = linked.join(duplicate, on="row", how="left", maintain_order="left").drop("row")
    return compared.with_columns(superseded)


def _superseded(staged: Path) -> pl.Series:
    """Find rows that a later file corrects or deletes, also if it does so with invalid values."""
    keys = pl.read_parquet(staged, columns=["id", FILE, rules.DELETED])
    if keys[FILE].max() == 0 and not keys[rules.DELETED].any():
        return pl.repeat(None, keys.height, dtype=pl.String, eager=True).alias("superseded")
    # group and join: the same with `over` takes a hundred times as long where most ids are different
    newest = keys.drop_nulls("id").group_by("id").agg(newest=pl.col(FILE).max())
    keys = keys.join(newest, on="id", how="left", maintain_order="left")
    deleted = keys.filter(pl.col(rules.DELETED) & (pl.col(FILE) == pl.col("newest")))["id"].unique()
    is_deleted = pl.col("id").is_in(deleted.implode())
    is_corrected = pl.col(FILE) < pl.col("newest")
    reason = pl.when(is_deleted).then(pl.lit(DELETED_BY_SOURCE)).when(is_corrected).then(pl.lit(CORRECTED))
    return keys.select(reason.alias("superseded")).to_series()


def _report(
    valid: pl.LazyFrame, *, listings: Path, rejects: Path, filled: Mapping[str, int]
) -> CleaningReport:
    """Count rows; `valid` are those that break no rule, duplicates included."""
    kept = pl.scan_parquet(listings).select(rows=pl.len(), cars=pl.col("car").n_unique()).collect()
    reasons = (
        pl.read_parquet(rejects, columns=["reason"])["reason"]
        .value_counts()
        .sort("count", "reason", descending=[True, False])
    )
    repaired = valid.select(pl.col(name).sum() for name in rules.REPAIRS).collect()
    report = CleaningReport(
        listings=listings,
        rejects=rejects,
        read=kept["rows"].item() + reasons["count"].sum(),
        kept=kept["rows"].item(),
        cars=kept["cars"].item(),
        rejected=dict(reasons.iter_rows()),
        repaired={name: count for name, count in repaired.row(0, named=True).items() if count},
        filled=filled,
    )
    if not report.kept:
        raise NoCleanListings(
            f"None of {report.read} rows is a valid listing: rejected {dict(report.rejected)}. {rejects} has "
            "the reason for each row."
        )
    return report
