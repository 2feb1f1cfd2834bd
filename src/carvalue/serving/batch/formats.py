"""The formats of a batch: their media types, and writers that write priced rows in chunks."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Protocol

import polars as pl

from carvalue import api
from carvalue.errors import AppError
from carvalue.files.tabular import LIST_SEPARATOR

CHUNK_BYTES = 2**18


class UnsupportedUpload(AppError):
    """`Content-Type` declares no format of rows, or `Content-Encoding` a compressed body."""

    status = 415
    hint = "Send the header `Content-Type` with one of text/csv, application/x-ndjson, "
    hint += "application/vnd.apache.parquet, application/vnd.apache.arrow.stream; the body not compressed."


class UnsupportedAnswer(AppError):
    """`Accept` names no format that the answer can have."""

    status, hint = 406, "Leave out `Accept`: the answer has the format of the request."


class RowWriter(Protocol):
    """Writes priced rows in chunks."""

    def add(self, rows: pl.DataFrame) -> bytes:
        """Write rows.

        Args:
            rows: priced rows, with the columns of the schema.

        Returns:
            The bytes that can be sent now; may be empty.
        """

    def end(self) -> Iterable[bytes]:
        """Finish the file.

        Returns:
            The bytes that are left to send.
        """


class CsvWriter:
    """Writes CSV (RFC 4180); the items of a list are joined by semicolons.

    Args:
        schema: columns of the answer.
        _: not used.

    >>> writer = CsvWriter(pl.Schema({"price": pl.Int64(), "warnings": pl.List(pl.String)}), Path())
    >>> print(writer.add(pl.DataFrame({"price": [9000], "warnings": [["old", "rare"]]})).decode(), end="")
    price,warnings
    9000,old; rare
    """

    def __init__(self, schema: pl.Schema, _: Path) -> None:
        self._empty, self._has_header = pl.DataFrame(schema=schema), False

    def add(self, rows: pl.DataFrame) -> bytes:
        """Write rows, the first chunk with the header.

        Args:
            rows: priced rows.

        Returns:
            Lines of CSV.
        """
        lists = pl.selectors.by_dtype(pl.List(pl.String))
        texts = rows.with_columns(lists.list.join(LIST_SEPARATOR).replace("", None))
        header, self._has_header = not self._has_header, True
        return texts.write_csv(include_header=header).encode()

    def end(self) -> Iterable[bytes]:
        """Finish the file.

        Returns:
            The header, if no row was written.
        """
        return () if self._has_header else (self.add(self._empty),)


class NdjsonWriter:
    """Writes NDJSON: one JSON object per line.

    Args:
        schema: not used, because each line names its fields.
        _: not used.
    """

    def __init__(self, schema: pl.Schema, _: Path) -> None:
        del schema

    def add(self, rows: pl.DataFrame) -> bytes:
        """Write rows.

        Args:
            rows: priced rows.

        Returns:
            Lines of JSON.
        """
        return rows.write_ndjson().encode()

    def end(self) -> Iterable[bytes]:
        """Finish the file.

        Returns:
            Nothing: every line was sent.
        """
        return ()


class ArrowWriter:
    """Writes an Arrow IPC stream: a schema message, a message for each batch of rows, an end marker.

    Polars writes only whole streams. Of every stream after the first, the schema message, which is always the
    same, is left out; so is the end marker of every stream but the last.

    Args:
        schema: columns of the answer.
        _: not used.
    """

    def __init__(self, schema: pl.Schema, _: Path) -> None:
        written = _stream(pl.DataFrame(schema=schema))
        self._opening = written[: 8 + int.from_bytes(written[4:8], "little")]  # marker, length, schema
        self._closing, self._is_open = written[-8:], False

    def add(self, rows: pl.DataFrame) -> bytes:
        """Write rows, the first chunk after the schema.

        Args:
            rows: priced rows.

        Returns:
            Messages of the stream.
        """
        messages = _stream(rows)[len(self._opening) : -len(self._closing)]
        opening, self._is_open = b"" if self._is_open else self._opening, True
        return opening + messages

    def end(self) -> Iterable[bytes]:
        """Finish the stream.

        Returns:
            The end-of-stream marker, after the schema if no row was written.
        """
        return (self._closing if self._is_open else self._opening + self._closing,)


class ParquetWriter:
    """Writes Parquet, whose footer describes all rows: nothing can be sent before the last row is priced.

    Args:
        schema: columns of the answer.
        scratch: a folder for the rows until the end.
    """

    def __init__(self, schema: pl.Schema, scratch: Path) -> None:
        self._scratch = scratch
        self._parts = [scratch / "part0.parquet"]
        pl.DataFrame(schema=schema).write_parquet(self._parts[0])

    def add(self, rows: pl.DataFrame) -> bytes:
        """Store rows on disk.

        Args:
            rows: priced rows.

        Returns:
            Nothing to send yet.
        """
        self._parts.append(self._scratch / f"part{len(self._parts)}.parquet")
        rows.write_parquet(self._parts[-1], compression="lz4", statistics=False)
        return b""

    def end(self) -> Iterator[bytes]:
        """Merge all rows into one file.

        Yields:
            The file in chunks.
        """
        whole = self._scratch / "answer.parquet"
        pl.scan_parquet(self._parts, glob=False).sink_parquet(whole, engine="streaming")
        with whole.open("rb") as file:
            while piece := file.read(CHUNK_BYTES):
                yield piece


class WriterFactory(Protocol):
    """Makes a writer from the columns of the answer and a folder for temporary files."""

    def __call__(self, schema: pl.Schema, scratch: Path, /) -> RowWriter: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class BatchFormat:
    """A format of uploads and answers.

    Attributes:
        media_type: its name in `Content-Type` and `Accept`.
        suffix: suffix of a file, with the dot.
        new_writer: makes a writer of the format.
    """

    media_type: str
    suffix: str
    new_writer: WriterFactory


CSV = BatchFormat(media_type=api.CSV, suffix=".csv", new_writer=CsvWriter)
NDJSON = BatchFormat(media_type=api.NDJSON, suffix=".ndjson", new_writer=NdjsonWriter)
PARQUET = BatchFormat(media_type=api.PARQUET, suffix=".parquet", new_writer=ParquetWriter)
ARROW = BatchFormat(media_type=api.ARROW, suffix=".arrow", new_writer=ArrowWriter)
FORMATS = (CSV, NDJSON, PARQUET, ARROW)
BY_NAME: Mapping[str, BatchFormat] = {
    **{item.media_type: item for item in FORMATS},
    "application/ndjson": NDJSON,
    "application/jsonl": NDJSON,
    "application/parquet": PARQUET,
}


def request_format(headers: Mapping[str, str]) -> BatchFormat:
    """Read the format of an upload from the headers of a request.

    Args:
        headers: names in lower case.

    Returns:
        The format that `Content-Type` declares.

    Raises:
        UnsupportedUpload: the headers declare another format, or a compressed body.

    >>> request_format({"content-type": "text/csv; charset=utf-8"}).suffix
    '.csv'
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedUpload(f"The body is declared as compressed by {encoding[:60]!r}.")
    named = _media_type(headers.get("content-type", ""))
    if named not in BY_NAME:
        raise UnsupportedUpload(f"The body is declared as {named[:60]!r}.")
    return BY_NAME[named]


def answer_format(headers: Mapping[str, str], *, uploaded: BatchFormat) -> BatchFormat:
    """Choose the format of the answer: the first known one that `Accept` names, without quality values.

    Args:
        headers: names in lower case.
        uploaded: format of the upload, for an absent `Accept` and for wildcards.

    Returns:
        The format.

    Raises:
        UnsupportedAnswer: `Accept` names only other formats.

    >>> answer_format({}, uploaded=CSV).media_type
    'text/csv'
    >>> answer_format({"accept": "image/png, application/x-ndjson"}, uploaded=CSV).media_type
    'application/x-ndjson'
    """
    accepted = [_media_type(item) for item in headers.get("accept", "*/*").split(",")]
    for named in accepted:
        if named in BY_NAME:
            return BY_NAME[named]
        if named in {"*/*", uploaded.media_type.partition("/")[0] + "/*"}:
            return uploaded
    raise UnsupportedAnswer(f"`Accept` names only {', '.join(accepted)[:100]!r}.")


def _media_type(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def _stream(rows: pl.DataFrame) -> bytes:
    written = BytesIO()
    rows.write_ipc_stream(written)
    return written.getvalue()
