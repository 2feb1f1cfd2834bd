"""A store of dataset versions, one of them current; readers never see an incomplete version."""

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
    atomic_folder,
    atomic_write,
    file_lock,
    read_artifact,
    write_artifact,
)
from carvalue.listings.datasets.manifest import Manifest
from carvalue.listings.datasets.periods import SPLITS, SplitName
from carvalue.listings.datasets.reposts import REPOSTS_FILE
from carvalue.parallel import copy_table

logger = logging.getLogger(__name__)

KEPT_VERSIONS = 3  # the current version and the two before
MANIFEST_FILE = "manifest.json"
POINTER_FILE = "current"
DATASETS = "datasets"
"""The folder of the storage with the dataset versions."""


class DatasetMissing(AppError):
    """No dataset was published, or its files cannot be read."""

    status, hint = 409, "Run `carvalue run creates_datasets_dag`, or `make build`."


class DatasetIncomplete(AppError):
    """A folder lacks a split, so it cannot be published."""

    hint = "Run the step `split`, which writes the splits to that folder, before publishing."


@dataclass(frozen=True)
class Dataset:
    """One published version; use one object to read several splits of the same version."""

    folder: Path
    """The folder with the splits and the manifest."""

    @property
    def name(self) -> str:
        """The version's name, which `DatasetStore.version` accepts."""
        return self.folder.name

    def path(self, name: SplitName) -> Path:
        """Find the table of a split.

        Args:
            name: The split.

        Returns:
            The path of a Parquet file, or of a folder of Parquet files; Polars, Dask and Spark read both.

        Raises:
            DatasetMissing: It does not exist.
        """
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            raise DatasetMissing(f"{path} is missing.")
        return path

    @property
    def reposts(self) -> Path | None:
        """The table of re-posts, as `path` returns; None for versions from before it was introduced."""
        path = self.folder / REPOSTS_FILE
        return path if path.exists() else None

    def manifest(self) -> Manifest:
        """Read the manifest of this version.

        Returns:
            The manifest.

        Raises:
            DatasetMissing: The manifest is missing or damaged.
        """
        path = self.folder / MANIFEST_FILE
        try:
            return read_artifact(Manifest, path)
        except ArtifactUnreadable as error:
            raise DatasetMissing(error.message) from error


class DatasetStore:
    """Versions of the three splits below one folder, of which one is current.

    Args:
        root: The folder of the versions; created by the first `publish`.

    Example:
        >>> from datetime import UTC, datetime
        >>> from pathlib import Path
        >>> from carvalue.listings.datasets.manifest import Manifest
        >>> Path("splits").mkdir()
        >>> for name in SPLITS:
        ...     _ = Path("splits", f"{name}.parquet").write_bytes(b"")
        >>> manifest = Manifest(
        ...     source_kind="file",
        ...     source_description="file cars.csv",
        ...     source_fingerprint="sha256:00",
        ...     created_at=datetime(2021, 5, 1, tzinfo=UTC),
        ...     carvalue_version="1.0",
        ...     fingerprint="0123456789abcdef",
        ...     rows_read=4,
        ...     rows_kept=3,
        ...     cars=3,
        ...     rejected={"price missing": 1},
        ...     repaired={},
        ...     reposts_dropped={},
        ...     splits={},
        ... )
        >>> store = DatasetStore(Path("datasets"))
        >>> published = store.publish(Path("splits"), manifest=manifest)
        >>> store.current() == published, published.path("test").name
        (True, 'test.parquet')
        >>> published.name
        '20210501T000000-0123456789abcdef-...'
        >>> store.manifest().rows_kept
        3
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, folder: Path, *, manifest: Manifest) -> Dataset:
        """Copy the splits of a folder to a new version, make it current, and delete old versions.

        A crash at any time leaves the previous version current and complete; other writers wait for a lock.

        Args:
            folder: The folder with the tables `<split>.parquet`.
            manifest: The manifest to store with the version.

        Returns:
            The new version.

        Raises:
            DatasetIncomplete: The folder lacks a split.
        """
        if missing := [name for name in SPLITS if not (folder / f"{name}.parquet").exists()]:
            raise DatasetIncomplete(f"{folder} lacks {', '.join(missing)}.")
        with self.exclusive():
            version = self._write(folder, manifest)
            self._point_to(version)
            self._prune(current=version)
        logger.info("dataset published", extra={"fingerprint": manifest.fingerprint, "path": str(version)})
        return Dataset(version)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store's lock, so that no other process publishes or deletes versions within the block.

        Yields:
            Nothing.
        """
        with file_lock(self._root / ".lock"):
            yield

    def current(self) -> Dataset:
        """Find the current version.

        Returns:
            The version.

        Raises:
            DatasetMissing: No version was published.
        """
        try:
            return Dataset(self._root / (self._root / POINTER_FILE).read_text().strip())
        except OSError as error:
            raise DatasetMissing(f"No dataset was published under {self._root}.") from error

    def version(self, name: str) -> Dataset:
        """Find a version by its name; it does not have to be the current one.

        Args:
            name: The version's name.

        Returns:
            The version.

        Raises:
            DatasetMissing: The version was deleted, or never published.
        """
        dataset = Dataset(self._root / name)
        if not dataset.folder.is_dir():
            raise DatasetMissing(f"Version {name!r} of the datasets is not under {self._root}.")
        return dataset

    def manifest(self) -> Manifest:
        """Read the manifest of the current version.

        Returns:
            The manifest.

        Raises:
            DatasetMissing: No version was published, or its manifest is missing or damaged.
        """
        return self.current().manifest()

    def path(self, name: SplitName) -> Path:
        """Find the table of a split of the current version.

        Args:
            name: The split.

        Returns:
            The path of a Parquet file, or of a folder of Parquet files.

        Raises:
            DatasetMissing: No version was published, or the table does not exist.
        """
        return self.current().path(name)

    def _write(self, folder: Path, manifest: Manifest) -> Path:
        name = f"{manifest.created_at:%Y%m%dT%H%M%S}-{manifest.fingerprint}-{uuid4().hex[:8]}"
        with atomic_folder(self._root / name) as temporary:
            for split in SPLITS:
                copy_table(folder / f"{split}.parquet", temporary / f"{split}.parquet")
            if (folder / REPOSTS_FILE).exists():
                copy_table(folder / REPOSTS_FILE, temporary / REPOSTS_FILE)
            write_artifact(manifest, temporary / MANIFEST_FILE)
        return self._root / name

    def _point_to(self, version: Path) -> None:
        with atomic_write(self._root / POINTER_FILE) as pointer:
            pointer.write_text(version.name)

    def _prune(self, *, current: Path) -> None:
        folders = [path for path in self._root.iterdir() if path.is_dir()]
        previous = sorted(path for path in folders if TEMPORARY_MARK not in path.name and path != current)
        kept = {current, *previous[-(KEPT_VERSIONS - 1) :]}
        for path in set(folders) - kept:
            shutil.rmtree(path)
