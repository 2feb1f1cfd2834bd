"""Read one file of listings as texts, whatever its format, and write it as a Parquet file of raw columns."""

import json
import logging
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from carvalue.files import checksum, unpack
from carvalue.listings.cleaning import (
    DELETED,
    OPTIONAL_COLUMNS,
    POSTING_DATE_FORMAT,
    REQUIRED_COLUMNS,
    marks_deletion,
)
from carvalue.listings.schema import MARKET, REQUIRED_FIELDS
from carvalue.listings.sources.column_mapping import ColumnMapping
from carvalue.listings.sources.raw import ColumnsChanged, FileEmpty, SourceFailed, file_digest
from carvalue.listings.sources.translation import translated
from carvalue.listings.values import Decimals

PARTITION_COLUMNS = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
"""The columns of a stored partition, all of them texts: those that cleaning reads."""
NEVER_EMPTY = ("price", "posting_date", *REQUIRED_FIELDS)
DIGEST = "sha256"  # in the metadata of a partition: of the file that it was read from
SAMPLE_LINES = 1_000  # of NDJSON, whose columns are those of its first objects
NUMBER = " as a number"  # appended to the name of a column
LARGEST_WHOLE = 2.0**53


logger = logging.getLogger(__name__)


class FileBroken(SourceFailed):
    """A file cannot be read to its end, or holds values of a type that listings do not have."""

    hint = "Replace the file, or move it out of DATA_SOURCE; files that were read are not read again."


