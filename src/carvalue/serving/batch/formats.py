"""The formats of a batch: which media type names one, and how priced rows are written piece by piece."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

import polars as pl

from carvalue.errors import AppError
from carvalue.files.tabular import LIST_SEPARATOR

PIECE_BYTES = 2**18


class UnsupportedUpload(AppError):
    """The body is declared as something that holds no rows."""

    status = 415
    hint = "Send the header `Content-Type` with one of text/csv, application/x-ndjson, "
    hint += "application/vnd.apache.parquet, application/vnd.apache.arrow.stream; the body not compressed."


class UnsupportedAnswer(AppError):
    """`Accept` names no format that priced rows can be written in."""

    status, hint = 406, "Leave out `Accept`: the answer has the format of the request."


class RowWriter(Protocol):
    """Writes priced rows piece by piece."""

    def add(self, rows: pl.DataFrame) -> bytes:
        """Write more rows; give what can be sent already."""

    def end(self) -> Iterable[bytes]:
        """Give the rest."""


class CsvWriter:
    """CSV; a list is joined by semicolons."""

    def __init__(self, schema: pl.Schema, _: Path) -> None:
        self._empty, self._has_header = pl.DataFrame(schema=schema), False

    def add(self, rows: pl.DataFrame) -> bytes:
        """Write the rows, the first with the header."""
        lists = pl.selectors.by_dtype(pl.List(pl.String))
        texts = rows.with_columns(lists.list.join(LIST_SEPARATOR).replace("", None))
        header, self._has_header = not self._has_header, True
        return texts.write_csv(include_header=header).encode()

    def end(self) -> Iterable[bytes]:
        """Give the header where no row came."""
        return () if self._has_header else (self.add(self._empty),)


class NdjsonWriter:
    """One JSON object a line."""

    def __init__(self, schema: pl.Schema, _: Path) -> None:
        del schema  # each line names its fields

    def add(self, rows: pl.DataFrame) -> bytes:
        """Write the rows."""
        return rows.write_ndjson().encode()

    def end(self) -> Iterable[bytes]:
        """Give nothing."""
        return ()


class ArrowWriter:
    """Arrow's stream: a message with the schema, one for each batch of rows, the mark of the end.

    Polars writes whole streams only; of the later ones the message with the schema, which is always the
    same, and the mark of the end are left out.
    """

    def __init__(self, schema: pl.Schema, _: Path) -> None:
        written = _stream(pl.DataFrame(schema=schema))
        self._opening = written[: 8 + int.from_bytes(written[4:8], "little")]  # mark, length, schema
        self._closing, self._is_open = written[-8:], False

    def add(self, rows: pl.DataFrame) -> bytes:
        """Write the rows, the first behind the schema."""
        messages = _stream(rows)[len(self._opening) : -len(self._closing)]
        opening, self._is_open = b"" if self._is_open else self._opening, True
        return opening + messages

    def end(self) -> Iterable[bytes]:
        """Give the mark of the end."""
        return (self._closing if self._is_open else self._opening + self._closing,)


class ParquetWriter:
    """Parquet, whose table of contents comes last: nothing can be sent before all rows are there."""

    def __init__(self, schema: pl.Schema, scratch: Path) -> None:
        self._scratch = scratch
        self._parts = [scratch / "part0.parquet"]
        pl.DataFrame(schema=schema).write_parquet(self._parts[0])

    def add(self, rows: pl.DataFrame) -> bytes:
        """Put the rows by."""
        self._parts.append(self._scratch / f"part{len(self._parts)}.parquet")
        rows.write_parquet(self._parts[-1], compression="lz4", statistics=False)
        return b""

    def end(self) -> Iterator[bytes]:
        """Give the file in pieces."""
        whole = self._scratch / "answer.parquet"
        pl.scan_parquet(self._parts, glob=False).sink_parquet(whole, engine="streaming")
        with whole.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece


class WriterFactory(Protocol):
    """How to begin writing: the schema of what comes, and a folder for what must wait."""

    def __call__(self, schema: pl.Schema, scratch: Path, /) -> RowWriter: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class BatchFormat:
    """One format."""

    media_type: str
    suffix: str
    encoder: WriterFactory


CSV = BatchFormat(media_type="text/csv", suffix=".csv", encoder=CsvWriter)
NDJSON = BatchFormat(media_type="application/x-ndjson", suffix=".ndjson", encoder=NdjsonWriter)
PARQUET = BatchFormat(media_type="application/vnd.apache.parquet", suffix=".parquet", encoder=ParquetWriter)
ARROW = BatchFormat(media_type="application/vnd.apache.arrow.stream", suffix=".arrow", encoder=ArrowWriter)
FORMATS = (CSV, NDJSON, PARQUET, ARROW)
BY_NAME: Mapping[str, BatchFormat] = {
    **{item.media_type: item for item in FORMATS},
    "application/ndjson": NDJSON,
    "application/jsonl": NDJSON,
    "application/parquet": PARQUET,
}


def request_format(headers: Mapping[str, str]) -> BatchFormat:
    """Tell the format of a body.

    Raises:
        UnsupportedUpload: it is declared as something else, or as compressed.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedUpload(f"The body is declared as compressed by {encoding[:60]!r}.")
    named = _media_type(headers.get("content-type", ""))
    if named not in BY_NAME:
        raise UnsupportedUpload(f"The body is declared as {named[:60]!r}.")
    return BY_NAME[named]


def answer_format(headers: Mapping[str, str], *, sent: BatchFormat) -> BatchFormat:
    """Tell the format of the answer: the first that `Accept` names, else that of the body.

    Raises:
        UnsupportedAnswer: it names others only.
    """
    accepted = [_media_type(item) for item in headers.get("accept", "*/*").split(",")]
    for named in accepted:
        if named in BY_NAME:
            return BY_NAME[named]
        if named in {"*/*", sent.media_type.partition("/")[0] + "/*"}:
            return sent
    raise UnsupportedAnswer(f"Accept asks for {', '.join(accepted)[:100]!r}.")


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _stream(rows: pl.DataFrame) -> bytes:
    written = BytesIO()
    rows.write_ipc_stream(written)
    return written.getvalue()
