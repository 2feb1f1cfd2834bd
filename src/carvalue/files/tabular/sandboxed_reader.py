"""Convert an untrusted file to Parquet: `python -m carvalue.files.tabular.sandboxed_reader REQUEST`.

`sandbox.py` runs it as a subprocess, because a damaged Parquet or Arrow file can crash its reader, and a few
bytes of either can decompress to gigabytes.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import polars as pl

from carvalue.errors import AppError
from carvalue.files.tabular.tables import TableUnreadable, open_table, write_table

ADDRESS_BYTES = 2 * 2**30  # Polars reserves more than half of it and uses a tenth
MEMORY_BYTES = 400 * 2**20  # of memory that is not a file's; with its code the process stays below 500 MB
MEMORY_CHECK_S = 0.002  # the kernel fills a few megabytes in this time
OUT_OF_MEMORY = 75  # exit code
CPU_S = 120  # a million rows take a few
MAX_ROWS = 5_000_000  # a Parquet file of a few bytes can declare billions
READ_ROWS = 32_768


class TooManyRows(AppError):
    """The file has more rows than one request may contain."""

    status, hint = (
        413,
        f"Send at most {MAX_ROWS:,} rows per request; split larger files into several requests.",
    )


def write_columns(upload: Path, into: Path, *, columns: Sequence[str], aliases: Mapping[str, str]) -> int:
    """Write the chosen columns, as text, to a Parquet file.

    Args:
        upload: The untrusted file; its suffix names its format.
        into: The Parquet file to write.
        columns: Names of the columns to keep, where the file has them.
        aliases: Alternative column names, alias to name.

    Returns:
        The number of rows.

    Raises:
        TableUnreadable: The content does not match the suffix.
        WrongSuffix: The suffix is not one of `READ_SUFFIXES`.
        TooManyRows: The file has more than `MAX_ROWS` rows.
    """
    with TemporaryDirectory(dir=into.parent) as scratch:
        table = open_table(upload, columns=columns, scratch=Path(scratch), aliases=aliases)
        rows = _Counted(table.batches(rows=READ_ROWS))
        schema = pl.Schema(dict.fromkeys(table.columns, pl.String()))
        write_table(rows, schema=schema, into=into, scratch=Path(scratch))
    return rows.number


def write_whole(upload: Path, into: Path) -> int:
    """Rewrite a Parquet file with all its columns unchanged.

    Args:
        upload: The untrusted Parquet file.
        into: The Parquet file to write.

    Returns:
        The number of rows.

    Raises:
        TableUnreadable: The file is not Parquet, or is damaged.
        TooManyRows: The file has more than `MAX_ROWS` rows.
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


class _Counted:
    """Count the rows of batches as they are consumed, up to `MAX_ROWS`."""

    def __init__(self, batches: Iterable[pl.DataFrame]) -> None:
        self._batches, self.number = batches, 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        for batch in self._batches:
            self.number += batch.height
            if self.number > MAX_ROWS:
                raise TooManyRows(f"The body has more than {MAX_ROWS:,} rows.")
            yield batch


def main() -> None:
    """Convert one file; print the number of rows, or the error, as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES, ADDRESS_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Thread(target=_watch_memory, daemon=True).start()
    try:
        result: dict[str, object] = {"rows": _convert(**json.loads(sys.argv[1]))}
    except AppError as error:
        result = {"status": error.status, "message": error.message, "hint": error.hint}
    sys.stdout.write(json.dumps(result))


def _watch_memory() -> None:
    """End the process when it uses more than `MEMORY_BYTES`: Linux has no such limit."""
    page, statm = resource.getpagesize(), Path("/proc/self/statm")
    while statm.exists():
        _, resident, shared, *_ = map(int, statm.read_text().split())
        if (resident - shared) * page > MEMORY_BYTES:
            os._exit(OUT_OF_MEMORY)
        time.sleep(MEMORY_CHECK_S)


def _convert(*, upload: str, into: str, columns: list[str] | None, aliases: dict[str, str]) -> int:
    if columns is None:
        return write_whole(Path(upload), Path(into))
    return write_columns(Path(upload), Path(into), columns=columns, aliases=aliases)


if __name__ == "__main__":
    main()