def write_partition(
    path: Path, *, name: str, into: Path, scratch: Path, mapping: ColumnMapping | None
) -> int:
    """Write the rows of a file as Parquet, with the columns that cleaning reads.

    Args:
        path: The file.
        name: Its name in error messages and in the ids of rows without one.
        into: The Parquet file to write.
        scratch: A folder for temporary files.
        mapping: How to translate its columns; None if it has the raw columns.

    Returns:
        The number of rows.

    Raises:
        FileBroken: The file cannot be read to its end; the message has the line or the column.
        FileEmpty: A file of NDJSON has no rows.
        NotUtf8: A text file is not UTF-8.
        ColumnsChanged: The file lacks a column, or NDJSON never has a key that every listing has.
    """
    digest = checksum(path) if _is_binary(name) else file_digest(path, name=name)
    readable = unpack(path, into=scratch / "unpacked.csv") if name.lower().endswith(".zip") else path
    try:
        header = column_names(readable, separator=mapping.separator if mapping else ",")
        _check_header(header, name=name, mapping=mapping, is_sparse=_is_ndjson(name))
        texts = scan_texts(readable, name=name, mapping=mapping, columns=_wanted(mapping))
        rows = _raw_rows(texts, name=name, mapping=mapping)
        rows.sink_parquet(into, metadata={DIGEST: digest}, engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        if "(os error" in str(error):
            raise  # such as a full disk
        raise FileBroken(f"{name} cannot be read{_place(readable, name)}: {_first_line(error)}.") from error
    if _is_ndjson(name):
        _check_keys(into, name=name)
    rows_written = pl.scan_parquet(into).select(pl.len()).collect().item()
    if not rows_written:
        logger.warning("file of listings has no rows", extra={"file": name})
    return int(rows_written)


def partition_digest(path: Path) -> str:
    """Read the digest of the file that a partition was read from.

    Args:
        path: The Parquet file.

    Returns:
        SHA-256, as hexadecimal digits.
    """
    return pl.read_parquet_metadata(path)[DIGEST]


def column_names(path: Path, *, separator: str = ",") -> list[str]:
    """Read the names of the columns.

    Args:
        path: A file of any format but a zip.
        separator: The character between two cells of a CSV.

    Returns:
        The names; of NDJSON, the keys of the first objects.
    """
    name = path.name
    if _is_ndjson(name):
        return pl.scan_ndjson(path, infer_schema_length=SAMPLE_LINES).collect_schema().names()
    return _scan(path, separator=separator).collect_schema().names()


def scan_texts(
    path: Path, *, name: str, mapping: ColumnMapping | None, columns: Collection[str]
) -> pl.LazyFrame:
    """Scan a file as texts; dates and numbers are written as the mapping or the market writes them.

    Args:
        path: The file.
        name: Its name in error messages.
        mapping: How to translate its columns.
        columns: The columns to read, where the file has them.

    Returns:
        A lazy frame, all of whose columns are texts.

    Raises:
        FileBroken: A column holds lists or other nested values.
    """
    decimal: Decimals = mapping.decimal if mapping else MARKET.decimal
    if _is_ndjson(path.name):
        return _json_texts(path, columns, decimal=decimal)
    table = _scan(path, separator=mapping.separator if mapping else ",")
    found = {name: kind for name, kind in table.collect_schema().items() if name in columns}
    for column, kind in found.items():
        if kind.is_nested() or kind in {pl.Binary, pl.Object}:
            raise FileBroken(f"{name}: the column {column!r} has the type {kind}: expected texts or numbers.")
    return table.select(_text(column, kind, decimal=decimal) for column, kind in found.items())


def _scan(path: Path, *, separator: str) -> pl.LazyFrame:
    if path.suffix.lower() == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    return pl.scan_csv(path, separator=separator, infer_schema=False, truncate_ragged_lines=True, glob=False)


def _is_ndjson(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith((".ndjson", ".jsonl"))


def _is_binary(name: str) -> bool:
    return name.lower().endswith((".gz", ".zip", ".parquet"))


def _wanted(mapping: ColumnMapping | None) -> Collection[str]:
    if mapping is None:
        return PARTITION_COLUMNS
    return mapping.used_columns


def _check_header(header: list[str], *, name: str, mapping: ColumnMapping | None, is_sparse: bool) -> None:
    """Refuse a file that lacks a column. NDJSON may leave out what is empty; deletions need an id only."""
    if mapping:
        required, key = mapping.used_columns, mapping.columns.get("id")
        deleted = mapping.deleted.column if mapping.deleted else None
    else:
        required, key, deleted = REQUIRED_COLUMNS, "id", DELETED
    if is_sparse or {key, deleted} == {*required, deleted} & {*header}:
        return
    if missing := [column for column in required if column not in header]:
        lacking = ", ".join(map(repr, missing))
        raise ColumnsChanged(f"{name} lacks {lacking}: found {', '.join(header[:30])}.")


def _raw_rows(texts: pl.LazyFrame, *, name: str, mapping: ColumnMapping | None) -> pl.LazyFrame:
    if mapping:  # a file of deletions lacks most columns
        present = texts.collect_schema().names()
        absent = (column for column in mapping.used_columns if column not in present)
        texts = texts.with_columns(pl.lit(None, pl.String).alias(column) for column in absent)
        texts = translated(texts, mapping, row_prefix=f"{name}:")
    found = texts.collect_schema().names()
    return texts.select(
        pl.col(column) if column in found else pl.lit(None, pl.String).alias(column)
        for column in PARTITION_COLUMNS
    )


def _check_keys(partition: Path, *, name: str) -> None:
    """Refuse NDJSON without rows, and without any value of a key that every listing has: it has no header."""
    rows = pl.scan_parquet(partition)
    listed = rows.filter(~marks_deletion(pl.col(DELETED)))
    total, expected = (part.select(pl.len()).collect().item() for part in (rows, listed))
    if not total:
        raise FileEmpty(f"{name} has no rows.")
    filled = listed.select(pl.col(column).count() for column in NEVER_EMPTY).collect().row(0, named=True)
    if expected and (empty := [column for column, count in filled.items() if not count]):
        raise ColumnsChanged(f"{name} has no row with {' and '.join(map(repr, empty))}.")


def _json_texts(path: Path, columns: Collection[str], *, decimal: Decimals) -> pl.LazyFrame:
    """Scan NDJSON as texts. JSON writes its numbers with a point; its texts are those of the source."""
    texts = pl.scan_ndjson(path, schema=dict.fromkeys(columns, pl.String))
    if decimal == ".":
        return texts
    numbers = pl.scan_ndjson(path, schema=dict.fromkeys(columns, pl.Float64), ignore_errors=True)
    both = pl.concat([texts, numbers.select(pl.all().name.suffix(NUMBER))], how="horizontal")
    return both.select(
        pl.when(pl.col(f"{column}{NUMBER}").is_null())
        .then(column)
        .otherwise(pl.col(column).str.replace(".", decimal, literal=True))
        .alias(column)
        for column in columns
    )


def _text(name: str, kind: pl.DataType, *, decimal: Decimals) -> pl.Expr:
    column = pl.col(name)
    if kind.is_temporal():
        return _moment(column, kind).dt.strftime(POSTING_DATE_FORMAT)
    if kind.is_decimal():
        return column.cast(pl.String).str.replace(".", decimal, literal=True)
    if not kind.is_float():
        return column if kind == pl.String else column.cast(pl.String)
    column = column.fill_nan(None)  # pandas writes missing values as NaN
    is_whole = (column == column.round()) & (column.abs() < LARGEST_WHOLE)
    whole = pl.when(is_whole).then(column).cast(pl.Int64, strict=False).cast(pl.String)
    return pl.coalesce(whole, column.cast(pl.String).str.replace(".", decimal, literal=True)).alias(name)


def _moment(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.Datetime) and kind.time_zone:
        return column.dt.convert_time_zone("UTC")
    return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _place(path: Path, name: str) -> str:
    """Find the first line of NDJSON that is no object; Polars does not say where it is."""
    if not _is_ndjson(name) or name.lower().endswith(".gz"):
        return ""
    number = next(_invalid_lines(path), None)
    return f" (line {number:,})" if number else ""


def _invalid_lines(path: Path) -> Iterator[int]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                if line.strip() and not isinstance(json.loads(line), dict):
                    yield number
            except ValueError:
                yield number


def _first_line(error: Exception) -> str:
    return (
        str(error).strip().splitlines()[0].rstrip(".")[:200] if str(error).strip() else type(error).__name__
    )
