"""A cache of model bundles on disk: the last good one survives a restart and an outage of the registry."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from carvalue.files import (
    TEMPORARY_MARK,
    BundleCorrupt,
    FormatUnknown,
    atomic_write,
    bundle_digest,
    file_lock,
    make_folder,
)
from carvalue.registry import MODEL_NAME, ModelVersion

KEPT_BUNDLES = 2  # the one in use, and the one that another worker may still be reading
FOLDER_NAME = re.compile(r"(\d{1,18})-[0-9a-f]{12}")  # see `BundleCache.folder_of`
VERSION_FILE = "version.json"  # within a bundle's folder; bundles of release 0.1 have none
ABANDONED_S = 3_600  # no download takes an hour: the process that started it was killed


def bundles_folder(state_dir: Path) -> Path:
    """Name the folder in which the service of this machine caches bundles.

    Args:
        state_dir: the setting `state_dir`.

    Returns:
        The folder; it need not exist.
    """
    return state_dir / "service" / "bundles"


@dataclass(frozen=True, kw_only=True)
class CachedBundle:
    """A bundle on disk.

    Attributes:
        version: the version that the bundle holds.
        folder: the bundle's folder.
    """

    version: ModelVersion
    folder: Path


class BundleCache:
    """A folder with one folder for each version, and a file that names the last good version.

    Args:
        root: the folder; it is made when needed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._label = root / "last_good.json"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the cache against other processes; the lock ends with the block or with this process.

        Yields:
            Nothing; the cache is locked.
        """
        with file_lock(self._root / ".lock"):
            yield

    def folder_of(self, version: ModelVersion) -> Path:
        """Name the folder of a version. The digest distinguishes registries that both count from 1.

        Args:
            version: a version of the registry.

        Returns:
            The folder; it exists if the bundle is in the cache.
        """
        make_folder(self._root)
        return self._root / _folder_name(version)

    def bundles(self) -> Iterator[CachedBundle]:
        """List the bundles on disk: the last good one first, then the others, the one used last first.

        The caller checks whether a bundle is whole. Each one is looked up only when the caller asks for it.

        Yields:
            A bundle; without the last good one if its label cannot be read.
        """
        labelled = self._labelled()
        if labelled is not None:
            yield labelled
        folders = [] if labelled is None else [labelled.folder]
        for folder in self._folders_by_use():
            bundle = None if folder in folders else _bundle_in(folder)
            if bundle is not None:
                yield bundle

    def set_last_good(self, bundle: CachedBundle) -> None:
        """Record a bundle as the last good one, then delete all but the `KEPT_BUNDLES` used last.

        The download flushed the bundle to disk, and this flushes the label, so that a power loss leaves a
        whole bundle.

        Args:
            bundle: a bundle of this cache that was loaded without errors.

        Raises:
            OSError: the disk cannot be written.
        """
        with self.lock():
            with atomic_write(bundle.folder / VERSION_FILE) as unfinished:
                bundle.version.save(unfinished)
            bundle.folder.touch()  # its time of last use, by which older bundles are deleted
            with atomic_write(self._label) as unfinished:
                bundle.version.save(unfinished)
            self._delete_older(than=bundle.folder)

    def discard(self, folder: Path) -> None:
        """Delete a bundle that cannot be used.

        Args:
            folder: the bundle's folder.
        """
        shutil.rmtree(folder, ignore_errors=True)

    def keep_only(self, folder: Path) -> None:
        """Delete all other bundles.

        Args:
            folder: the folder of the bundle to keep; it need not exist.
        """
        for other in self._folders_by_use():
            if other != folder:
                self.discard(other)

    def _labelled(self) -> CachedBundle | None:
        version = _read_version(self._label)
        folder = None if version is None else self.folder_of(version)
        if version is None or folder is None or not folder.is_dir():
            return None
        return CachedBundle(version=version, folder=folder)

    def _folders_by_use(self) -> list[Path]:
        """List the folders of complete downloads, the one used last first."""
        if not self._root.is_dir():
            return []
        used: dict[Path, float] = {}
        for path in self._root.iterdir():
            with suppress(FileNotFoundError):  # another worker has just deleted it
                if path.is_dir() and FOLDER_NAME.fullmatch(path.name):
                    used[path] = path.stat().st_mtime
        return sorted(used, key=used.__getitem__, reverse=True)

    def _delete_older(self, *, than: Path) -> None:
        now = than.stat().st_mtime
        others = {
            path: path.stat().st_mtime for path in self._root.iterdir() if path.is_dir() and path != than
        }
        unfinished = {path for path in others if path.name.startswith(".") or TEMPORARY_MARK in path.name}
        complete = sorted(others.keys() - unfinished, key=others.__getitem__, reverse=True)
        abandoned = [path for path in unfinished if others[path] < now - ABANDONED_S]
        for path in [*complete[KEPT_BUNDLES - 1 :], *abandoned]:
            self.discard(path)


def _bundle_in(folder: Path) -> CachedBundle | None:
    """Name the version in a folder; a folder of release 0.1 tells only its number and digest."""
    version = _read_version(folder / VERSION_FILE)
    if version is None:
        try:
            digest = bundle_digest(folder)
        except BundleCorrupt:
            return None
        number = int(folder.name.partition("-")[0])
        version = ModelVersion(name=MODEL_NAME, version=number, run_id="", source="", bundle_digest=digest)
    if folder.name != _folder_name(version):  # the manifest is another version's
        return None
    return CachedBundle(version=version, folder=folder)


def _folder_name(version: ModelVersion) -> str:
    return f"{version.version}-{version.bundle_digest[:12]}"


def _read_version(path: Path) -> ModelVersion | None:
    try:
        version = ModelVersion.load(path)
    except (OSError, ValueError, KeyError, TypeError, FormatUnknown, RecursionError):
        return None
    is_whole = type(version.version) is int and isinstance(version.bundle_digest, str)
    return version if is_whole else None
