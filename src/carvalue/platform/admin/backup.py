"""Back up the state of one machine into one file while the platform runs, and restore it."""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import carvalue
from carvalue.errors import AppError
from carvalue.files import TEMPORARY_MARK, atomic_folder, make_private, open_folder
from carvalue.journal import EARLIER_OUTBOX_FOLDER, OUTBOX_FOLDER
from carvalue.listings.datasets import DATASETS, DatasetStore
from carvalue.monitoring.drift import REFERENCE
from carvalue.monitoring.watcher import REPORTS, WATCHER_FILES
from carvalue.pipelines import PIPELINES, WORK
from carvalue.platform.admin.archive import (
    FORMAT,
    Archive,
    ArchiveContents,
    unpack_archive,
    verify_archive,
    write_archive,
)
from carvalue.platform.admin.external import MLFLOW, MLFLOW_BUCKET, ExternalStores, find_external
from carvalue.platform.airflow import passwords_file
from carvalue.platform.processes import Supervisor
from carvalue.platform.spec import local_url
from carvalue.settings import RegistrySettings
from carvalue.urls import without_credentials

BACKED_UP = ("airflow", "mlflow", "service", "storage", "watcher")  # the rest of STATE_DIR can be recreated
STORED = (WATCHER_FILES, DATASETS, REFERENCE, REPORTS, *(f"{WORK}/{name}" for name in PIPELINES))
"""The folders of the storage."""
EXTERNAL = "external"
"""The folder of a backup with dumps of databases and the objects of MLflow's bucket."""
DATABASE_SUFFIX = ".db"
SQLITE_SIDECARS = ("-wal", "-shm", "-journal")


class WouldOverwrite(AppError):
    """The operation would replace an existing file or existing state."""

    status, hint = 409, "Add --overwrite to replace it."


class NothingToBackUp(AppError):
    """The state directory holds nothing to back up."""

    status, hint = 404, "Set STATE_DIR to the platform's state directory."


class PlatformRunning(AppError):
    """The platform runs and would write into the restored state."""

    status, hint = 409, "Stop it with `make down`."


@dataclass(frozen=True, kw_only=True)
class BackupSummary:
    """Summary of a backup.

    Attributes:
        files: Number of files.
        bytes: Total size of the files.
        left_out: One sentence for each store that is not on this machine and needs its own backup.
    """

    files: int
    bytes: int
    left_out: tuple[str, ...]


def create_backup(
    settings: RegistrySettings, *, into: Path, now: datetime, overwrite: bool = False
) -> BackupSummary:
    """Write the state into one file and verify it; the platform may run.

    PostgreSQL databases and the bucket of MLflow's artifacts are part of it, if their addresses are given.

    Args:
        settings: State directory, and addresses of the journal and of MLflow.
        into: File to write.
        now: Time to record in the backup.
        overwrite: Replace an existing file.

    Returns:
        Number and size of the files, and what is not included.

    Raises:
        WouldOverwrite: The file exists and `overwrite` is false.
        NothingToBackUp: The state directory is empty, and no database is elsewhere.
        DumpFailed: A database outside of the state directory cannot be dumped.
        ArchiveDamaged: What was written is not what is on disk.
    """
    state = settings.state_dir.resolve()
    if into.exists() and not overwrite:
        raise WouldOverwrite(f"{into} exists.")
    external = find_external(settings)
    if not external.databases and not any(folder.is_dir() for folder in _folders(settings).values()):
        raise NothingToBackUp(f"{state} holds no state of the platform.")
    facts = {
        "format": str(FORMAT),
        "made_at": now.isoformat(),
        "carvalue": carvalue.__version__,
        "state_dir": str(state),
    }
    with write_archive(into, facts=facts) as archive:
        _add_all(archive, settings, external)
    verify_archive(into)
    left_out = _left_out(settings, external)
    return BackupSummary(files=len(archive.files), bytes=archive.bytes, left_out=left_out)


def restore_backup(settings: RegistrySettings, *, source: Path, overwrite: bool = False) -> ArchiveContents:
    """Replace the state by that of a backup, after every file was unpacked and its checksum verified.

    Args:
        settings: State directory of the platform.
        source: File that `create_backup` wrote.
        overwrite: Replace existing state.

    Returns:
        Table of contents of the backup.

    Raises:
        PlatformRunning: The platform runs.
        WouldOverwrite: There is state and `overwrite` is false.
        ArchiveDamaged: The file is damaged or truncated; nothing was changed.
        StoreMissing: The backup holds a database or bucket whose address is not given; nothing was changed.
        DumpFailed: A database cannot be restored; it is unchanged.
    """
    state = settings.state_dir.resolve()
    if Supervisor(state_dir=state).is_running:
        raise PlatformRunning(f"The platform runs on {state}.")
    existing = [name for name, folder in _folders(settings).items() if folder.exists()]
    if existing and not overwrite:
        raise WouldOverwrite(f"{state} holds {', '.join(existing)}.")
    make_private(state)
    with TemporaryDirectory(dir=state, prefix=f"restore{TEMPORARY_MARK}") as temporary:
        contents = unpack_archive(source, into=Path(temporary))
        external, dumps = find_external(settings), Path(temporary) / EXTERNAL
        external.require(dumps)
        if dumps.is_dir() and not overwrite:
            raise WouldOverwrite("The backup replaces the content of databases outside of STATE_DIR.")
        external.restore(dumps)
        _replace_state(settings, restored=Path(temporary))
    return contents


