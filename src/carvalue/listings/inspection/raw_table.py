"""Read files whose form is unknown as texts: encoding, separator and columns."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from carvalue.files import unpack
from carvalue.files.locations import list_files
from carvalue.listings.cleaning import DELETED
from carvalue.listings.schema import ALIASES, FIELDS, MARKET, PRICE
from carvalue.listings.sources import ColumnMapping, SourceFailed, column_names, is_partitioned, scan_texts
from carvalue.listings.values import Decimals
from carvalue.settings import DATA_SUFFIXES

SAMPLE_BYTES = 64 << 20  # the first rows of a larger file say the same
SAMPLE_ROWS = 200_000  # of several files
SEPARATORS = ",;\t|"
MOJIBAKE = ("Ã¤", "Ã¶", "Ã¼", "Ã©", "Ã¨")  # UTF-8 that was read as Latin-1 and written again
OTHER_HEADERS = {
    "posting_date": ("postingdate", "date", "posted", "datum", "inseriert", "created", "createdat"),
    "id": ("id", "listingid", "adid", "inseratsnummer"),
    PRICE.name: (PRICE.name, *PRICE.headers),
}


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """The rows of one file or of several as texts.

    Attributes:
        rows: One column of texts for each column of the files.
        separator: The character between two cells.
        encoding_problem: What is wrong with the encoding; empty if nothing is.
        columns: Field, `id`, `posting_date` or the price -> column that holds it, by name.
        decimal: Decimal separator of its numbers.
        words: Field -> values, in lower case, that a mapping translates.
    """

    rows: pl.DataFrame
    separator: str
    encoding_problem: str
    columns: dict[str, str]
    decimal: Decimals = MARKET.decimal
    words: Mapping[str, frozenset[str]] = field(default_factory=dict)
    files: Mapping[str, int] = field(default_factory=dict)
    """File to the number of its rows; empty for one CSV."""
    columns_differ: tuple[str, ...] = ()
    """Sentences about files that lack columns of others."""


def read_raw_table(source: str, *, scratch: Path, mapping: ColumnMapping | None = None) -> RawTable:
    """Read the first rows of listings.

    Args:
        source: A CSV file, or what DATA_SOURCE may name: a folder, a pattern, an address.
        scratch: A folder for temporary files.
        mapping: How to translate the columns.

    Returns:
        The rows and what was found out about their form.

    Raises:
        SourceFailed: A file cannot be read, or is not a CSV.
    """
    if not is_partitioned(source) and not source.lower().endswith(".zip"):
        return _read_csv(Path(source))
    tables: dict[str, RawTable] = {}
    rows = 0
    for file in list_files(source, suffixes=DATA_SUFFIXES):
        with file.opened(scratch) as path:
            tables[file.name] = _read_any(path, scratch=scratch, mapping=mapping)
        rows += tables[file.name].rows.height
        if rows >= SAMPLE_ROWS:
            break
    return _joined(tables)


def _read_any(path: Path, *, scratch: Path, mapping: ColumnMapping | None) -> RawTable:
    suffix = path.suffix.lower()
    if suffix in {".csv", ".zip"}:
        return _read_csv(unpack(path, into=scratch / "unpacked.csv") if suffix == ".zip" else path)
    try:
        names = column_names(path)
        texts = scan_texts(path, name=path.name, mapping=mapping, columns=names)
        rows = texts.head(SAMPLE_ROWS).collect(engine="streaming")
    except pl.exceptions.PolarsError as error:
        raise SourceFailed(f"{path.name} cannot be read: {error}.") from error
    return RawTable(rows=rows, separator=",", encoding_problem="", columns=_recognized(names))


def _joined(tables: Mapping[str, RawTable]) -> RawTable:
    first = next(iter(tables.values()))
    rows = pl.concat([table.rows for table in tables.values()], how="diagonal")
    lacking = {
        name: [column for column in rows.columns if column not in {*table.rows.columns, DELETED}]
        for name, table in tables.items()
    }
    problems = (
        f"{name}: {table.encoding_problem}" for name, table in tables.items() if table.encoding_problem
    )
    return RawTable(
        rows=rows,
        separator=first.separator,
        encoding_problem="; ".join(problems),
        columns=_recognized(rows.columns),
        files={name: table.rows.height for name, table in tables.items()},
        columns_differ=tuple(
            f"{name} lacks {', '.join(map(repr, columns))}" for name, columns in lacking.items() if columns
        ),
    )


def _read_csv(path: Path) -> RawTable:
    try:
        with path.open("rb") as file:
            content = file.read(SAMPLE_BYTES)
    except OSError as error:
        raise SourceFailed(f"{path} cannot be read: {error.strerror or error}.") from error
    text, problem = _decoded(content)
    separator = _separator(text)
    try:
        rows = pl.read_csv(
            text.encode(), separator=separator, infer_schema=False, truncate_ragged_lines=True, quote_char='"'
        )
    except pl.exceptions.PolarsError as error:
        raise SourceFailed(f"{path} is not a readable CSV: {error}.") from error
    return RawTable(
        rows=rows, separator=separator, encoding_problem=problem, columns=_recognized(rows.columns)
    )


def _decoded(content: bytes) -> tuple[str, str]:
    if len(content) == SAMPLE_BYTES:
        content = content.rpartition(b"\n")[0]  # without the last line, which is cut
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte {error.start:,} is 0x{content[error.start]:02x}"
        return content.decode("cp1252", errors="replace"), f"not UTF-8 ({byte}): save it as UTF-8"
    mojibake = next((sign for sign in MOJIBAKE if sign in text), "")
    return text, f"mixed encodings: {mojibake!r} stands for one character" if mojibake else ""


def _separator(text: str) -> str:
    header = next(csv.reader([text.partition("\n")[0]]), [""])
    line = text.partition("\n")[0] if header else ""
    return max(SEPARATORS, key=line.count)


def _recognized(header: list[str]) -> dict[str, str]:
    """Find the column of each field by the names that other people give it."""
    by_letters = {_letters(name): name for name in reversed(header)}
    names = {item.name: (item.name, *item.headers) for item in FIELDS}
    for alias, name in ALIASES.items():
        names[name] = (*names[name], alias)
    found: dict[str, str] = {}
    for name, spellings in (names | OTHER_HEADERS).items():
        columns = (by_letters.get(_letters(spelling)) for spelling in spellings)
        column = next((item for item in columns if item and item not in found.values()), None)
        if column:
            found[name] = column
    return found


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name.partition("(")[0].lower()))
