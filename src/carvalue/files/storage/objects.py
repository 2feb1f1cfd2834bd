"""Single objects below a URL: files of a folder, or objects of a bucket. They are written and read whole."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from carvalue.errors import AppError
from carvalue.files.atomic import TEMPORARY_MARK, atomic_write, make_folder
from carvalue.files.storage.connection import StorageUnavailable, connect_bucket


class NameRefused(AppError):
    """The name of a file or object could lead out of its folder."""

    status, hint = 422, "Rename it: expected names between single slashes, and none of them `.` or `..`."


class Objects(Protocol):
    """Objects by key; keys have forward slashes."""

    @property
    def url(self) -> str:
        """Where the objects are."""
        ...

    def read(self, key: str) -> bytes | None:
        """Read a small object.

        Args:
            key: The key.

        Returns:
            Its content; None if there is no such object.

        Raises:
            StorageUnavailable: The storage does not answer.
        """
        ...

    def write(self, key: str, content: bytes) -> None:
        """Write or replace a small object.

        Args:
            key: The key.
            content: The new content.

        Raises:
            StorageUnavailable: The storage does not answer.
        """
        ...

    def upload(self, path: Path, key: str) -> None:
        """Write or replace an object with the content of a file.

        Args:
            path: The file.
            key: The key.

        Raises:
            StorageUnavailable: The storage does not answer.
        """
        ...

    def download(self, key: str, path: Path) -> None:
        """Copy an object to a file.

        Args:
            key: The key.
            path: The file.

        Raises:
            StorageUnavailable: The storage does not answer, or has no such object.
        """
        ...

    def list(self, prefix: str) -> Mapping[str, datetime]:
        """List objects.

        Args:
            prefix: The beginning of the keys.

        Returns:
            Keys to when the objects were written.

        Raises:
            StorageUnavailable: The storage does not answer.
        """
        ...

    def delete(self, key: str) -> None:
        """Delete an object, if there is one.

        Args:
            key: The key.

        Raises:
            StorageUnavailable: The storage does not answer.
        """
        ...


class FolderObjects:
    """Objects in a folder of a file system.

    Args:
        root: The folder; it is created when it is needed.

    Example:
        >>> objects = FolderObjects(Path("objects"))
        >>> objects.write("2026/one.txt", b"1")
        >>> objects.read("2026/one.txt"), objects.read("2026/two.txt"), list(objects.list("2026/"))
        (b'1', None, ['2026/one.txt'])
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def url(self) -> str:
        """The folder as a URL."""
        return f"file://{self._root}"

    def _path(self, key: str) -> Path:
        return self._root / check_name(key)

    def read(self, key: str) -> bytes | None:
        """Read a file.

        Args:
            key: The path below the folder.

        Returns:
            Its content; None if there is no such file.

        Raises:
            StorageUnavailable: The file cannot be read.
        """
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._problem(key, error) from error

    def write(self, key: str, content: bytes) -> None:
        """Write a file atomically.

        Args:
            key: The path below the folder.
            content: The new content.

        Raises:
            StorageUnavailable: The file cannot be written.
        """
        try:
            with atomic_write(self._path(key)) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise self._problem(key, error) from error

    def upload(self, path: Path, key: str) -> None:
        """Copy a file into the folder, atomically.

        Args:
            path: The file.
            key: The path below the folder.

        Raises:
            StorageUnavailable: The file cannot be written.
        """
        try:
            with atomic_write(self._path(key)) as temporary:
                shutil.copyfile(path, temporary)
        except OSError as error:
            raise self._problem(key, error) from error

    def download(self, key: str, path: Path) -> None:
        """Copy a file out of the folder.

        Args:
            key: The path below the folder.
            path: The copy.

        Raises:
            StorageUnavailable: The file cannot be read.
        """
        make_folder(path.parent)
        try:
            shutil.copyfile(self._path(key), path)
        except OSError as error:
            raise self._problem(key, error) from error

    def list(self, prefix: str) -> Mapping[str, datetime]:
        """List files.

        Args:
            prefix: The beginning of the paths below the folder.

        Returns:
            Paths below the folder to when the files were written.
        """
        files = {path.relative_to(self._root).as_posix(): path for path in self._root.rglob("*")}
        return {
            key: datetime.fromtimestamp(path.stat().st_mtime, UTC)
            for key, path in sorted(files.items())
            if key.startswith(prefix) and path.is_file() and TEMPORARY_MARK not in key
        }

    def delete(self, key: str) -> None:
        """Delete a file, if there is one.

        Args:
            key: The path below the folder.

        Raises:
            StorageUnavailable: The file cannot be deleted.
        """
        try:
            self._path(key).unlink(missing_ok=True)
        except OSError as error:
            raise self._problem(key, error) from error

    def _problem(self, key: str, error: OSError) -> StorageUnavailable:
        return StorageUnavailable(f"{self.url}/{key}: {error.strerror or error}.")


def check_name(name: str) -> str:
    """Check that a name leads to a file below its folder.

    Args:
        name: A path with forward slashes.

    Returns:
        The name.

    Raises:
        NameRefused: It begins with a slash, or has an empty part, `.` or `..`.

    Example:
        >>> check_name("2026/05.csv")
        '2026/05.csv'
    """
    if not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise NameRefused(f"{name!r} has an empty part, `.` or `..`.")
    return name


def open_objects(url: str) -> Objects:
    """Address the objects below a URL; nothing is read or sent yet.

    Args:
        url: `file:///PATH` or `s3://BUCKET/PREFIX`.

    Returns:
        The objects.

    Example:
        >>> open_objects("file:///srv/archive").url
        'file:///srv/archive'
    """
    return FolderObjects(Path(urlsplit(url).path)) if url.startswith("file:") else connect_bucket(url)
