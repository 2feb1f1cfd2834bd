"""A folder in a bucket, with a copy on this machine.

Each content is an object of its own that never changes, and one object lists the files (`Index`). Replacing
this list, if it is still the one that was read, makes all changes visible at once. Objects that the list does
not name are deleted after a day, when no reader can still use an earlier list.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from carvalue.files.atomic import atomic_write, make_folder
from carvalue.files.formats import FormatUnknown
from carvalue.files.locks import file_lock
from carvalue.files.storage.connection import Bucket
from carvalue.files.storage.index import (
    FORMAT,
    Changes,
    Index,
    StorageDamaged,
    StoredFile,
    checksum,
    local_files,
)

INDEX, OBJECTS = "index.json", "objects/"
INDEXES = "-index"  # suffix of the folder with the indexes of the local copies
UNUSED_AFTER = timedelta(days=1)  # longer than any reader takes


class BucketFolder:
    """A folder in a bucket, with a copy on this machine.

    Args:
        bucket: The objects of the folder.
        name: The name of the folder.
        copies: The local folder for the copies of all folders.
    """

    def __init__(self, bucket: Bucket, *, name: str, copies: Path) -> None:
        self._bucket, self._copy = bucket, copies / name
        self._record = copies.with_name(f"{copies.name}{INDEXES}") / f"{name}.json"

    def read(self) -> Path:
        """Bring the newest files to this machine.

        Returns:
            The local copy.

        Raises:
            StorageUnavailable: The bucket does not answer.
            StorageDamaged: An object has another checksum than when it was written.
        """
        with self._exclusive():
            self._pull()
        return self._copy

    @contextmanager
    def updated(self) -> Iterator[Path]:
        """Bring the newest files to this machine, and store what the block changes when it succeeds.

        Yields:
            The local copy.

        Raises:
            StorageUnavailable: The bucket does not answer.
            StorageDamaged: An object has another checksum than when it was written.
        """
        with self._exclusive():
            index = self._pull()
            make_folder(self._copy)
            yield self._copy
            self._push(index)

    def _exclusive(self) -> AbstractContextManager[None]:
        return file_lock(self._record.with_suffix(".lock"))

    def _pull(self) -> Index:
        """Make the copy equal to the stored folder; what a failed block left is undone."""
        remote, copied = self._remote(), self._copied()
        for path in set(local_files(self._copy)) - remote.files.keys():
            (self._copy / path).unlink()
        files = {path: self._copied_file(path, item, copied) for path, item in remote.files.items()}
        return self._remember(Index(files=files, etag=remote.etag))

    def _copied_file(self, path: str, stored: StoredFile, copied: Mapping[str, StoredFile]) -> StoredFile:
        known = copied.get(path)
        if known and known.object == stored.object and known.is_copied(self._copy / path):
            return known
        return self._download(path, stored)

    def _push(self, index: Index) -> None:
        changes = dict(self._changes(index))
        if not changes:
            return
        base = index
        while not self._replace_index(base, changes):
            base = self._remote()  # another machine was faster: its changes and ours are both kept
        self._remember(index.with_changes(changes))
        self._delete_unused()

    def _replace_index(self, base: Index, changes: Changes) -> bool:
        merged = base.with_changes(changes)
        files = {path: replace(item, changed_ns=0) for path, item in merged.files.items()}
        return self._bucket.replace(
            INDEX, FORMAT.encode(Index(files=files, etag=None).as_fields()), etag=base.etag
        )

    def _changes(self, index: Index) -> Iterator[tuple[str, StoredFile | None]]:
        present = set(local_files(self._copy))
        for path in sorted(present):
            stored = index.files.get(path)
            if stored is None or not stored.is_copied(self._copy / path):
                yield path, self._upload(path)
        for path in index.files.keys() - present:
            yield path, None

    def _upload(self, path: str) -> StoredFile:
        local, key = self._copy / path, f"{OBJECTS}{uuid4().hex}-{Path(path).name}"
        status = local.stat()
        self._bucket.upload(local, key)
        return StoredFile(
            object=key, sha256=checksum(local), size=status.st_size, changed_ns=status.st_mtime_ns
        )

    def _download(self, path: str, stored: StoredFile) -> StoredFile:
        with atomic_write(self._copy / path) as temporary:
            self._bucket.download(stored.object, temporary)
            if checksum(temporary) != stored.sha256:
                raise StorageDamaged(f"{stored.object} in s3://{self._bucket.name} is damaged.")
        return replace(stored, changed_ns=(self._copy / path).stat().st_mtime_ns)

    def _delete_unused(self) -> None:
        used = {stored.object for stored in self._remote().files.values()}
        for key, written_at in self._bucket.list(OBJECTS).items():
            if key not in used and written_at < datetime.now(UTC) - UNUSED_AFTER:
                self._bucket.delete(key)

    def _remote(self) -> Index:
        found = self._bucket.get(INDEX)
        if found is None:
            return Index(files={}, etag=None)
        content, etag = found
        return Index.from_fields(FORMAT.load(content, source=f"s3://{self._bucket.name}"), etag)

    def _copied(self) -> Mapping[str, StoredFile]:
        try:
            return Index.from_fields(FORMAT.read(self._record), None).files
        except (FileNotFoundError, ValueError, FormatUnknown):  # then everything is copied again
            return {}

    def _remember(self, index: Index) -> Index:
        FORMAT.write(self._record, index.as_fields())
        return index
