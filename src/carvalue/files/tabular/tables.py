"""Read and write tables of any size in batches: CSV, Parquet, NDJSON (also compressed) and Arrow streams."""

import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from carvalue.errors import AppError
from carvalue.files.archives import unpack
from carvalue.files.atomic import atomic_write
from carvalue.files.tabular.ndjson import NO_ALIASES, PARSE_ERROR, read_lines

LINES = (".ndjson", ".jsonl")
READ_SUFFIXES = (".csv", ".zip", ".parquet", *LINES, ".arrow", ".csv.gz", ".ndjson.gz", ".jsonl.gz")
"""The formats that `open_table` reads."""
WRITE_SUFFIXES = (".csv", ".parquet")
"""The formats that `write_table` writes."""
MAX_COLUMNS = 5_000
"""The largest number of columns of a file that `open_table` reads."""
MAX_CELL_BYTES = 2**20
"""The longest cell, in bytes of UTF-8, of a file that `open_table` reads."""
KEPT_CELL_CHARACTERS = 4_096
"""Longer cells are cut, and end in `CUT_MARK`; no field of a listing accepts so long a value."""
CUT_MARK = "…"
LIST_SEPARATOR = "; "
"""Separates the items of a list in a CSV cell, because CSV has no list type."""


class TableUnreadable(AppError):
    """The file is missing, or its content does not match its suffix."""

    status: ClassVar[int] = 422
    hint: ClassVar[str] = (
        "Expected a CSV in UTF-8, a zip with one CSV in it, Parquet, lines of JSON, or a stream of Arrow."
    )


class WrongSuffix(AppError):
    """The file name does not end in the suffix of a known format."""

    status, hint = 422, ""


