"""Parse raw files of any size, streamed: each row with the first rule that it breaks, and with its keys."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from carvalue.errors import AppError
from carvalue.files.tabular import scan_csv
from carvalue.listings.cleaning import identity, rules
from carvalue.listings.cleaning.vin_details import vehicle_descriptor
from carvalue.parallel import group_parts, part_file, written_part

FILE = "file"
"""The column of parsed rows with the number of the raw file."""

CHUNK_BYTES = 8 << 20  # half of Polars' default: a fifth less peak memory at the same speed
GROUP_ROWS = 65_536  # that the writer collects; a quarter of Polars' default


class RawUnreadable(AppError):
    """The raw file is not a CSV, or lacks required columns."""

    status, hint = 422, "Point DATA_SOURCE at a CSV with the columns of Kaggle's vehicles.csv."


@dataclass(frozen=True, kw_only=True)
class RawPart:
    """Raw files that one task reads.

    Attributes:
        number: The number of the part, from 0.
        files: A CSV file, or Parquet files.
        first: The number of the first file among those of all parts.
    """

    number: int
    files: Path | tuple[Path, ...]
    first: int = 0

    def __str__(self) -> str:
        """Name the files in one phrase."""
        files = (self.files,) if isinstance(self.files, Path) else self.files
        return str(files[0]) if len(files) == 1 else f"{len(files)} files in {files[0].parent}"


@dataclass(frozen=True, kw_only=True)
class ParsedPart:
    """The parsed rows of a part.

    Attributes:
        number: The number of the part, from 0.
        path: A Parquet file: all rows in their order, valid or not.
    """

    number: int
    path: Path


def raw_parts(raw: Path | Sequence[Path], *, partitions: int) -> list[RawPart]:
    """Distribute raw files over parts.

    Args:
        raw: A CSV file, which is one part, or Parquet files in their order.
        partitions: The greatest number of parts.

    Returns:
        The parts, each with consecutive files.

    Example:
        >>> days = [Path("1.parquet"), Path("2.parquet"), Path("3.parquet")]
        >>> [(part.first, len(part.files)) for part in raw_parts(days, partitions=2)]
        [(0, 1), (1, 2)]
    """
    if isinstance(raw, Path):
        return [RawPart(number=0, files=raw)]
    groups = group_parts(raw, partitions)
    first = 0
    parts = []
    for number, files in enumerate(groups):
        parts.append(RawPart(number=number, files=files, first=first))
        first += len(files)
    return parts


def parse_part(part: RawPart, *, now: datetime, into: Path) -> ParsedPart:
    """Parse the rows of a part and find the first rule that each breaks, without comparing it with others.

    Args:
        part: The raw files.
        now: The present time.
        into: The folder of the parsed parts.

    Returns:
        The parsed part.

    Raises:
        RawUnreadable: A file cannot be read, or lacks a required column.
    """
    path = part_file(into, part.number)
    try:
        with written_part(path) as temporary:
            _parse(part, now=now).sink_parquet(
                temporary,
                compression="lz4",
                statistics=False,
                row_group_size=GROUP_ROWS,
                engine="streaming",
            )
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise RawUnreadable(f"{part} cannot be read to its end: {reason}.") from error
    return ParsedPart(number=part.number, path=path)


def _parse(part: RawPart, *, now: datetime) -> pl.LazyFrame:
    table, columns = _open(part)
    if missing := [name for name in rules.REQUIRED_COLUMNS if name not in columns]:
        raise RawUnreadable(f"{part} lacks {', '.join(missing)}: found {', '.join(columns)}.")
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


def _open(part: RawPart) -> tuple[pl.LazyFrame, list[str]]:
    """Scan files, with the number of the file of each row in the column `FILE`."""
    os.environ.setdefault("POLARS_CSV_CHUNK_SIZE", str(CHUNK_BYTES))  # read when a scan starts
    if isinstance(part.files, Path):
        table = scan_csv(part.files).with_columns(pl.lit(0, pl.UInt32).alias(FILE))
    else:
        names = pl.Enum(map(str, part.files))
        table = pl.scan_parquet(list(part.files), glob=False, include_file_paths=FILE)
        number = pl.col(FILE).cast(names).to_physical().cast(pl.UInt32)
        table = table.with_columns((number + part.first).alias(FILE))
    try:
        return table, table.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise RawUnreadable(f"{part} cannot be opened: {error}.") from error
