"""Clean raw files of any size, streamed: write the listings, and the rejected rows with their reasons."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import polars as pl

from carvalue.errors import AppError
from carvalue.files import write_artifact
from carvalue.listings.cleaning.comparison import compare_rows
from carvalue.listings.cleaning.parsing import parse_part, raw_parts
from carvalue.listings.cleaning.tables import CleanPart, write_part
from carvalue.parallel import (
    IN_PROCESS,
    Table,
    Workers,
    scratch_folder,
    shuffle,
    store_table,
)

logger = logging.getLogger(__name__)

LISTINGS_FILE = "listings.parquet"
"""The clean table, in the folder that `clean` writes to: a file, or a folder of files where it has parts."""
REJECTS_FILE = "rejects.parquet"
CLEANING_REPORT = "cleaning.json"
"""The `CleaningReport`, in the same folder."""


class NoCleanListings(AppError):
    """Every row was rejected."""

    status, hint = 422, "`carvalue check-data FILE` shows examples, and what to correct."


@dataclass(frozen=True, kw_only=True)
class CleaningReport:
    """Row counts of one cleaning; `read` equals `kept` plus all rejected rows.

    Attributes:
        listings: The clean table, with the columns `COLUMNS`: a Parquet file, or a folder of them.
        rejects: The rejected rows, with the columns `REJECT_COLUMNS`, stored likewise.
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


def clean(
    raw: Path | Sequence[Path],
    *,
    into: Path,
    now: datetime | None = None,
    workers: Workers = IN_PROCESS,
) -> CleaningReport:
    """Write the clean listings of raw files, and their rejected rows, as Parquet files.

    Of rows with the same id, those of the last file that has the id count: a later file corrects an earlier
    one. If a row there is marked as deleted, none counts.

    Args:
        raw: A CSV file with at least the columns `REQUIRED_COLUMNS` of the cleaning rules, or Parquet files
            with texts in these columns and in `OPTIONAL_COLUMNS`, in their order.
        into: The folder to write to.
        now: The present time; None reads the clock. Rows posted more than a day later are rejected.
        workers: Where the tasks run. The listings are the same everywhere; their table has a file for each
            part of the raw files.

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
    done = into / CLEANING_REPORT
    done.unlink(missing_ok=True)  # an earlier report does not describe tables that are being rewritten
    workers = workers.for_rows(_count_rows(raw))
    with scratch_folder(into) as scratch:
        parts = _write_parts(raw, now=now or datetime.now(UTC), workers=workers, scratch=scratch)
        cars = _count_cars(parts, workers=workers, scratch=scratch)
        store_table([part.listings for part in parts], into / LISTINGS_FILE)
        store_table([part.rejects for part in parts], into / REJECTS_FILE)
    report = _report(parts, cars=cars, into=into)
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


def _count_rows(raw: Path | Sequence[Path]) -> int:
    """Count the rows of Parquet files; 0 for a CSV file, which is one part."""
    if isinstance(raw, Path):
        return 0
    try:
        return sum(pl.scan_parquet(path, glob=False).select(pl.len()).collect().item() for path in raw)
    except (OSError, pl.exceptions.PolarsError):
        return 0  # parsing names the file that cannot be read


def _write_parts(
    raw: Path | Sequence[Path], *, now: datetime, workers: Workers, scratch: Path
) -> list[CleanPart]:
    parsed = workers.map(
        partial(parse_part, now=now, into=scratch / "parsed"),
        raw_parts(raw, partitions=workers.partitions),
        description="parse",
    )
    compared = compare_rows(parsed, workers=workers, into=scratch)
    return workers.map(
        partial(write_part, links=compared.links, into=scratch),
        list(zip(parsed, compared.verdicts, strict=True)),
        description="write listings",
    )


def _count_cars(parts: Sequence[CleanPart], *, workers: Workers, scratch: Path) -> int:
    tables = [partial(_cars, part.listings) for part in parts]
    buckets = shuffle(tables, by="car", workers=workers, into=scratch / "by-car")
    return sum(workers.map(_count_different, buckets, description="count cars"))


def _cars(listings: Path) -> pl.LazyFrame:
    return pl.scan_parquet(listings).select("car")


def _count_different(cars: Table) -> int:
    return int(cars().select(pl.col("car").n_unique()).collect().item())


def _report(parts: Sequence[CleanPart], *, cars: int, into: Path) -> CleaningReport:
    rejected = _total(part.rejected for part in parts)
    kept = sum(part.kept for part in parts)
    report = CleaningReport(
        listings=into / LISTINGS_FILE,
        rejects=into / REJECTS_FILE,
        read=kept + sum(rejected.values()),
        kept=kept,
        cars=cars,
        rejected=dict(sorted(rejected.items(), key=lambda item: (-item[1], item[0]))),
        repaired=_total(part.repaired for part in parts),
        filled=_total(part.filled for part in parts),
    )
    if not report.kept:
        raise NoCleanListings(
            f"None of {report.read} rows is a valid listing: rejected {dict(report.rejected)}. "
            f"{report.rejects} has the reason for each row."
        )
    return report


def _total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Add counts; those of 0 are left out."""
    total: Counter[str] = Counter()
    for part in counts:
        total.update(part)
    return {name: count for name, count in total.items() if count}
