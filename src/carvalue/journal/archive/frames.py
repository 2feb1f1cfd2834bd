"""Rows of the journal's tables as Parquet files, read in chunks."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import BigInteger, DateTime, Integer, RowMapping, Select, Table

from carvalue.journal.store import Journal, aware

CHUNK = 50_000  # rows, some 100 MB while they are converted
Schema = Mapping[str, Any]


def table_schema(table: Table) -> Schema:
    """Map the columns of a table to types of Polars.

    Args:
        table: A table of the journal.

    Returns:
        Type by column name; columns of JSON become text.
    """
    return {column.name: _type(column.type) for column in table.columns}


def write_rows(journal: Journal, query: Select[Any], *, schema: Schema, into: Path) -> pl.LazyFrame:
    """Write the result of a query to Parquet files, chunk by chunk.

    Args:
        journal: The journal.
        query: The query; its columns are those of the schema.
        schema: Type by column name.
        into: The folder of the files.

    Returns:
        All rows, in the order of the query.

    Raises:
        JournalUnavailable: The database does not answer.
    """
    into.mkdir(parents=True)
    with journal.transaction() as connection:
        result = connection.execution_options(yield_per=CHUNK).execute(query)
        for number, rows in zip(count(), result.mappings().partitions(), strict=False):
            _frame(rows, schema).write_parquet(into / f"{number:06}.parquet")
    files = sorted(into.glob("*.parquet"))
    return pl.scan_parquet(files) if files else pl.LazyFrame(schema=schema)


def fingerprint(frame: pl.LazyFrame) -> tuple[int, int]:
    """Summarize the content of a frame, whatever the order of its rows.

    Args:
        frame: The frame.

    Returns:
        The number of rows, and a hash of their values.
    """
    hashed = frame.select(pl.len(), pl.struct(pl.all()).hash().sum().alias("hash")).collect()
    rows, value = hashed.row(0)
    return int(rows), int(value or 0)


def _frame(rows: Iterable[RowMapping], schema: Schema) -> pl.DataFrame:
    values = ([_value(row[name]) for name in schema] for row in rows)
    return pl.DataFrame(list(values), schema=dict(schema), orient="row")


def _value(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return aware(value) if isinstance(value, datetime) else value


def _type(kind: object) -> Any:
    if isinstance(kind, DateTime):
        return pl.Datetime("us", "UTC")
    if isinstance(kind, BigInteger):
        return pl.Int64()
    return pl.Int32() if isinstance(kind, Integer) else pl.String()
