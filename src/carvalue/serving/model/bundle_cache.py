"""Bundles on this machine's disk: the last good one outlives a restart and an outage of the registry."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from carvalue.registry import ModelVersion

KEPT = 2  # the one in use, and the one that another worker may still be reading
ABANDONED_S = 3_600  # no download takes an hour: its process was killed


def bundles_folder(state_dir: Path) -> Path:
    """Where the service of this machine keeps its bundles."""
    return state_dir / "service" / "bundles"


@dataclass(frozen=True, kw_only=True)
class CachedBundle:
    """A bundle folder and the version it holds."""

    version: ModelVersion
    folder: Path


class BundleCache:
    """One folder per version, and a file that names the last good one."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._label = root / "last_good.json"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other workers from the shelf; it is free again when this process leaves or ends."""
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def place(self, version: ModelVersion) -> Path:
        """Where a version belongs; the digest keeps apart registries that both count from 1."""
        self._root.mkdir(parents=True, exist_ok=True)
        return self._root / f"{version.version}-{version.bundle_digest[:12]}"

    def last_good(self) -> CachedBundle | None:
        """The version last taken into use, if one ever was and its label can be read."""
        try:
            version = ModelVersion.load(self._label)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        folder = self.place(version)
        return CachedBundle(version=version, folder=folder) if folder.is_dir() else None

    def keep(self, shelved: CachedBundle) -> None:
        """Name this version the last good one, then drop what is older than the last `KEPT`."""
        with self.alone():
            aside = self._label.with_suffix(f".{shelved.folder.name}")
            shelved.version.save(aside)
            aside.replace(self._label)
            shelved.folder.touch()  # the time of last use, by which older ones are told
            self._drop_older(than=shelved.folder)

    def discard(self, folder: Path) -> None:
        """Remove a bundle that cannot be used."""
        shutil.rmtree(folder, ignore_errors=True)

    def _drop_older(self, *, than: Path) -> None:
        now = than.stat().st_mtime
        others = {
            path: path.stat().st_mtime for path in self._root.iterdir() if path.is_dir() and path != than
        }
        whole = [path for path in others if not path.name.startswith(".")]  # a dot: being downloaded
        whole.sort(key=others.__getitem__, reverse=True)
        abandoned = [
            path for path in others if path.name.startswith(".") and others[path] < now - ABANDONED_S
        ]
        for path in [*whole[KEPT - 1 :], *abandoned]:
            self.discard(path)
