"""Tar archives with a SHA-256 checksum per file; damaged or truncated archives are rejected."""

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Protocol

from carvalue.errors import AppError
from carvalue.files import atomic_write, check_format

CONTENTS_FILE = "contents.json"  # the last member, so a truncated archive lacks it
CHUNK_BYTES = 2**20
MAX_CONTENTS_BYTES = 64 * 2**20  # of the table of contents; a platform of years has a few thousand files
FORMAT = 1  # of backups, raised whenever an older release would misread one


class ArchiveDamaged(AppError):
    """The file is not an archive of this program, or it was damaged or truncated."""

    status, hint = 422, "Nothing was changed. Use another backup."


@dataclass(frozen=True, kw_only=True)
class ArchiveContents:
    """Table of contents of an archive.

    Attributes:
        facts: Metadata, such as when and by which version it was written.
        files: File name -> SHA-256 in hexadecimal digits.
    """

    facts: Mapping[str, str]
    files: Mapping[str, str]


class Archive:
    """An archive that is being written.

    Args:
        tar: Open tar file to write to.
        facts: Metadata of the archive.

    Attributes:
        files: Name of each added file -> SHA-256 in hexadecimal digits.
        bytes: Total size of the added files.
    """

    def __init__(self, tar: tarfile.TarFile, facts: Mapping[str, str]) -> None:
        self._tar, self._facts, self.files = tar, facts, dict[str, str]()
        self.bytes = 0

    def add(self, path: Path, *, name: str) -> None:
        """Add a file with its present size; bytes appended meanwhile are left out.

        Args:
            path: File to add.
            name: Name within the archive, relative, with forward slashes.

        Raises:
            FileNotFoundError: The file does not exist any more.
        """
        with path.open("rb") as file:
            member = self._tar.gettarinfo(arcname=name, fileobj=file)
            reader = _HashingReader(file)
            self._tar.addfile(member, reader)
        self.files[name] = reader.digest.hexdigest()
        self.bytes += member.size

    def close(self) -> None:
        """Write the table of contents as the last member."""
        data = json.dumps({"facts": self._facts, "files": self.files}).encode()
        member = tarfile.TarInfo(CONTENTS_FILE)
        member.size = len(data)
        self._tar.addfile(member, BytesIO(data))


@contextmanager
def write_archive(path: Path, *, facts: Mapping[str, str]) -> Iterator[Archive]:
    """Open a new archive that only its owner can read; it appears at `path` when the block succeeds.

    Args:
        path: File to write; an existing file is replaced.
        facts: Metadata of the archive.

    Yields:
        The archive to add files to.

    Examples:
        >>> _ = Path("journal.db").write_text("quotes")
        >>> with write_archive(Path("backup.tar"), facts={"made_at": "2026-01-02"}) as archive:
        ...     archive.add(Path("journal.db"), name="service/journal.db")
        >>> contents = unpack_archive(Path("backup.tar"), into=Path("restored"))
        >>> contents.facts["made_at"], Path("restored/service/journal.db").read_text()
        ('2026-01-02', 'quotes')
    """
    with atomic_write(path, mode=0o600) as temporary, tarfile.open(temporary, "w", dereference=True) as tar:
        archive = Archive(tar, facts)
        yield archive
        archive.close()


def unpack_archive(path: Path, *, into: Path) -> ArchiveContents:
    """Unpack every file of an archive into a folder and verify its checksum.

    Files can be read by their owner only. Links and sparse files are refused, so the unpacked files take no
    more space than the archive.

    Args:
        path: Archive to read.
        into: Folder to write into; it is created if needed.

    Returns:
        The table of contents.

    Raises:
        FormatUnknown: A newer release wrote the archive.
        ArchiveDamaged: A file is missing, differs from its checksum, is a link or a sparse file, or has a
            path outside of the folder.
        OSError: The archive cannot be read or the folder cannot be written.
    """
    with _reported(path), tarfile.open(path, "r:") as tar:
        contents = _contents(tar)
        for name, digest in contents.files.items():
            _unpack_one(tar, name, into=into, digest=digest)
        return contents


def verify_archive(path: Path) -> None:
    """Read an archive from disk, and compare each file with its checksum.

    Args:
        path: Archive to read.

    Raises:
        ArchiveDamaged: A file differs from its checksum.
    """
    with _reported(path), tarfile.open(path, "r:") as tar:
        for name, digest in _contents(tar).files.items():
            reader = _HashingReader(_bytes_of(tar, name))
            while reader.read(CHUNK_BYTES):
                pass
            reader.require(digest, name=name)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ArchiveDamaged(f"{path} is not a backup, or it is truncated or damaged ({error}).") from error


def _contents(tar: tarfile.TarFile) -> ArchiveContents:
    size = tar.getmember(CONTENTS_FILE).size
    if size > MAX_CONTENTS_BYTES:
        raise ValueError(f"{CONTENTS_FILE} has {size:,} bytes, more than {MAX_CONTENTS_BYTES:,}")
    contents = ArchiveContents(**json.loads(_bytes_of(tar, CONTENTS_FILE).read()))
    archive_format = int(contents.facts.get("format", 1))
    check_format(archive_format, kind="backup", source=tar.name, oldest=1, newest=FORMAT)
    return contents


def _unpack_one(tar: tarfile.TarFile, name: str, *, into: Path, digest: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise ValueError(f"path {name!r} is outside of the folder")
    target = into.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    reader = _HashingReader(_bytes_of(tar, name))
    with target.open("xb") as file:
        shutil.copyfileobj(reader, file, CHUNK_BYTES)
    target.chmod(tar.getmember(name).mode & 0o700)  # for its owner only, like all files of the platform
    reader.require(digest, name=name)


def _bytes_of(tar: tarfile.TarFile, name: str) -> "_Readable":
    """Open a file of the archive. A regular file that is not sparse is never larger than the archive."""
    member = tar.getmember(name)
    file = tar.extractfile(member) if member.isreg() and not member.issparse() else None
    if file is None:  # a link could name any file
        raise ValueError(f"{name} is a link, a folder or another special file")
    return file


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _HashingReader:
    """Reads from a file and computes the digest of what was read."""

    def __init__(self, file: _Readable) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data

    def require(self, digest: str, *, name: str) -> None:
        """Raise a ValueError if what was read has another checksum."""
        if self.digest.hexdigest() != digest:
            raise ValueError(f"the checksum of {name} differs")
