"""Versions of the datasets, one of them current; readers see one whole version, whatever befalls a writer."""

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from carvalue.errors import AppError
from carvalue.files import (
    TEMPORARY_MARK,
    ArtifactUnreadable,
    atomic_write,
    fsync,
    read_artifact,
    write_artifact,
)
from carvalue.listings.datasets.manifest import Manifest
from carvalue.listings.datasets.reposts import REPOSTS_FILE
from carvalue.listings.datasets.splits import SPLITS, SplitName

logger = logging.getLogger(__name__)

KEPT_VERSIONS = 3  # the current one, and two to look back at
MANIFEST_FILE = "manifest.json"
POINTER_FILE = "current"


class DatasetMissing(AppError):
    """No dataset was published, or what is there cannot be read."""

    status, hint = 409, "Run `carvalue run creates_datasets_dag`, or `make build`."


class DatasetIncomplete(AppError):
    """A folder to be published lacks a split."""

    hint = "Split the listings into that folder before it is published."


@dataclass(frozen=True)
class Dataset:
    """One published version; take one to read several splits that belong together."""

    folder: Path

    @property
    def name(self) -> str:
        """The version's name, by which the store finds it again."""
        return self.folder.name

    def path(self, name: SplitName) -> Path:
        """Find the Parquet file of a split.

        Raises:
            DatasetMissing: it is gone.
        """
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            raise DatasetMissing(f"{path} is missing.")
        return path

    @property
    def reposts(self) -> Path | None:
        """The file of later advertisements of known cars; versions made before it was kept have none."""
        path = self.folder / REPOSTS_FILE
        return path if path.is_file() else None

    def manifest(self) -> Manifest:
        """Read what this version consists of.

        Raises:
            DatasetMissing: the manifest is gone or damaged.
        """
        path = self.folder / MANIFEST_FILE
        try:
            return read_artifact(Manifest, path)
        except ArtifactUnreadable as error:
            raise DatasetMissing(error.message) from error


class DatasetStore:
    """Versions of the three splits under one root, of which one is current."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, folder: Path, *, manifest: Manifest) -> Dataset:
        """Copy the splits of a folder into a new version, make it the current one, prune old versions.

        A crash at any moment leaves the earlier version current and whole; writers wait for each other.

        Raises:
            DatasetIncomplete: the folder lacks a split.
        """
        if missing := [name for name in SPLITS if not (folder / f"{name}.parquet").is_file()]:
            raise DatasetIncomplete(f"{folder} lacks {', '.join(missing)}.")
        with self.undisturbed():
            version = self._write(folder, manifest)
            self._point_to(version)
            self._prune(current=version)
        logger.info("dataset published", extra={"fingerprint": manifest.fingerprint, "path": str(version)})
        return Dataset(version)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Keep others from publishing and pruning meanwhile."""
        self._root.mkdir(parents=True, exist_ok=True)
        # the system lets go of the lock when its holder dies, however it dies
        with (self._root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def current(self) -> Dataset:
        """Find the current version.

        Raises:
            DatasetMissing: none was published.
        """
        try:
            return Dataset(self._root / (self._root / POINTER_FILE).read_text().strip())
        except OSError as error:
            raise DatasetMissing(f"No dataset was published under {self._root}.") from error

    def version(self, name: str) -> Dataset:
        """Find a version by the name of its folder, whichever is current by now.

        Raises:
            DatasetMissing: it was pruned, or never published.
        """
        dataset = Dataset(self._root / name)
        if not dataset.folder.is_dir():
            raise DatasetMissing(f"Version {name!r} of the datasets is not under {self._root}.")
        return dataset

    def manifest(self) -> Manifest:
        """Read what the current version consists of.

        Raises:
            DatasetMissing: none was published, or it is damaged.
        """
        return self.current().manifest()

    def path(self, name: SplitName) -> Path:
        """Find a split of the current version.

        Raises:
            DatasetMissing: none was published, or it is damaged.
        """
        return self.current().path(name)

    def _write(self, folder: Path, manifest: Manifest) -> Path:
        name = f"{manifest.created_at:%Y%m%dT%H%M%S}-{manifest.fingerprint}-{uuid4().hex[:8]}"
        aside = self._root / f"{name}{TEMPORARY_MARK}"
        aside.mkdir()
        for split in SPLITS:
            shutil.copyfile(folder / f"{split}.parquet", aside / f"{split}.parquet")
        if (folder / REPOSTS_FILE).is_file():
            shutil.copyfile(folder / REPOSTS_FILE, aside / REPOSTS_FILE)
        write_artifact(manifest, aside / MANIFEST_FILE)
        for path in (*aside.iterdir(), aside):
            fsync(path)
        return aside.rename(self._root / name)

    def _point_to(self, version: Path) -> None:
        with atomic_write(self._root / POINTER_FILE) as pointer:
            pointer.write_text(version.name)

    def _prune(self, *, current: Path) -> None:
        folders = [path for path in self._root.iterdir() if path.is_dir()]
        whole = sorted(path for path in folders if TEMPORARY_MARK not in path.name and path != current)
        kept = (
            {current, *whole[len(whole) - (KEPT_VERSIONS - 1) :]}
            if len(whole) >= KEPT_VERSIONS
            else {current, *whole}
        )
        for path in set(folders) - kept:
            shutil.rmtree(path)
