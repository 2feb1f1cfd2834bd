"""Tabular files in any format, read and written in batches; untrusted files are parsed in a subprocess."""

from carvalue.files.tabular.ndjson import PARSE_ERROR
from carvalue.files.tabular.sandbox import UploadUnreadable, convert_in_sandbox
from carvalue.files.tabular.sandboxed_reader import MAX_ROWS
from carvalue.files.tabular.tables import (
    LIST_SEPARATOR,
    READ_SUFFIXES,
    WRITE_SUFFIXES,
    check_suffix,
    open_table,
    scan_csv,
    write_table,
)

__all__ = [
    "LIST_SEPARATOR",
    "MAX_ROWS",
    "PARSE_ERROR",
    "READ_SUFFIXES",
    "WRITE_SUFFIXES",
    "UploadUnreadable",
    "check_suffix",
    "convert_in_sandbox",
    "open_table",
    "scan_csv",
    "write_table",
]
