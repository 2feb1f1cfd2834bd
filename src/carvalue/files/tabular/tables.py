"""Files of rows that people bring and take away, of any size, in batches: CSV, Parquet, JSON lines, Arrow."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from carvalue.errors import AppError
from carvalue.files.archives import unpack
from carvalue.files.atomic import atomic_write
from carvalue.files.tabular.ndjson import NO_ALIASES, PARSE_ERROR, read_lines

READ_SUFFIXES = (".csv", ".zip", ".parquet", ".ndjson", ".arrow")
WRITE_SUFFIXES = (".csv", ".parquet")
LIST_SEPARATOR = "; "  # a CSV has no lists


class TableUnreadable(AppError):
    """The file is not there, or not what its name says."""

    status: ClassVar[int] = 422
    hint: ClassVar[str] = (
        "Expected a CSV in UTF-8, a zip with one CSV in it, Parquet, lines of JSON, or a stream of Arrow."
    )


class WrongSuffix(AppError):
    """The name does not end like a format that is known."""

    status, hint = 422, ""


@dataclass(frozen=True, kw_only=True, eq=False)
class TableFile:
    """An opened file: the wanted columns that it has, and how to read so many rows at a time."""

    path: Path
    columns: tuple[str, ...]
    read: Callable[[int], Iterator[pl.DataFrame]]

    def batches(self, *, rows: int) -> Iterator[pl.DataFrame]:
        """Give all rows in their order, as text; whitespace and numbers stand as they were.

        Raises:
            TableUnreadable: the file turns out to be damaged.
        """
        try:
            yield from self.read(rows)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise TableUnreadable(f"{self.path} cannot be read to its end: {_first_line(error)}.") from error


def open_table(
    path: Path, *, columns: Sequence[str], scratch: Path, aliases: Mapping[str, str] = NO_ALIASES
) -> TableFile:
    """Open a file by its suffix, for these columns; a zip's CSV is unpacked into the folder `scratch`.

    Lines of JSON have every column, and `PARSE_ERROR`.

    Raises:
        WrongSuffix: the name ends otherwise.
        TableUnreadable: no such file, not of that format, or it has none of the columns, or one by two names.
        ZipUnusable: the zip is damaged, or holds no CSV or several.
    """
    check_suffix(path, READ_SUFFIXES)
    try:
        path.open("rb").close()
        if path.suffix.lower() == ".ndjson":
            return TableFile(path=path, columns=(*columns, PARSE_ERROR), read=_lines(path, columns, aliases))
        scan = _scan(path, scratch=scratch)
        found = scan.collect_schema().names()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise TableUnreadable(f"{path} cannot be read: {_first_line(error)}.") from error
    names = _names(path, found, aliases)
    here = tuple(name for name in columns if name in names)
    if not here:
        wanted = ", ".join(columns)
        raise TableUnreadable(f"{path} has none of the columns {wanted}: found {_shown(found)}.")
    chosen = scan.select(pl.col(names[name]).alias(name) for name in here)
    return TableFile(path=path, columns=here, read=lambda rows: _texts(chosen, rows))


def write_table(batches: Iterable[pl.DataFrame], *, schema: pl.Schema, into: Path, scratch: Path) -> None:
    """Write batches to one file, whose suffix says how; it appears under its name when it is complete.

    Batches pass through `scratch`, because neither format can be appended to in Polars and stay whole.
    """
    pl.DataFrame(schema=schema).write_parquet(scratch / "0.parquet")
    parts = [scratch / "0.parquet"]
    for batch in batches:
        parts.append(scratch / f"{len(parts)}.parquet")
        batch.write_parquet(parts[-1], compression="lz4", statistics=False)
    rows = pl.scan_parquet(parts, glob=False)
    with atomic_write(into) as aside:
        if into.suffix.lower() == ".parquet":
            rows.sink_parquet(aside, engine="streaming")
        else:
            lists = [name for name, kind in schema.items() if isinstance(kind, pl.List)]
            texts = rows.with_columns(pl.col(lists).list.join(LIST_SEPARATOR).replace("", None))
            texts.sink_csv(aside, engine="streaming", check_extension=False)


def check_suffix(path: Path, known: Sequence[str]) -> None:
    """Make sure of a name's end.

    Raises:
        WrongSuffix: it is none of these.
    """
    if path.suffix.lower() not in known:
        *others, last = known
        raise WrongSuffix(f"{path}: expected a name that ends in {', '.join(others)} or {last}.")


def scan_csv(path: Path) -> pl.LazyFrame:
    """Scan a CSV as people write them: all text, strange bytes replaced, surplus cells left out."""
    return pl.scan_csv(
        path, infer_schema=False, encoding="utf8-lossy", truncate_ragged_lines=True, glob=False
    )


def _scan(path: Path, *, scratch: Path) -> pl.LazyFrame:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return pl.scan_parquet(path, glob=False, hive_partitioning=False)
    if suffix == ".arrow":
        return pl.read_ipc_stream(path).lazy()  # the one format that is read as a whole
    return scan_csv(unpack(path, into=scratch / "table.csv") if suffix == ".zip" else path)


def _lines(
    path: Path, columns: Sequence[str], aliases: Mapping[str, str]
) -> Callable[[int], Iterator[pl.DataFrame]]:
    return lambda rows: read_lines(path, columns=columns, rows=rows, aliases=aliases)


def _names(path: Path, found: Sequence[str], aliases: Mapping[str, str]) -> dict[str, str]:
    """Give the name in the file for each of ours, where people use another word."""
    names = {aliases.get(name, name): name for name in found}
    for alias, name in aliases.items():
        if alias in found and name in found:
            raise TableUnreadable(f"{path} has the columns {alias} and {name}: expected one of them.")
    return names


def _texts(scan: pl.LazyFrame, rows: int) -> Iterator[pl.DataFrame]:
    texts = scan.select(_text(name, kind) for name, kind in scan.collect_schema().items())
    yield from texts.collect_batches(chunk_size=rows, maintain_order=True, lazy=True, engine="streaming")


def _text(name: str, kind: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if kind.is_float():
        column = column.fill_nan(None)  # how pandas writes what is missing
    return column if kind == pl.String else column.cast(pl.String, strict=False)


def _first_line(error: Exception) -> str:
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return told.strip().splitlines()[0].rstrip(".:")[:200] if told.strip() else type(error).__name__


def _shown(names: Sequence[str]) -> str:
    return ", ".join(repr(name[:40]) for name in names[:10]) or "no column"
