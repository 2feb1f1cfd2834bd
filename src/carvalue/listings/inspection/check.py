"""Check files of listings in seconds: what training would find out after minutes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from carvalue.listings.cleaning import DELETED, CleaningReport, NoCleanListings, clean
from carvalue.listings.inspection.draft import date_format, draft_fields, draft_mapping
from carvalue.listings.inspection.raw_table import RawTable, read_raw_table
from carvalue.listings.inspection.suspicious import suspicious_values
from carvalue.listings.schema import FIELDS, PRICE, RAW_COLUMNS, SOURCE_COLUMNS
from carvalue.listings.sources import ColumnMapping, apply_mapping, read_partitions

REQUIRED = ("posting_date", PRICE.name, *(field.name for field in FIELDS if field.required))
EXAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class RejectedRows:
    """Rows that cleaning rejects for one reason.

    Attributes:
        reason: The reason.
        rows: Their number.
        examples: Some of the invalid texts.
    """

    reason: str
    rows: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """What a file of listings holds, and what of it training could use.

    Attributes:
        files: The names of the files that were checked; empty for one CSV.
        read: The number of rows that were checked.
        kept: The number of rows that cleaning keeps.
        columns: Field, `id`, `posting_date` or price -> column of the file.
        missing: Required columns that were not found.
        absent: Optional fields without a column.
        rejected: Rejected rows by reason, the most frequent first.
        suspicious: Sentences about suspicious values and the encoding.
        draft: A column mapping and fields for a file of an unknown form; empty for a known one.
        listings: The clean listings, for checks of what models need; None without any.
    """

    files: tuple[str, ...]
    read: int
    kept: int
    columns: Mapping[str, str]
    missing: tuple[str, ...]
    absent: tuple[str, ...]
    rejected: tuple[RejectedRows, ...]
    suspicious: tuple[str, ...]
    draft: str
    listings: pl.DataFrame | None


def check_data(
    source: str | Path, *, scratch: Path, mapping: ColumnMapping | None = None, now: datetime | None = None
) -> DataCheck:
    """Check listings.

    Columns are found by the mapping or, without one, by their names. Of a large file the first 64 MB are
    read, of several files the first with 200,000 rows together.

    Args:
        source: A CSV file, or what the setting DATA_SOURCE may name: a folder, a pattern, an address.
        scratch: A folder for temporary files.
        mapping: How to translate its columns; None to find them by name.
        now: The present time; None reads the clock.

    Returns:
        What was found.

    Raises:
        SourceFailed: The file cannot be read, or does not match its mapping.
    """
    table = read_raw_table(str(source), scratch=scratch, mapping=mapping)
    if mapping:
        table = RawTable(
            rows=table.rows,
            separator=mapping.separator,
            encoding_problem=table.encoding_problem,
            columns=dict(mapping.columns),
            decimal=mapping.decimal,
            words={name: frozenset(map(str.lower, values)) for name, values in mapping.words.items()},
            files=table.files,
            columns_differ=table.columns_differ,
        )
    is_known = set(SOURCE_COLUMNS) <= set(table.rows.columns)
    missing = tuple(name for name in REQUIRED if name not in table.columns)
    report = (
        None if missing else _cleaned(table, mapping=mapping, scratch=scratch, now=now, is_known=is_known)
    )
    encoding = [table.encoding_problem] if table.encoding_problem else []
    drafts = [] if is_known or mapping else [draft_mapping(table), draft_fields(table)]
    return DataCheck(
        files=tuple(table.files),
        read=table.rows.height,
        kept=report.kept if report else 0,
        columns=table.columns,
        missing=missing,
        absent=tuple(field.name for field in FIELDS if field.name not in {*table.columns, *missing}),
        rejected=_rejected(report) if report else (),
        suspicious=(*table.columns_differ, *encoding, *suspicious_values(table)),
        draft="\n\n".join(filter(None, drafts)),
        listings=pl.read_parquet(report.listings) if report and report.kept else None,
    )


def _cleaned(
    table: RawTable,
    *,
    mapping: ColumnMapping | None,
    scratch: Path,
    now: datetime | None,
    is_known: bool,
) -> CleaningReport | None:
    used, rows = None, table.rows
    if is_known:
        rows = rows.select(name for name in (*RAW_COLUMNS, DELETED) if name in rows.columns)
    else:
        used = mapping or ColumnMapping(
            name="draft", date_format=date_format(table), columns={**table.columns}
        )
        used = used.model_copy(update={"separator": ","})
    try:
        return clean(_rewritten(rows, table, mapping=used, into=scratch), into=scratch / "clean", now=now)
    except NoCleanListings:
        return _all_rejected(scratch / "clean", rows=table.rows.height)


def _rewritten(
    rows: pl.DataFrame, table: RawTable, *, mapping: ColumnMapping | None, into: Path
) -> Path | tuple[Path, ...]:
    """Write the rows as files that `clean` reads: one, or as many as there were."""
    if not table.files:
        rows.write_csv(into / "raw.csv")
        return (
            apply_mapping(into / "raw.csv", mapping=mapping, into=into / "translated.csv")
            if mapping
            else into / "raw.csv"
        )
    start = 0
    (into / "files").mkdir()
    for number, height in enumerate(table.files.values()):
        rows.slice(start, height).write_csv(into / "files" / f"{number:06}.csv")
        start += height
    return read_partitions(str(into / "files"), into=into / "raw", mapping=mapping).partitions


def _all_rejected(folder: Path, *, rows: int) -> CleaningReport:
    rejects = folder / "rejects.parquet"
    counts = pl.read_parquet(rejects)["reason"].value_counts(sort=True)
    return CleaningReport(
        listings=folder / "listings.parquet",
        rejects=rejects,
        read=rows,
        kept=0,
        cars=0,
        rejected=dict(counts.iter_rows()),
        repaired={},
    )


def _rejected(report: CleaningReport) -> tuple[RejectedRows, ...]:
    rejects = pl.read_parquet(report.rejects)
    return tuple(
        RejectedRows(reason=reason, rows=rows, examples=_examples(rejects.filter(pl.col("reason") == reason)))
        for reason, rows in report.rejected.items()
    )


def _examples(rows: pl.DataFrame) -> tuple[str, ...]:
    values: Sequence[str] = rows["value"].drop_nulls().unique(maintain_order=True).head(EXAMPLES).to_list()
    return tuple(value[:40] for value in values)
