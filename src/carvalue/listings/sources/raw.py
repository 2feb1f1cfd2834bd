"""Raw listings on disk, which every source returns, and the checks that a raw CSV must pass."""

import codecs
import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from carvalue.errors import AppError
from carvalue.listings.schema import RAW_COLUMNS, SOURCE_COLUMNS

SourceKind = Literal["kaggle", "file", "sample"]
BLOCK_BYTES = 1 << 20


class SourceFailed(AppError):
    """Raw listings could not be fetched; existing files are unchanged."""

    status: ClassVar[int] = 422  # subclasses for which a retry can help have the status 429, 502 or 504
    hint: ClassVar[str] = "Correct the source, or set DATA_SOURCE=sample to work with the bundled sample."


class FileEmpty(SourceFailed):
    """The CSV has no rows."""


class NotUtf8(SourceFailed):
    """The CSV is not encoded as UTF-8."""

    hint = "Save it as UTF-8 and try again."


class ColumnsChanged(SourceFailed):
    """The CSV lacks columns of vehicles.csv, or has a column twice."""

    hint = "Rename the columns back, or point DATA_SOURCE at a file that has them."


@dataclass(frozen=True, kw_only=True)
class RawListings:
    """Checked raw listings, and where they came from.

    Attributes:
        path: The CSV file with the columns `SOURCE_COLUMNS`, or the folder of the partitions.
        partitions: Parquet files with the rows of each file of the source, in the order of their names; empty
            for a CSV.
        kind: The kind of source.
        description: The source as one line of text, for manifests and model cards.
        fingerprint: The SHA-256 of the file, or of the digests of all files, as
            `sha256:<hexadecimal digits>`.
    """

    path: Path
    kind: SourceKind
    description: str
    fingerprint: str
    partitions: tuple[Path, ...] = ()

    @property
    def files(self) -> Path | tuple[Path, ...]:
        """What `clean` reads."""
        return self.partitions or self.path


def check_raw_csv(path: Path, *, name: str) -> str:
    """Check the encoding and the header of a CSV, and that it has at least one row; reads the file once.

    Args:
        path: The CSV file.
        name: The file's name in error messages, for example `archive.zip (its CSV)`.

    Returns:
        The SHA-256 of the file, as 64 hexadecimal digits.

    Raises:
        FileEmpty: There is no header, or no row below it.
        NotUtf8: The file is not UTF-8; the message has the position of the first invalid byte.
        ColumnsChanged: Columns of `SOURCE_COLUMNS` are missing, or a column occurs twice.
    """
    digest = file_digest(path, name=name)
    with path.open(encoding="utf-8-sig", newline="") as file:
        _check_header(_first_record(file, name=name), name=name)
        if not any(line.strip() for line in file):
            raise FileEmpty(f"{name} has a header and no rows.")
    return digest


def file_digest(path: Path, *, name: str) -> str:
    """Compute the SHA-256 of a text file and check that it is UTF-8; reads the file once.

    Args:
        path: The file.
        name: The file's name in error messages.

    Returns:
        The SHA-256, as 64 hexadecimal digits.

    Raises:
        NotUtf8: The file is not UTF-8; the message has the position of the first invalid byte.
    """
    digest, decoder, offset = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            _decode(decoder, block, offset=offset, path=path, name=name)
            digest.update(block)
            offset += len(block)
    _decode(decoder, b"", offset=offset, path=path, name=name, final=True)
    return digest.hexdigest()


def _decode(
    decoder: codecs.IncrementalDecoder,
    block: bytes,
    *,
    offset: int,
    path: Path,
    name: str,
    final: bool = False,
) -> None:
    pending = len(decoder.getstate()[0])
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError as error:
        position = offset - pending + error.start
        found = f"byte {position:,} (line {_line(path, position):,}) is 0x{error.object[error.start]:02x}"
        raise NotUtf8(f"{name} is not UTF-8: {found}.") from None


def _line(path: Path, position: int) -> int:
    with path.open("rb") as file:
        blocks = (file.read(min(BLOCK_BYTES, position - at)) for at in range(0, position, BLOCK_BYTES))
        return 1 + sum(block.count(b"\n") for block in blocks)


def _first_record(lines: Iterable[str], *, name: str) -> list[str]:
    try:
        record = next(csv.reader(lines), None)
    except csv.Error as error:
        raise ColumnsChanged(f"{name} has no readable header: {error}.") from None
    if record is None:
        raise FileEmpty(f"{name} is empty.")
    return record


def _check_header(header: Sequence[str], *, name: str) -> None:
    missing = [column for column in SOURCE_COLUMNS if column not in header]
    unknown = [column for column in header if column not in RAW_COLUMNS]
    repeated = sorted({column for column in header if header.count(column) > 1})
    if missing or repeated:
        problems = [
            f"lacks {_listed(missing)}" if missing else "",
            f"has the unknown {_listed(unknown)}" if missing and unknown else "",
            f"names {_listed(repeated)} twice" if repeated else "",
        ]
        raise ColumnsChanged(f"{name} {', and '.join(filter(None, problems))}.")


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(column[:40]) for column in columns[:10])
    more = f" and {len(columns) - 10} more" if len(columns) > 10 else ""
    return f"column{'s' if len(columns) > 1 else ''} {shown}{more}"
