"""Files on this machine, in a bucket and on a web server: their versions, and how they are read."""

import shutil
import stat
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
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT_S = 30.0  # to connect, and between two packets of a response


class PathUnreadable(AppError):
    """A local file or folder is missing, or may not be read."""

    status, hint = 422, "Check the path, and that this user may read it."


class AddressRefused(AppError):
    """An address, or one that its server redirects to, is not encrypted."""

    status, hint = 422, "Use https://; http:// is accepted for a server on this machine only."


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
        """Changes whenever the content changes."""
        ...

    @property
    def address(self) -> str:
        """One spelling of where the file is: an absolute path without links, `s3://BUCKET/KEY`, or a URL.

        A URL has its query, which may choose the file, but no user and password.
        """
        ...

    @property
    def root(self) -> str:
        """The address of the folder that `name` begins in; empty on a web server."""
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
    """A file of a file system.

    Attributes:
        name: Its path within what was listed.
        version: Changes whenever the content changes.
        path: The file.
    """

    name: str
    version: str
    path: Path

    @property
    def address(self) -> str:
        """The absolute path, with links resolved."""
        return str(self.path.resolve())

    @property
    def root(self) -> str:
        """The absolute path of the folder, with links resolved."""
        return str(self.path.parents[self.name.count("/")].resolve())

    @contextmanager
    def opened(self, scratch: Path) -> Iterator[Path]:  # noqa: ARG002  # read in place
        """Read the file in place.

        Args:
            scratch: A folder for temporary files.

        Yields:
            The path.

        Raises:
            FileChanged: The file changed meanwhile.
        """
        check_readable(self.path)
        try:
            yield self.path
        finally:  # also if it could not be read, as when it is still being copied
            if file_version(self.path) != self.version:
                raise FileChanged(f"{self.path} changed while it was read.")


@dataclass(frozen=True, kw_only=True)
class BucketFile:
    """An object of a bucket.

    Attributes:
        name: Its path within what was listed.
        version: Changes whenever the content changes.
        bucket: The bucket.
        key: The key of the object.
    """

    name: str
    version: str
    bucket: Bucket
    key: str

    @property
    def address(self) -> str:
        """The URL of the object."""
        return f"{self.bucket.url}/{self.key}"

    @property
    def root(self) -> str:
        """The URL of the prefix."""
        return self.address.removesuffix(f"/{self.name}")

    @contextmanager
    def opened(self, scratch: Path) -> Iterator[Path]:
        """Download the version that was listed.

        Args:
            scratch: A folder for temporary files.

        Yields:
            The path.

        Raises:
            FileChanged: The file changed meanwhile.
        """
        with _temporary(scratch, self.name) as path:
            if not self.bucket.download_version(self.key, path, etag=self.version):
                raise FileChanged(f"{self.bucket.url}/{self.key} changed after it was listed.")
            yield path


@dataclass(frozen=True, kw_only=True)
class WebFile:
    """A file of a web server; without a validator (RFC 9110, section 8.8) it counts as changed.

    Attributes:
        name: Its path within what was listed.
        version: Changes whenever the content changes.
        url: Its address.
    """

    name: str
    version: str
    url: str

    @property
    def address(self) -> str:
        """The URL without user and password."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="").geturl()

    @property
    def root(self) -> str:
        """Nothing: a web server has no folders."""
        return ""

    @contextmanager
    def opened(self, scratch: Path) -> Iterator[Path]:
        """Download the file.

        Args:
            scratch: A folder for temporary files.

        Yields:
            The path.

        Raises:
            FileChanged: The file changed meanwhile.
        """
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
        Its size and the time of its last change; empty if it is no file, or no longer there.

    Raises:
        PathUnreadable: Its folder may not be read.
    """
    try:
        status = path.stat()
    except PermissionError as error:
        raise PathUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    except OSError:  # deleted after it was listed, or a link to nothing
        return ""
    if not stat.S_ISREG(status.st_mode):
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def find_web_file(url: str) -> WebFile:
    """Ask a web server for the present version of a file.

    Args:
        url: The address.

    Returns:
        The file; its name is the host with the path.

    Raises:
        AddressRefused: The address, or one that the server redirects to, is not encrypted.
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
    def check(request: httpx.Request) -> None:  # called for each redirect, too
        is_named = urlsplit(url).hostname == request.url.host
        if request.url.scheme != "https" and not (is_named and request.url.host in LOOPBACK):
            raise AddressRefused(f"{shown(str(request.url))} is not encrypted: expected https://.")

    client = httpx.Client(follow_redirects=True, timeout=TIMEOUT_S, event_hooks={"request": [check]})
    try:
        with client, client.stream("GET", url) as response:
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
