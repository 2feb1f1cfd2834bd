"""Back up the state of one machine into one file while the platform runs, and restore it."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import carvalue
from carvalue.errors import AppError
from carvalue.files import TEMPORARY_MARK, atomic_folder, make_private
from carvalue.listings.datasets import DatasetStore
from carvalue.platform.admin.archive import FORMAT, Archive, ArchiveContents, unpack_archive, write_archive
from carvalue.platform.airflow import passwords_file
from carvalue.platform.processes import Supervisor
from carvalue.platform.spec import local_url
from carvalue.settings import RegistrySettings
from carvalue.urls import without_credentials

BACKED_UP = ("airflow", "mlflow", "service", "storage", "watcher")  # the rest of STATE_DIR can be recreated
OUTBOX_FOLDER = "service/spool"
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
    """Write the state into one file; the platform may run.

    Args:
        settings: State directory, and addresses of the journal and of MLflow.
        into: File to write.
        now: Time to record in the backup.
        overwrite: Replace an existing file.

    Returns:
        Number and size of the files, and what is not included.

    Raises:
        WouldOverwrite: The file exists and `overwrite` is false.
        NothingToBackUp: The state directory is empty.
    """
    state = settings.state_dir.resolve()
    if into.exists() and not overwrite:
        raise WouldOverwrite(f"{into} exists.")
    if not any((state / name).is_dir() for name in BACKED_UP):
        raise NothingToBackUp(f"{state} holds no state of the platform.")
    facts = {
        "format": str(FORMAT),
        "made_at": now.isoformat(),
        "carvalue": carvalue.__version__,
        "state_dir": str(state),
    }
    with write_archive(into, facts=facts) as archive:
        _add_all(archive, settings)
    return BackupSummary(files=len(archive.files), bytes=archive.bytes, left_out=_left_out(settings))


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
    """
    state = settings.state_dir.resolve()
    if Supervisor(state_dir=state).is_running:
        raise PlatformRunning(f"The platform runs on {state}.")
    existing = [name for name in BACKED_UP if (state / name).exists()]
    if existing and not overwrite:
        raise WouldOverwrite(f"{state} holds {', '.join(existing)}.")
    make_private(state)
    with TemporaryDirectory(dir=state, prefix=f"restore{TEMPORARY_MARK}") as temporary:
        contents = unpack_archive(source, into=Path(temporary))
        _replace_state(state, restored=Path(temporary))
    return contents


def _add_all(archive: Archive, settings: RegistrySettings) -> None:
    """Add all files in an order in which data that moves meanwhile is added twice rather than not at all."""
    state = settings.state_dir.resolve()
    # the outbox before the journal, because the forwarder moves its quotes there
    for path in _files(state / OUTBOX_FOLDER):
        _add(archive, path, state)
    # databases before the files that they refer to, because those are written first and never deleted
    for path in _databases(state):
        with TemporaryDirectory() as temporary:
            archive.add(_snapshot(path, Path(temporary)), name=path.relative_to(state).as_posix())
    with DatasetStore(settings.storage_root / "datasets").exclusive():
        for path in _plain_files(settings):
            _add(archive, path, state)


def _add(archive: Archive, path: Path, state: Path) -> None:
    try:
        archive.add(path, name=path.relative_to(state).as_posix())
    except FileNotFoundError:
        return  # deleted since it was listed: forwarded from the outbox, or past its retention


def _databases(state: Path) -> Iterator[Path]:
    for name in BACKED_UP:
        yield from sorted((state / name).rglob(f"*{DATABASE_SUFFIX}"))


def _plain_files(settings: RegistrySettings) -> Iterator[Path]:
    state = settings.state_dir.resolve()
    for name in BACKED_UP:
        for path in _files(state / name):
            is_database = path.name.endswith(tuple(DATABASE_SUFFIX + end for end in ("", *SQLITE_SIDECARS)))
            is_excluded = path.is_relative_to(state / OUTBOX_FOLDER) or path == passwords_file(settings)
            if not is_database and not is_excluded:
                yield path


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


def _left_out(settings: RegistrySettings) -> tuple[str, ...]:
    own_journal = (
        settings.journal_url.get_secret_value() == f"sqlite:///{settings.state_dir}/service/journal.db"
    )
    own_mlflow = settings.mlflow_tracking_uri == local_url(settings.mlflow_port)
    journal = "The journal is in the database of JOURNAL_URL, not in this file."
    models = f"The models are in {without_credentials(settings.mlflow_tracking_uri)}, not in this file."
    return tuple(line for line, is_here in ((journal, own_journal), (models, own_mlflow)) if not is_here)


def _replace_state(state: Path, *, restored: Path) -> None:
    for name in BACKED_UP:
        if (restored / name).exists():
            with atomic_folder(state / name) as folder:
                (restored / name).replace(folder)
        elif (state / name).exists():
            shutil.rmtree(state / name)
