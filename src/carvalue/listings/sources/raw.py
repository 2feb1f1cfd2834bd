"""A raw CSV on disk: what every source hands over, checked before anyone relies on it."""

import codecs
import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from carvalue.errors import AppError
from carvalue.listings.schema import RAW_COLUMNS

SourceKind = Literal["kaggle", "file", "sample"]
BLOCK_BYTES = 1 << 20


class SourceFailed(AppError):
    """Raw listings could not be had; nothing that was there before has been touched."""

    status: ClassVar[int] = 422  # where another try may help, a class of its own says 429, 502 or 504
    hint: ClassVar[str] = "Correct the source, or set DATA_SOURCE=sample to work with the bundled sample."


class FileEmpty(SourceFailed):
    """The CSV holds no row."""


class NotUtf8(SourceFailed):
    """The CSV is in another encoding."""

    hint = "Save it as UTF-8 and try again."


class ColumnsChanged(SourceFailed):
    """The header is not the one that the rest of the program knows."""

    hint = "Rename the columns back, or point DATA_SOURCE at a file that has them."


@dataclass(frozen=True, kw_only=True)
class RawListings:
    """A checked CSV with the 26 raw columns, where it came from, and what identifies its content."""

    path: Path
    kind: SourceKind
    description: str
    fingerprint: str


def check_raw_csv(path: Path, *, name: str) -> str:
    """Read the whole file once: header, encoding, at least one row; return its SHA-256.

    `name` is what messages call the file, for example `archive.zip:vehicles.csv`.

    Raises:
        FileEmpty: there is no header, or no row below it.
        NotUtf8: says where the first byte is that UTF-8 does not know.
        ColumnsChanged: says which columns are missing and which came instead.
    """
    digest = file_digest(path, name=name)
    with path.open(encoding="utf-8-sig", newline="") as file:
        _check_header(_first_record(file, name=name), name=name)
        if not any(line.strip() for line in file):
            raise FileEmpty(f"{name} has a header and no rows.")
    return digest


def file_digest(path: Path, *, name: str) -> str:
    """Read the whole file once; return its SHA-256.

    Raises:
        NotUtf8: says where the first byte is that UTF-8 does not know.
    """
    digest, decoder, offset = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            _decode(decoder, block, offset=offset, name=name)
            digest.update(block)
            offset += len(block)
    _decode(decoder, b"", offset=offset, name=name, final=True)
    return digest.hexdigest()


def _decode(
    decoder: codecs.IncrementalDecoder, block: bytes, *, offset: int, name: str, final: bool = False
) -> None:
    pending = len(decoder.getstate()[0])
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError as error:
        at = offset - pending + error.start
        raise NotUtf8(f"{name} is not UTF-8: byte {at:,} is 0x{error.object[error.start]:02x}.") from None


def _first_record(lines: Iterable[str], *, name: str) -> list[str]:
    try:
        record = next(csv.reader(lines), None)
    except csv.Error as error:
        raise ColumnsChanged(f"{name} has no readable header: {error}.") from None
    if record is None:
        raise FileEmpty(f"{name} is empty.")
    return record


def _check_header(header: Sequence[str], *, name: str) -> None:
    missing = [column for column in RAW_COLUMNS if column not in header]
    unknown = [column for column in header if column not in RAW_COLUMNS]
    twice = sorted({column for column in header if header.count(column) > 1})
    if missing or twice:
        complaints = [
            f"lacks {_listed(missing)}" if missing else "",
            f"has the unknown {_listed(unknown)}" if missing and unknown else "",
            f"names {_listed(twice)} twice" if twice else "",
        ]
        raise ColumnsChanged(f"{name} {', and '.join(filter(None, complaints))}.")


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column[:40]) for column in columns[:10])
    more = f" and {len(columns) - 10} more" if len(columns) > 10 else ""
    return f"column{'s' if len(columns) > 1 else ''} {shown}{more}"
