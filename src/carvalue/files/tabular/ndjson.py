"""Rows as lines of JSON, one object each; a line that is none keeps its place, with the reason."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import polars as pl

from carvalue.files.strict_json import NotStrictJson, parse_json

PARSE_ERROR = "unreadable"
"""The column that says why a row could not be read; null where it could."""
MAX_LINE_BYTES = 2**20
NO_ALIASES: Mapping[str, str] = {}

Row = dict[str, str | None]


def read_lines(
    path: Path, *, columns: Sequence[str], rows: int, aliases: Mapping[str, str] = NO_ALIASES
) -> Iterator[pl.DataFrame]:
    """Give so many rows at a time: each column as text, and `PARSE_ERROR`; blank lines are no rows."""
    schema = dict.fromkeys((*columns, PARSE_ERROR), pl.String)
    with path.open("rb") as file:
        found = (_row(line, columns, aliases) for line in _lines(file))
        while batch := list(islice(found, rows)):
            yield pl.DataFrame(batch, schema=schema)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        end = line
        while len(end) > MAX_LINE_BYTES and not end.endswith(b"\n"):
            end = file.readline(MAX_LINE_BYTES + 1)  # never more of a line in memory than this
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
        twice = next(alias for alias, name in aliases.items() if alias in value and name in value)
        raise NotStrictJson(f"gives both {twice} and {aliases[twice]}")
    return {name: _text(named[name], name) for name in columns if name in named}


def _text(cell: object, name: str) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, str):
        # a lone surrogate is no text
        return cell if cell.isascii() else cell.encode(errors="replace").decode()
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        raise NotStrictJson(f"gives {name} as {_called(cell)}: expected a text or a number")
    return repr(cell)


def _called(cell: object) -> str:
    if isinstance(cell, bool):
        return json.dumps(cell)
    return "a list" if isinstance(cell, list) else "an object"
