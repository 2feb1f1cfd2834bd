"""One file that holds many, each with its checksum; a file that is not whole is noticed before it is used."""

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
from carvalue.files import atomic_write

LIST = "contents.json"  # the last in the file: an archive that was cut off has none
PIECE = 2**20


class ArchiveDamaged(AppError):
    """The file is no archive of this program, or not as it was written."""

    status, hint = 422, "Nothing was changed. Take another backup."


@dataclass(frozen=True, kw_only=True)
class ArchiveContents:
    """What an archive says of itself.

    Attributes:
        facts: when and by what it was made.
        files: SHA-256 of each file, by name.
    """

    facts: Mapping[str, str]
    files: Mapping[str, str]


class Archive:
    """An archive that is being written."""

    def __init__(self, tar: tarfile.TarFile, facts: Mapping[str, str]) -> None:
        self._tar, self._facts, self.files = tar, facts, dict[str, str]()
        self.bytes = 0

    def add(self, path: Path, *, name: str) -> None:
        """Add a file as it is now; what is appended to it meanwhile is left out.

        Raises:
            FileNotFoundError: it has gone.
        """
        with path.open("rb") as file:
            member = self._tar.gettarinfo(arcname=name, fileobj=file)
            read = _Hashed(file)
            self._tar.addfile(member, read)
        self.files[name] = read.digest.hexdigest()
        self.bytes += member.size

    def close(self) -> None:
        """Write the list of what was added."""
        data = json.dumps({"facts": self._facts, "files": self.files}).encode()
        member = tarfile.TarInfo(LIST)
        member.size = len(data)
        self._tar.addfile(member, BytesIO(data))


@contextmanager
def write_archive(path: Path, *, facts: Mapping[str, str]) -> Iterator[Archive]:
    """Give an archive to add to; it is at `path` when all went well, and nowhere else. For its owner only."""
    with atomic_write(path) as aside:
        aside.touch(mode=0o600)
        with tarfile.open(aside, "w", dereference=True) as tar:
            archive = Archive(tar, facts)
            yield archive
            archive.close()


def unpack_archive(path: Path, *, into: Path) -> ArchiveContents:
    """Unpack every file of an archive into a folder, and compare each with its checksum.

    Raises:
        ArchiveDamaged: something is missing, changed, or would land outside of the folder.
        OSError: it cannot be read, or the folder not written to.
    """
    try:
        with tarfile.open(path, "r:") as tar:
            contents = _contents(tar)
            for name, digest in contents.files.items():
                _unpack_one(tar, name, into=into, digest=digest)
            return contents
    except (tarfile.TarError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ArchiveDamaged(f"{path} is no backup, or was cut off ({error}).") from error


def _contents(tar: tarfile.TarFile) -> ArchiveContents:
    return ArchiveContents(**json.loads(_bytes_of(tar, LIST).read()))


def _unpack_one(tar: tarfile.TarFile, name: str, *, into: Path, digest: str) -> None:
    parts = PurePosixPath(name).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise ValueError(f"it holds {name!r}")
    target = into.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    read = _Hashed(_bytes_of(tar, name))
    with target.open("xb") as file:
        shutil.copyfileobj(read, file, PIECE)
    target.chmod(tar.getmember(name).mode & 0o777)
    if read.digest.hexdigest() != digest:
        raise ValueError(f"{name} has another checksum than when it was written")


def _bytes_of(tar: tarfile.TarFile, name: str) -> "_Readable":
    file = tar.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _Hashed:
    """Reads from a file and keeps the digest of what was read."""

    def __init__(self, file: _Readable) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data
