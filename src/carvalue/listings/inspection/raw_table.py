"""Read a file whose form is unknown as texts: encoding, separator and columns."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from carvalue.listings.schema import ALIASES, FIELDS, MARKET, PRICE
from carvalue.listings.sources import SourceFailed
from carvalue.listings.values import Decimals

SAMPLE_BYTES = 64 << 20  # the first rows of a larger file say the same
SEPARATORS = ",;\t|"
MOJIBAKE = ("Ã¤", "Ã¶", "Ã¼", "Ã©", "Ã¨")  # UTF-8 that was read as Latin-1 and written again
OTHER_HEADERS = {
    "posting_date": ("postingdate", "date", "posted", "datum", "inseriert", "created", "createdat"),
    "id": ("id", "listingid", "adid", "inseratsnummer"),
    PRICE.name: (PRICE.name, *PRICE.headers),
}


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """The rows of a file as texts.

    Attributes:
        rows: One column of texts for each column of the file.
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


def read_raw_table(path: Path) -> RawTable:
    """Read the first rows of a CSV.

    Args:
        path: The CSV file.

    Returns:
        Its rows and what was found out about its form.

    Raises:
        SourceFailed: The file cannot be read, or is not a CSV.
    """
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
    found = next((sign for sign in MOJIBAKE if sign in text), "")
    return text, f"mixed encodings: {found!r} stands for one character" if found else ""


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
