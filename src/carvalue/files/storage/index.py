"""The index of a stored folder: which object holds the content of each file."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from carvalue.errors import AppError
from carvalue.files.atomic import TEMPORARY_MARK
from carvalue.files.formats import StoredFormat

FORMAT = StoredFormat(kind="storage index")


class StorageDamaged(AppError):
    """A stored file has another checksum than when it was written."""

    status, hint = 500, "Restore the bucket from a backup, or run the step that writes the file again."


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file of a stored folder.

    Attributes:
        object: The key of the object with its content.
        sha256: The checksum of the content, as hexadecimal digits.
        size: The size in bytes.
        changed_ns: When this machine's copy was written, in nanoseconds since 1970; 0 in the bucket.
    """

    object: str
    sha256: str
    size: int
    changed_ns: int = 0

    def is_copied(self, path: Path) -> bool:
        """Tell whether a local copy is unchanged.

        Args:
            path: The file.

        Returns:
            Whether it has the size and the time of the last copy.
        """
        try:
            status = path.stat()
        except FileNotFoundError:
            return False
        return (status.st_size, status.st_mtime_ns) == (self.size, self.changed_ns)


Changes = Mapping[str, StoredFile | None]
"""Changed files by path; None for those that were deleted."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """The files of a stored folder.

    Attributes:
        files: Path within the folder, with forward slashes, to what is stored.
        etag: The version of the index in the bucket; None if it has none.
    """

    files: Mapping[str, StoredFile]
    etag: str | None

    def with_changes(self, changes: Changes) -> "Index":
        """Apply changes.

        Args:
            changes: The changes.

        Returns:
            A new index, without an ETag.
        """
        files = {**self.files, **changes}
        return Index(files={path: item for path, item in files.items() if item}, etag=None)

    def as_fields(self) -> dict[str, Any]:
        """Convert the files to JSON types.

        Returns:
            What `from_fields` reads.
        """
        return {"files": {path: asdict(stored) for path, stored in sorted(self.files.items())}}

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any], etag: str | None) -> "Index":
        """Read the result of `as_fields`.

        Args:
            fields: The fields.
            etag: The version of the index in the bucket.

        Returns:
            The index.
        """
        return cls(files={path: StoredFile(**item) for path, item in fields["files"].items()}, etag=etag)


def local_files(folder: Path) -> Iterator[str]:
    """List the finished files of a folder.

    Args:
        folder: The folder; it may not exist.

    Yields:
        Paths within the folder, with forward slashes.
    """
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and TEMPORARY_MARK not in name:
            yield name


def checksum(path: Path) -> str:
    """Compute the checksum of a file.

    Args:
        path: The file.

    Returns:
        SHA-256 as hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