def _add_all(archive: Archive, settings: RegistrySettings, external: ExternalStores) -> None:
    """Add all files in an order in which data that moves meanwhile is added twice rather than not at all."""
    folders = _folders(settings)
    open_folder(settings, WATCHER_FILES).read()  # has a database
    # the outbox before the journal, because the forwarder moves its quotes there
    for outbox in _outboxes(folders):
        for path in _files(outbox):
            _add(archive, path, name=f"service/{path.relative_to(folders['service']).as_posix()}")
    with TemporaryDirectory() as temporary:
        # databases before the files that they refer to, because those are written first and never deleted
        for name, path in _databases(folders):
            archive.add(_snapshot(path, Path(temporary)), name=name)
        for path in external.dump(Path(temporary)):
            archive.add(path, name=f"{EXTERNAL}/{path.relative_to(temporary).as_posix()}")
            path.unlink()
    for name in STORED[1:]:
        open_folder(settings, name).read()
    with DatasetStore(folders["storage"] / DATASETS).exclusive():
        for name, path in _plain_files(settings, folders):
            _add(archive, path, name=name)


def _folders(settings: RegistrySettings) -> Mapping[str, Path]:
    state = settings.state_dir.resolve()
    return {name: state / name for name in BACKED_UP} | {"storage": settings.storage_root}


def _outboxes(folders: Mapping[str, Path]) -> tuple[Path, Path]:
    return folders["service"] / OUTBOX_FOLDER, folders["service"] / EARLIER_OUTBOX_FOLDER


def _add(archive: Archive, path: Path, *, name: str) -> None:
    try:
        archive.add(path, name=name)
    except FileNotFoundError:
        return  # deleted since it was listed: forwarded from the outbox, or past its retention


def _databases(folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for name, folder in folders.items():
        for path in sorted(folder.rglob(f"*{DATABASE_SUFFIX}")):
            yield f"{name}/{path.relative_to(folder).as_posix()}", path


def _plain_files(settings: RegistrySettings, folders: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    excluded = (*_outboxes(folders), passwords_file(settings))
    for name, folder in folders.items():
        for path in _files(folder):
            is_database = path.name.endswith(tuple(DATABASE_SUFFIX + end for end in ("", *SQLITE_SIDECARS)))
            if not is_database and not any(map(path.is_relative_to, excluded)):
                yield f"{name}/{path.relative_to(folder).as_posix()}", path


def _files(folder: Path) -> list[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if TEMPORARY_MARK not in str(path.relative_to(folder)))


def _snapshot(database: Path, folder: Path) -> Path:
    """Copy a database in a consistent state while other processes write to it."""
    copy = folder / database.name
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=60)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    copy.chmod(database.stat().st_mode & 0o777)
    return copy


def _left_out(settings: RegistrySettings, external: ExternalStores) -> tuple[str, ...]:
    journal = settings.journal_url.get_secret_value()
    own_journal = journal == f"sqlite:///{settings.state_dir}/service/journal.db"
    own_mlflow = settings.mlflow_tracking_uri == local_url(settings.mlflow_port)
    missing = {
        "The journal is in the database of JOURNAL_URL, not in this file.": own_journal
        or "journal" in external.databases,
        f"The models are in {without_credentials(settings.mlflow_tracking_uri)}, not in this file; "
        f"set {MLFLOW} and {MLFLOW_BUCKET}.": own_mlflow
        or ("mlflow" in external.databases and bool(external.bucket)),
    }
    return tuple(line for line, is_here in missing.items() if not is_here)


def _replace_state(settings: RegistrySettings, *, restored: Path) -> None:
    for name, folder in _folders(settings).items():
        if name == "storage" and not settings.storage_url.startswith("file:"):
            _replace_stored(settings, restored / name)
        elif (restored / name).exists():
            with atomic_folder(folder) as temporary:
                (restored / name).replace(temporary)
        elif folder.exists():
            shutil.rmtree(folder)


def _replace_stored(settings: RegistrySettings, restored: Path) -> None:
    for name in STORED:
        with open_folder(settings, name).updated() as folder:
            shutil.rmtree(folder)
            shutil.copytree(restored / name, folder) if (restored / name).exists() else folder.mkdir()
