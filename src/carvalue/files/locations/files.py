"""Files on this machine, in a bucket and on a web server: their versions, and how they are read."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import httpx

from carvalue.errors import AppError
from carvalue.files.storage import Bucket

WEB = ("http://", "https://")
TIMEOUT_S = 30.0  # to connect, and between two packets of a response


class PathUnreadable(AppError):
    """A local file or folder is missing, or may not be read."""

    status, hint = 422, "Check the path, and that this user may read it."


class FileUnreachable(AppError):
    """A web server does not answer, or refuses a file."""

    status, hint = 502, "Check the address, and the network."


class FileChanged(AppError):
    """A file was written to while it was read."""

    status, hint = (
        503,
        "Try again when the file is complete.",
    )


class SourceFile(Protocol):
    """One file."""

    @property
    def name(self) -> str:
        """The path below the folder of the location, with forward slashes."""
        ...

    @property
    def version(self) -> str:
        """A text that another content of the file changes."""
        ...

    def opened(self, scratch: Path) -> AbstractContextManager[Path]:
        """Bring the file to this machine while it is read.

        Args:
            scratch: A folder for temporary files.

        Returns:
            A context manager of the path. It raises `FileChanged` if the file changed meanwhile.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class LocalFile:
    """A file of a file system."""

    name: str
    version: str
    path: Path

    @contextmanager
    def opened(self, scratch: Path) -> Iterator[Path]:  # noqa: ARG002  # read in place
        """Read the file in place."""
        check_readable(self.path)
        try:
            yield self.path
        finally:  # also if it could not be read, as when it is still being copied
            if not self.path.is_file() or file_version(self.path) != self.version:
                raise FileChanged(f"{self.path} changed while it was read.")


@dataclass(frozen=True, kw_only=True)
class BucketFile:
    """An object of a bucket."""

    name: str
    version: str
    bucket: Bucket
    key: str

    @contextmanager
    def opened(self, scratch: Path) -> Iterator[Path]:
        """Download the version that was listed."""
        with _temporary(scratch, self.name) as path:
            if not self.bucket.download_version(self.key, path, etag=self.version):
                raise FileChanged(f"{self.bucket.url}/{self.key} changed after it was listed.")
            yield path


@dataclass(frozen=True, kw_only=True)
class WebFile:
    """A file of a web server; without a validator (RFC 9110, section 8.8) it counts as changed."""

    name: str
    version: str
    url: str

    @contextmanager
    def opened(self, scratch: Path) -> Iterator[Path]:
        """Download the file."""
        with _temporary(scratch, self.name) as path:
            with _response(self.url) as response, path.open("wb") as file:
                if _validator(response) not in {"", self.version}:
                    raise FileChanged(f"{shown(self.url)} changed after its headers were read.")
                for block in response.iter_bytes():
                    file.write(block)
            yield path


def check_readable(path: Path) -> None:
    """Check that a file or folder can be read.

    Args:
        path: The file or folder.

    Raises:
        PathUnreadable: It is missing, or may not be read.
    """
    try:
        if path.is_dir():
            next(path.iterdir(), None)
        else:
            path.open("rb").close()
    except OSError as error:
        raise PathUnreadable(f"{path} cannot be read: {error.strerror or error}.") from error


def file_version(path: Path) -> str:
    """Describe the present content of a local file.

    Args:
        path: The file.

    Returns:
        Its size and the time of its last change.
    """
    status = path.stat()
    return f"{status.st_size}-{status.st_mtime_ns}"


def find_web_file(url: str) -> WebFile:
    """Ask a web server for the present version of a file.

    Args:
        url: The address.

    Returns:
        The file; its name is the host with the path.

    Raises:
        FileUnreachable: The server does not answer, or refuses the file.
    """
    name = unquote(shown(url).partition("://")[2])
    with _response(url) as response:  # not HEAD, which some servers refuse; the body is not read
        return WebFile(name=name, version=_validator(response) or uuid4().hex, url=url)


def shown(source: str) -> str:
    """Leave out of addresses what may be secret: user, password and query.

    Args:
        source: Where files are.

    Returns:
        A text for logs and manifests.

    Example:
        >>> shown("https://shop:secret@cars.example/days.csv?token=1")
        'https://cars.example/days.csv'
    """
    if not source.startswith(WEB):
        return source
    parts = [urlsplit(url) for url in source.split()]
    return " ".join(f"{part.scheme}://{part.netloc.rpartition('@')[2]}{part.path}" for part in parts)


def _validator(response: httpx.Response) -> str:
    changed = response.headers.get("last-modified", "")
    size = response.headers.get("content-length", "")
    return response.headers.get("etag") or (f"{changed} {size}" if changed else "")


@contextmanager
def _response(url: str) -> Iterator[httpx.Response]:
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=TIMEOUT_S) as response:
            response.raise_for_status()
            yield response
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        raise FileUnreachable(f"{shown(url)} cannot be read: the server answered {code}.") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FileUnreachable(f"{shown(url)} cannot be read: {error or type(error).__name__}.") from None


@contextmanager
def _temporary(scratch: Path, name: str) -> Iterator[Path]:
    """Name a file that is deleted after the block, with the same suffix."""
    folder = scratch / f".{uuid4().hex}"
    folder.mkdir(parents=True)
    try:
        yield folder / PurePosixPath(name).name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
