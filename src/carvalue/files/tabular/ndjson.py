"""Read newline-delimited JSON (NDJSON); a line that cannot be parsed becomes a row with the reason."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedIOBase
from itertools import islice
from pathlib import Path

import polars as pl

from carvalue.files.strict_json import NotStrictJson, parse_json

PARSE_ERROR = "unreadable"
"""The column with the reason why a line could not be parsed; null for parsed lines."""
MAX_LINE_BYTES = 2**20
NO_ALIASES: Mapping[str, str] = {}

Row = dict[str, str | None]


def read_lines(
    path: Path, *, columns: Sequence[str], rows: int, aliases: Mapping[str, str] = NO_ALIASES
) -> Iterator[pl.DataFrame]:
    r"""Read a file in batches; blank lines are skipped.

    Args:
        path: The NDJSON file; it is decompressed if its name ends in `.gz`.
        columns: Names of the fields to read.
        rows: The maximum number of rows of a batch.
        aliases: Alternative field names, alias to name.

    Yields:
        A frame with each of `columns` and `PARSE_ERROR`, all of type String.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("cars.ndjson").write_text('{"year": 2015}\nnot JSON\n')
        >>> for batch in read_lines(Path("cars.ndjson"), columns=["year"], rows=100):
        ...     for row in batch.rows():
        ...         print(row)
        ('2015', None)
        (None, 'the line is not JSON: Expecting value at character 0')
    """
    schema = dict.fromkeys((*columns, PARSE_ERROR), pl.String)
    with gzip.open(path) if path.suffix.lower() == ".gz" else path.open("rb") as file:
        parsed = (_row(line, columns, aliases) for line in _lines(file))
        while batch := list(islice(parsed, rows)):
            yield pl.DataFrame(batch, schema=schema)


def _lines(file: BufferedIOBase) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        end = line
        while len(end) > MAX_LINE_BYTES and not end.endswith(b"\n"):
            end = file.readline(MAX_LINE_BYTES + 1)  # bounds the memory that a line takes
        if line.strip():
            yield line


def _row(line: bytes, columns: Sequence[str], aliases: Mapping[str, str]) -> Row:
    if len(line) > MAX_LINE_BYTES:
        return {PARSE_ERROR: f"the line is longer than {MAX_LINE_BYTES // 2**20} MiB"}
    try:
        value = parse_json(line.strip())
        return _texts(value, columns, aliases)
    except NotStrictJson as error:
        return {PARSE_ERROR: f"the line {error}"}


def _texts(value: object, columns: Sequence[str], aliases: Mapping[str, str]) -> Row:
    if not isinstance(value, dict):
        raise NotStrictJson("is no object of field names and values")
    named: Mapping[str, object] = {aliases.get(name, name): cell for name, cell in value.items()}
    if len(named) != len(value):
        repeated = next(alias for alias, name in aliases.items() if alias in value and name in value)
        raise NotStrictJson(f"gives both {repeated} and {aliases[repeated]}")
    return {name: _text(named[name], name) for name in columns if name in named}


def _text(cell: object, name: str) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, str):
        # a lone surrogate cannot be encoded as UTF-8
        return cell if cell.isascii() else cell.encode(errors="replace").decode()
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise NotStrictJson(f"gives {name} as {_type_name(cell)}: expected a text or a number")
    return repr(cell)


def _type_name(cell: object) -> str:
    if isinstance(cell, bool):
        return json.dumps(cell)
    return "a list" if isinstance(cell, list) else "an object"
