"""`python -m carvalue.listings.read_upload listings|table UPLOAD INTO`: a stranger's file, made ours.

A process of its own (`apart.py` starts it), because a damaged Parquet or Arrow file can end the process that
reads it, and a few bytes of either can unfold to gigabytes.
"""

import json
import resource
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from carvalue.errors import AppError
from carvalue.listings.schema import FIELD_BY_NAME
from carvalue.listings.tables import TableUnreadable, open_table, write_table

MEMORY_BYTES = 2 * 2**30  # of addresses; Polars reserves more than half of that and touches a tenth
CPU_S = 120  # a million rows take a few
MAX_ROWS = 5_000_000  # a Parquet file of some bytes may claim billions
READ_ROWS = 32_768


class TooManyRows(AppError):
    """More rows than are priced for one request."""

    status, hint = 413, f"Send at most {MAX_ROWS:,} rows a request, several requests after each other."


def write_listings(upload: Path, into: Path) -> int:
    """Write the columns of a listing as text to a Parquet file of ours; give the number of rows.

    Raises:
        TableUnreadable, WrongSuffix: it is not what its name says.
        TooManyRows: it has more than `MAX_ROWS`.
    """
    with TemporaryDirectory(dir=into.parent) as scratch:
        table = open_table(upload, columns=tuple(FIELD_BY_NAME), scratch=Path(scratch))
        rows = _Counted(table.batches(rows=READ_ROWS))
        schema = pl.Schema(dict.fromkeys(table.columns, pl.String()))
        write_table(rows, schema=schema, into=into, scratch=Path(scratch))
    return rows.number


def write_whole(upload: Path, into: Path) -> int:
    """Write a Parquet file anew, with all its columns as they are; give the number of rows.

    Raises:
        TableUnreadable: it is no Parquet file, or damaged.
        TooManyRows: it has more than `MAX_ROWS`.
    """
    try:
        scan = pl.scan_parquet(upload, glob=False, hive_partitioning=False)
        rows = int(scan.select(pl.len()).collect().item())
        if rows > MAX_ROWS:
            raise TooManyRows(f"The file has more than {MAX_ROWS:,} rows.")
        scan.sink_parquet(into, engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise TableUnreadable(f"It cannot be read as Parquet: {str(error).splitlines()[0][:200]}.") from error
    return rows


WAYS = {"listings": write_listings, "table": write_whole}


class _Counted:
    """Counts the rows that pass."""

    def __init__(self, batches: Iterable[pl.DataFrame]) -> None:
        self._batches, self.number = batches, 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for batch in self._batches:
            self.number += batch.height
            if self.number > MAX_ROWS:
                raise TooManyRows(f"The body has more than {MAX_ROWS:,} rows.")
            yield batch


def main() -> None:
    """Convert; tell on standard output how many rows there are, or what is wrong with them."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    way, upload, into = sys.argv[1:]
    try:
        told: dict[str, object] = {"rows": WAYS[way](Path(upload), Path(into))}
    except AppError as error:
        told = {"status": error.status, "message": error.message, "hint": error.hint}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