@dataclass(frozen=True, kw_only=True, eq=False)
class TableFile:
    """An opened table.

    Attributes:
        path: The file.
        columns: The requested columns that the file has.
        read: Returns the rows in batches of at most the given number of rows.
    """

    path: Path
    columns: tuple[str, ...]
    read: Callable[[int], Iterator[pl.DataFrame]]

    def batches(self, *, rows: int) -> Iterator[pl.DataFrame]:
        """Read all rows in their order, as text; whitespace and the spelling of numbers are kept.

        Args:
            rows: The maximum number of rows of a batch.

        Yields:
            A frame with `columns`, all of type String.

        Raises:
            TableUnreadable: The file is damaged, or has a cell of more than `MAX_CELL_BYTES`.
        """
        try:
            for batch in self.read(rows):
                yield self._with_short_cells(batch)
        except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
            raise TableUnreadable(f"{self.path} cannot be read to its end: {_first_line(error)}.") from error

    def _with_short_cells(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Cut long cells, so that later steps need little memory; refuse a file with a huge one."""
        longest = batch.select(pl.col(pl.String).str.len_bytes().max()).row(0) if batch.width else ()
        for name, size in zip(batch.columns, longest, strict=True):
            if size is not None and size > MAX_CELL_BYTES:
                raise TableUnreadable(
                    f"{self.path}: a cell of the column {name} has {size:,} bytes: "
                    f"expected at most {MAX_CELL_BYTES:,}."
                )
        if max((size or 0 for size in longest), default=0) <= KEPT_CELL_CHARACTERS:
            return batch
        return batch.with_columns(map(_short, batch.columns))


def open_table(
    path: Path, *, columns: Sequence[str], scratch: Path, aliases: Mapping[str, str] = NO_ALIASES
) -> TableFile:
    r"""Open a file in the format that its suffix names.

    An NDJSON file has every requested column, and the column `PARSE_ERROR`.

    Args:
        path: The file; its suffix is one of `READ_SUFFIXES`.
        columns: Names of the columns to read, where the file has them.
        scratch: A folder for temporary files, such as the CSV of a zip.
        aliases: Alternative column names, alias to name.

    Returns:
        The table, to be read in batches.

    Raises:
        WrongSuffix: The suffix is not one of `READ_SUFFIXES`.
        TableUnreadable: The file is missing or has another format, has none of the columns, has a column
            under both its name and its alias, has a column of lists or other nested values, or has more than
            `MAX_COLUMNS` columns.
        ZipUnusable: The zip is damaged, or contains no CSV or several.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("cars.csv").write_text("make,year,seller\ntoyota,2015,ann\n")
        >>> columns, aliases = ["manufacturer", "year", "fuel"], {"make": "manufacturer"}
        >>> table = open_table(Path("cars.csv"), columns=columns, scratch=Path(), aliases=aliases)
        >>> table.columns
        ('manufacturer', 'year')
        >>> [batch.rows() for batch in table.batches(rows=100)]
        [[('toyota', '2015')]]
    """
    check_suffix(path, READ_SUFFIXES)
    try:
        path.open("rb").close()
        if path.name.lower().removesuffix(".gz").endswith(LINES):
            return TableFile(path=path, columns=(*columns, PARSE_ERROR), read=_lines(path, columns, aliases))
        scan = _scan(path, scratch=scratch, columns={*columns, *aliases})
        schema = scan.collect_schema()
        header = schema.names()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableUnreadable(f"{path} cannot be read: {_first_line(error)}.") from error
    if len(header) > MAX_COLUMNS:
        raise TableUnreadable(f"{path} has {len(header):,} columns: expected at most {MAX_COLUMNS:,}.")
    names = _names_in_file(path, header, aliases)
    present = tuple(name for name in columns if name in names)
    if not present:
        expected = ", ".join(columns)
        raise TableUnreadable(f"{path} has none of the columns {expected}: found {_listed(header)}.")
    for name in present:
        if not _is_flat(schema[names[name]]):
            kind = str(schema[names[name]])[:60]
            raise TableUnreadable(
                f"{path}: the column {name} has the type {kind}: expected texts or numbers."
            )
    selected = scan.select(pl.col(names[name]).alias(name) for name in present)
    return TableFile(path=path, columns=present, read=lambda rows: _texts(selected, rows))


def write_table(batches: Iterable[pl.DataFrame], *, schema: pl.Schema, into: Path, scratch: Path) -> None:
    """Write batches to one file, atomically.

    Batches are first written to `scratch`, because Polars cannot append to a CSV or Parquet file.

    Args:
        batches: Frames with the columns of `schema`.
        schema: The columns of the file; a CSV joins the items of a list by `LIST_SEPARATOR`.
        into: The file to write; its suffix, one of `WRITE_SUFFIXES`, names its format.
        scratch: An empty folder for temporary files.

    Example:
        >>> from pathlib import Path
        >>> import polars as pl
        >>> frame = pl.DataFrame({"price": [8500], "warnings": [["old car", "rare make"]]})
        >>> write_table([frame], schema=frame.schema, into=Path("quotes.csv"), scratch=Path())
        >>> print(Path("quotes.csv").read_text())
        price,warnings
        8500,old car; rare make
    """
    pl.DataFrame(schema=schema).write_parquet(scratch / "0.parquet")
    parts = [scratch / "0.parquet"]
    for batch in batches:
        parts.append(scratch / f"{len(parts)}.parquet")
        batch.write_parquet(parts[-1], compression="lz4", statistics=False)
    rows = pl.scan_parquet(parts, glob=False)
    with atomic_write(into) as temporary:
        if into.suffix.lower() == ".parquet":
            rows.sink_parquet(temporary, engine="streaming")
        else:
            lists = [name for name, kind in schema.items() if isinstance(kind, pl.List)]
            texts = rows.with_columns(pl.col(lists).list.join(LIST_SEPARATOR).replace("", None))
            texts.sink_csv(temporary, engine="streaming", check_extension=False)


def check_suffix(path: Path, known: Sequence[str]) -> None:
    """Check that a file name ends in a known suffix, in upper or lower case.

    Args:
        path: The file; it does not have to exist.
        known: The accepted suffixes, in lower case, at least two.

    Raises:
        WrongSuffix: The suffix is not one of `known`.

    Example:
        >>> from pathlib import Path
        >>> check_suffix(Path("cars.CSV"), READ_SUFFIXES)
        >>> check_suffix(Path("cars.xlsx"), WRITE_SUFFIXES)
        Traceback (most recent call last):
        ...
        carvalue.files.tabular.tables.WrongSuffix: cars.xlsx: expected a name that ends in .csv or .parquet.
    """
    if not path.name.lower().endswith(tuple(known)):
        *others, last = known
        raise WrongSuffix(f"{path}: expected a name that ends in {', '.join(others)} or {last}.")


def scan_csv(path: Path) -> pl.LazyFrame:
    """Scan a CSV leniently: invalid UTF-8 is replaced, and surplus cells of a row are dropped.

    Args:
        path: The CSV file.

    Returns:
        A lazy frame whose columns are all of type String.
    """
    return pl.scan_csv(
        path, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True, glob=False
    )


def _scan(path: Path, *, scratch: Path, columns: Collection[str]) -> pl.LazyFrame:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    if suffix == ".arrow":
        return _read_arrow(path, columns).lazy()
    return scan_csv(unpack(path, into=scratch / "table.csv") if suffix == ".zip" else path)


def _read_arrow(path: Path, columns: Collection[str]) -> pl.DataFrame:
    """Read the columns that are needed: this is the one format that is read as a whole."""
    header = pl.read_ipc_stream(path, n_rows=0)
    chosen = [name for name in header.columns if name in columns]
    is_readable = chosen and header.width <= MAX_COLUMNS and all(map(_is_flat, header.select(chosen).dtypes))
    return pl.read_ipc_stream(path, columns=chosen) if is_readable else header


def _lines(
    path: Path, columns: Sequence[str], aliases: Mapping[str, str]
) -> Callable[[int], Iterator[pl.DataFrame]]:
    return lambda rows: read_lines(path, columns=columns, rows=rows, aliases=aliases)


def _names_in_file(path: Path, header: Sequence[str], aliases: Mapping[str, str]) -> dict[str, str]:
    """Map each column name to the file's name for it, which may be an alias."""
    names = {aliases.get(name, name): name for name in header}
    for alias, name in aliases.items():
        if alias in header and name in header:
            raise TableUnreadable(f"{path} has the columns {alias} and {name}: expected one of them.")
    return names


def _texts(scan: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    texts = scan.select(_text(name, kind) for name, kind in scan.collect_schema().items())
    yield from texts.collect_batches(chunk_size=rows, maintain_order=True, lazy=True, engine="streaming")


def _text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind.is_float():
        column = column.fill_nan(None)  # pandas writes missing values as NaN
    return column if kind == pl.String else column.cast(pl.String, strict=False)


def _is_flat(kind: pl.DataType) -> bool:
    return not kind.is_nested() and kind not in {pl.Binary, pl.Object}


def _short(name: str) -> pl.Expr:
    column = pl.col(name)
    cut = column.str.slice(0, KEPT_CELL_CHARACTERS) + CUT_MARK
    return pl.when(column.str.len_chars() > KEPT_CELL_CHARACTERS).then(cut).otherwise(column).alias(name)


def _first_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return text.strip().splitlines()[0].rstrip(".:")[:200] if text.strip() else type(error).__name__


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:10]) or "no column"
