"""One interface for a folder of a file system and for one of a bucket."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from carvalue.files.atomic import make_folder
from carvalue.files.storage.bucket import BucketFolder
from carvalue.files.storage.connection import connect_bucket


class StoredFolder(Protocol):
    """A folder that several machines may share."""

    def read(self) -> Path:
        """Bring the newest files to this machine.

        Returns:
            A local folder to read from; it may not exist if nothing was stored.

        Raises:
            StorageUnavailable: The storage does not answer.
            StorageDamaged: A stored file has another checksum than when it was written.
        """
        ...

    def updated(self) -> AbstractContextManager[Path]:
        """Bring the newest files to this machine, and store what the block changes when it succeeds.

        Others see either all changes of the block or none. On one machine, one block runs at a time.

        Returns:
            A context manager of the local folder, which exists.

        Raises:
            StorageUnavailable: The storage does not answer; nothing of the block was stored.
            StorageDamaged: A stored file has another checksum than when it was written.
        """
        ...


class LocalFolder:
    """A folder of a file system; files are in use as soon as they are written.

    Args:
        path: The folder.

    Example:
        >>> with LocalFolder(Path("reference")).updated() as folder:
        ...     _ = (folder / "rows.json").write_text("{}")
        >>> LocalFolder(Path("reference")).read() == Path("reference")
        True
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Path:
        """Return the folder.

        Returns:
            The folder; it may not exist.
        """
        return self._path

    @contextmanager
    def updated(self) -> Iterator[Path]:
        """Create the folder if it does not exist.

        Yields:
            The folder.
        """
        make_folder(self._path)
        yield self._path


class StorageLocation(Protocol):
    """Where a storage is; the settings have these fields."""

    @property
    def storage_url(self) -> str:
        """The storage: `file:///PATH` or `s3://BUCKET/PREFIX`."""
        ...

    @property
    def storage_root(self) -> Path:
        """The local folder of the files, or of the copies of those in a bucket."""
        ...


def open_folder(location: StorageLocation, name: str) -> StoredFolder:
    """Open a folder of a storage.

    Args:
        location: Where the storage is.
        name: The name of the folder within it, such as `work/initial_model_dag`.

    Returns:
        The folder.

    Example:
        >>> from carvalue.settings import StateSettings
        >>> open_folder(StateSettings(storage_url="file:///srv/storage"), "reference").read()
        PosixPath('/srv/storage/reference')
    """
    if location.storage_url.startswith("file:"):
        return LocalFolder(location.storage_root / name)
    bucket = connect_bucket(f"{location.storage_url}/{name}")
    return BucketFolder(bucket, name=name, copies=location.storage_root)
