"""Reads uploaded tables: CSV with any delimiter and encoding, Excel, Parquet."""

import csv
import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from polars.exceptions import PolarsError

from carvalue.errors import AppError
from carvalue.files.tabular import UploadUnreadable, convert_in_sandbox

MAX_ROWS = 1_000_000
MAX_UNPACKED_BYTES = 1_000_000_000  # of an Excel file, which is a zip archive
SUFFIXES = ("csv", "tsv", "txt", "xlsx", "xlsm", "xlsb", "xls", "ods", "parquet")
EXCEL_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"})
DELIMITERS = (",", ";", "\t", "|")
PROBLEM = "problem in the file"
"""Column of the reasons why a row of a CSV cannot be read; the table has it only if there is such a row."""
BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
SAMPLE_BYTES = 4_096  # in which UTF-16 without a byte order mark is recognized


class UnreadableFile(AppError):
    """The uploaded file is not a table."""

    status = 422
    hint = "The first line must hold column names, such as manufacturer, model, year, odometer."


def read_table(name: str, content: bytes) -> pl.DataFrame:
    """Read an uploaded file.

    Args:
        name: Its file name, which tells the format; any unknown one is read as a CSV.
        content: Its bytes.

    Returns:
        The columns of the file; those of a CSV and of Excel are texts. A row of a CSV with too many or too
        few cells has a reason in the column `PROBLEM`.

    Raises:
        UnreadableFile: It is damaged, empty or has too many rows.
    """
    suffix = Path(name).suffix.lower()
    try:
        if suffix == ".parquet":
            table = _parquet(content)
        elif suffix in EXCEL_SUFFIXES:
            table = _excel(content)
        else:
            table = _csv(content)
    except (PolarsError, UnicodeError, UploadUnreadable, zipfile.BadZipFile, csv.Error) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise UnreadableFile(f"{name} cannot be read as a table: {reason}.") from error
    if not table.columns or not len(table):
        raise UnreadableFile(f"{name} has no rows below the column names.")
    if len(table) > MAX_ROWS:
        raise UnreadableFile(f"{name} has too many rows: this page prices at most {MAX_ROWS:,}.")
    return table


def decode_text(content: bytes) -> str:
    """Decode a text file whose encoding is not known.

    Args:
        content: UTF-8, UTF-16 (also without a byte order mark) or Windows-1252, which contains Latin-1.

    Returns:
        The text.

    Raises:
        UnicodeError: It has none of these encodings.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content.decode(encoding)
    sample = content[:SAMPLE_BYTES]
    if sample.count(0) > len(sample) // 4:
        return content.decode("utf-16-le" if sample[1::2].count(0) > sample[::2].count(0) else "utf-16-be")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def find_delimiter(header: str) -> str:
    """Find the delimiter of a CSV.

    Args:
        header: Its first line.

    Returns:
        The most frequent of the usual delimiters outside of quotes; a comma if there is none.

    Examples:
        >>> find_delimiter("make;model;note, free text"), find_delimiter("make")
        (';', ',')
    """
    unquoted = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=unquoted.count)


def _csv(content: bytes) -> pl.DataFrame:
    text = decode_text(content).lstrip("\r\n")
    if "\0" in text:
        raise UnicodeError("it is not a text")
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=find_delimiter(text.partition("\n")[0]))
    header = next(lines, [])
    names = _unique([name.strip() for name in header])
    rows, problems = [], []
    for cells in _limited(lines):
        if any(cells):
            rows.append((*cells[: len(names)], *[""] * (len(names) - len(cells))))
            problems.append(
                "" if len(cells) == len(names) else f"the row has {len(cells)} cells, the header {len(names)}"
            )
    table = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return table.with_columns(pl.Series(PROBLEM, problems)) if any(problems) else table


def _limited(lines: Iterator[Sequence[str]]) -> Iterator[Sequence[str]]:
    for number, cells in enumerate(lines):
        if number > MAX_ROWS:
            return
        yield cells


def _excel(content: bytes) -> pl.DataFrame:
    """Read the first sheet. An archive that unpacks to too much is refused before it is unpacked."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(item.file_size for item in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise UploadUnreadable("it unpacks to more than 1 GB")
    try:
        table = pl.read_excel(io.BytesIO(content), engine="calamine", infer_schema_length=0)
    except Exception as error:  # the reader has its own exceptions, of no common type
        raise UploadUnreadable("it is not a spreadsheet, or it is damaged or encrypted") from error
    return table.rename(dict(zip(table.columns, _unique(table.columns), strict=True)))


def _parquet(content: bytes) -> pl.DataFrame:
    """Read an uploaded Parquet file in a subprocess, because a damaged one can crash the reader."""
    with TemporaryDirectory() as folder:
        upload, table = Path(folder) / "upload.parquet", Path(folder) / "table.parquet"
        upload.write_bytes(content)
        try:
            convert_in_sandbox(upload, into=table)
        except UploadUnreadable as error:
            raise UploadUnreadable("it is not a Parquet file, or it is damaged") from error
        return pl.read_parquet(table, n_rows=MAX_ROWS + 1)


def _unique(names: Sequence[str]) -> list[str]:
    """Name columns without a name, and number those whose name stands twice."""
    unique: list[str] = []
    for place, name in enumerate(names, start=1):
        wanted, number = name or f"column {place}", 1
        chosen = wanted
        while chosen in unique:
            number += 1
            chosen = f"{wanted}_{number}"
        unique.append(chosen)
    return unique
