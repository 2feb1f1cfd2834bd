"""The S3 calls that a stored folder needs; boto3 is imported at the first call, because it is an extra."""

import functools
import shutil
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from carvalue.errors import AppError

Result = TypeVar("Result")

TIMEOUT_S = 20  # to connect, and between two packets of a response
BLOCK_BYTES = 1 << 20
ATTEMPTS = 5  # of a request, before it fails
ABSENT = {"404", "NoSuchKey"}
OVERTAKEN = {"412", "PreconditionFailed", "409", "ConditionalRequestConflict"}


class StorageUnavailable(AppError):
    """The bucket does not answer, or refuses access."""

    status, hint = 503, "Check the URL, the network, and the permissions of this machine's role."


class S3Missing(AppError):
    """A URL names a bucket, but boto3 is not installed."""

    status, hint = 500, "Install it with `uv sync --extra platform --extra aws`."


@dataclass(frozen=True, kw_only=True)
class ObjectVersion:
    """The content that an object has at one time.

    Attributes:
        size: The size in bytes.
        etag: The ETag, which changes whenever the content changes.
    """

    size: int
    etag: str


class Bucket:
    """The objects of a bucket below one prefix.

    Credentials, region and endpoint are those of boto3: environment, `~/.aws`, or the role of the machine.

    Args:
        name: The bucket.
        prefix: The prefix, without slashes at its ends.
    """

    def __init__(self, *, name: str, prefix: str) -> None:
        self.name, self.prefix = name, prefix

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Read a small object.

        Args:
            key: The key below the prefix.

        Returns:
            Its content and ETag; None if there is no such object.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """

        def read() -> tuple[bytes, str]:
            response = _client().get_object(Bucket=self.name, Key=self._key(key))
            return response["Body"].read(), response["ETag"]

        return self._attempt(read, key=key, expected=ABSENT)

    @property
    def url(self) -> str:
        """Where the objects are."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")

    def read(self, key: str) -> bytes | None:
        """Read a small object.

        Args:
            key: The key below the prefix.

        Returns:
            Its content; None if there is no such object.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """
        found = self.get(key)
        return found[0] if found else None

    def write(self, key: str, content: bytes) -> None:
        """Write or replace a small object.

        Args:
            key: The key below the prefix.
            content: The new content.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """
        self._attempt(
            lambda: _client().put_object(Bucket=self.name, Key=self._key(key), Body=content), key=key
        )

    def replace(self, key: str, content: bytes, *, etag: str | None) -> bool:
        """Write a small object unless somebody else wrote it meanwhile.

        Args:
            key: The key below the prefix.
            content: The new content.
            etag: The ETag of the object that is replaced; None if there must be none.

        Returns:
            Whether it was written.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}

        def write() -> object:
            return _client().put_object(Bucket=self.name, Key=self._key(key), Body=content, **condition)

        return self._attempt(write, key=key, expected=OVERTAKEN | ABSENT) is not None

    def upload(self, path: Path, key: str) -> None:
        """Write a file, in several parts if it is large.

        Args:
            path: The file.
            key: The key below the prefix.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """
        self._attempt(lambda: _client().upload_file(str(path), self.name, self._key(key)), key=key)

    def download(self, key: str, path: Path) -> None:
        """Read an object into a file.

        Args:
            key: The key below the prefix.
            path: The file.

        Raises:
            StorageUnavailable: The bucket does not answer, or has no such object.
        """
        self._attempt(lambda: _client().download_file(self.name, self._key(key), str(path)), key=key)

    def list(self, prefix: str) -> Mapping[str, datetime]:
        """List objects.

        Args:
            prefix: The beginning of the keys below the prefix.

        Returns:
            Keys below the prefix to when the objects were written.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """
        return {key: item["LastModified"] for key, item in self._items(prefix).items()}

    def versions(self, prefix: str) -> Mapping[str, ObjectVersion]:
        """List the present version of objects.

        Args:
            prefix: The beginning of the keys below the prefix.

        Returns:
            Keys below the prefix to the objects' sizes and ETags.

        Raises:
            StorageUnavailable: The bucket does not answer, or does not exist.
        """
        return {
            key: ObjectVersion(size=item["Size"], etag=item["ETag"])
            for key, item in self._items(prefix).items()
        }

    def download_version(self, key: str, path: Path, *, etag: str) -> bool:
        """Read one version of an object into a file.

        Args:
            key: The key below the prefix.
            path: The file.
            etag: The ETag of the version.

        Returns:
            Whether the object still had this version; if not, nothing is read.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """

        def read() -> bool:
            response = _client().get_object(Bucket=self.name, Key=self._key(key), IfMatch=etag)
            with path.open("wb") as file:
                shutil.copyfileobj(response["Body"], file, BLOCK_BYTES)
            return True

        return self._attempt(read, key=key, expected=OVERTAKEN | ABSENT) is not None

    def delete(self, key: str) -> None:
        """Delete an object.

        Args:
            key: The key below the prefix.

        Raises:
            StorageUnavailable: The bucket does not answer.
        """
        self._attempt(lambda: _client().delete_object(Bucket=self.name, Key=self._key(key)), key=key)

    def _items(self, prefix: str) -> dict[str, dict[str, Any]]:
        def read() -> list[dict[str, Any]]:
            pages = _client().get_paginator("list_objects_v2")
            found = pages.paginate(Bucket=self.name, Prefix=self._key(prefix))
            return [item for page in found for item in page.get("Contents", ())]

        items = self._attempt(read, key=prefix) or []
        return {item["Key"].removeprefix(self._key("")): item for item in items}

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _attempt(
        self, call: Callable[[], Result], *, key: str, expected: Set[str] = frozenset()
    ) -> Result | None:
        """Call S3; return None for an error with an expected code, and raise this program's for others."""
        _client()  # before the next lines, because it reports a missing package
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            return call()
        except ClientError as error:
            if error.response["Error"]["Code"] in expected:
                return None
            raise StorageUnavailable(f"s3://{self.name}/{self._key(key)}: {error}.") from error
        except (BotoCoreError, Boto3Error) as error:
            raise StorageUnavailable(f"s3://{self.name}/{self._key(key)}: {error}.") from error


def connect_bucket(url: str) -> Bucket:
    """Address the objects of a bucket below a prefix; nothing is sent yet.

    Args:
        url: `s3://BUCKET/PREFIX`.

    Returns:
        The objects.
    """
    parts = urlsplit(url)
    return Bucket(name=parts.netloc, prefix=parts.path.strip("/"))


@functools.cache
def _client() -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise S3Missing(
            f"A URL in the settings names a bucket of S3, but {error.name} is not installed."
        ) from error
    config = Config(
        connect_timeout=TIMEOUT_S,
        read_timeout=TIMEOUT_S,
        retries={"mode": "standard", "max_attempts": ATTEMPTS},
    )
    return boto3.client("s3", config=config)
