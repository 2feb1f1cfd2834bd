"""A copy of local files in the storage, with which a process on an empty disk continues."""

import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from carvalue.files.atomic import atomic_write
from carvalue.files.formats import FormatUnknown, StoredFormat
from carvalue.files.storage.folders import StoredFolder
from carvalue.files.storage.index import checksum

DATABASE, JOURNALS = ".db", ("-journal", "-wal", "-shm")
KNOWN = "stored.json"
KNOWN_FORMAT = StoredFormat(kind="record of stored copies")


class StoredCopy:
    """Files that one process writes on its own disk, and their copy in the storage. Not thread-safe.

    Args:
        folder: The local folder.
        names: The names of the files; those that end in `.db` are SQLite databases. Without names nothing is
            copied.
        stored: The folder of the copy.

    Example:
        >>> from carvalue.files import LocalFolder
        >>> Path("one").mkdir()
        >>> _ = Path("one/alerts.txt").write_text("drift")
        >>> first, second = (
        ...     StoredCopy(Path(disk), names=["alerts.txt"], stored=LocalFolder(Path("copy")))
        ...     for disk in ("one", "two")
        ... )
        >>> first.save(), first.save()
        (True, False)
        >>> second.restore(second.fetch())
        >>> Path("two/alerts.txt").read_text()
        'drift'
    """

    def __init__(self, folder: Path, *, names: Sequence[str], stored: StoredFolder) -> None:
        self._folder, self._names, self._stored = folder, names, stored
        self._saved: Mapping[str, tuple[int, int]] = {}

    def fetch(self) -> Path:
        """Bring the copy to this machine, but leave the files as they are.

        Returns:
            The folder for `restore`.

        Raises:
            StorageUnavailable: The storage does not answer.
            StorageDamaged: A stored file has another checksum than when it was written.
        """
        return self._stored.read()

    def restore(self, copy: Path) -> None:
        """Replace local files by their copy, unless this disk has the files that the copy was made of.

        Args:
            copy: What `fetch` returned.
        """
        if not self._names:
            return
        known = self._known()
        for name, digest in self._checksums(copy).items():
            if known.get(name) != digest or not (self._folder / name).is_file():
                _replace(self._folder / name, copy / name)
        self._remember(copy)

    def save(self) -> bool:
        """Store the files that have changed since this process saved them.

        Returns:
            Whether anything was stored.

        Raises:
            StorageUnavailable: The storage does not answer; the next call tries again.
        """
        present = self._stamps()
        changed = [name for name, stamp in present.items() if self._saved.get(name) != stamp]
        if not changed:
            return False
        with self._stored.updated() as copy:
            for name in changed:
                with atomic_write(copy / name) as temporary:
                    _copy(self._folder / name, temporary)
        self._saved = present
        self._remember(copy)
        return True

    def _known(self) -> Mapping[str, str]:
        try:
            return {name: str(digest) for name, digest in KNOWN_FORMAT.read(self._folder / KNOWN).items()}
        except (FileNotFoundError, ValueError, FormatUnknown):  # then the copy is the newest
            return {}

    def _remember(self, copy: Path) -> None:
        KNOWN_FORMAT.write(self._folder / KNOWN, self._checksums(copy))

    def _checksums(self, folder: Path) -> dict[str, str]:
        return {name: checksum(folder / name) for name in self._names if (folder / name).is_file()}

    def _stamps(self) -> dict[str, tuple[int, int]]:
        files = {name: self._folder / name for name in self._names}
        status = {name: path.stat() for name, path in files.items() if path.is_file()}
        return {name: (found.st_size, found.st_mtime_ns) for name, found in status.items()}


def _replace(path: Path, copy: Path) -> None:
    if path.suffix == DATABASE:
        for suffix in JOURNALS:  # SQLite would apply them to the new content
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    with atomic_write(path) as temporary:
        shutil.copyfile(copy, temporary)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or a consistent state of a database that is being written to."""
    if source.suffix != DATABASE:
        shutil.copyfile(source, target)
        return
    with closing(sqlite3.connect(source)) as opened, closing(sqlite3.connect(target)) as copy:
        opened.backup(copy)
