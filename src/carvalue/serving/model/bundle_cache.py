"""A cache of model bundles on disk: the last good one survives a restart and an outage of the registry."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carvalue.registry import ModelVersion

KEPT_BUNDLES = 2  # the one in use, and the one that another worker may still be reading
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
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def folder_of(self, version: ModelVersion) -> Path:
        """Name the folder of a version. The digest distinguishes registries that both count from 1.

        Args:
            version: a version of the registry.

        Returns:
            The folder; it exists if the bundle is in the cache.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        return self._root / f"{version.version}-{version.bundle_digest[:12]}"

    def last_good(self) -> CachedBundle | None:
        """Find the bundle that was last taken into use.

        Returns:
            The bundle; None if there was none, or if its label or its folder cannot be read.
        """
        try:
            version = ModelVersion.load(self._label)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        folder = self.folder_of(version)
        return CachedBundle(version=version, folder=folder) if folder.is_dir() else None

    def set_last_good(self, bundle: CachedBundle) -> None:
        """Record a bundle as the last good one, then delete all but the `KEPT_BUNDLES` used last.

        Args:
            bundle: a bundle of this cache that was loaded without errors.

        Raises:
            OSError: the disk cannot be written.
        """
        with self.lock():
            unfinished = self._label.with_suffix(f".{bundle.folder.name}")
            bundle.version.save(unfinished)
            unfinished.replace(self._label)
            bundle.folder.touch()  # its time of last use, by which older bundles are deleted
            self._delete_older(than=bundle.folder)

    def discard(self, folder: Path) -> None:
        """Delete a bundle that cannot be used.

        Args:
            folder: the bundle's folder.
        """
        shutil.rmtree(folder, ignore_errors=True)

    def _delete_older(self, *, than: Path) -> None:
        now = than.stat().st_mtime
        others = {
            path: path.stat().st_mtime for path in self._root.iterdir() if path.is_dir() and path != than
        }
        complete = [path for path in others if not path.name.startswith(".")]  # a dot marks a download
        complete.sort(key=others.__getitem__, reverse=True)
        abandoned = [
            path for path in others if path.name.startswith(".") and others[path] < now - ABANDONED_S
        ]
        for path in [*complete[KEPT_BUNDLES - 1 :], *abandoned]:
            self.discard(path)
