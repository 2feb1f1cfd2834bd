"""The state of one machine in one file: written while the platform runs, put back while it does not."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from carvalue.errors import AppError
from carvalue.files import TEMPORARY_MARK
from carvalue.listings.datasets import DatasetStore
from carvalue.platform.admin.archive import Archive, ArchiveContents, unpack_archive, write_archive
from carvalue.platform.airflow import passwords_file
from carvalue.platform.processes import Supervisor
from carvalue.platform.spec import local_url
from carvalue.settings import Settings

KEPT = ("airflow", "mlflow", "service", "storage", "watcher")  # what else lies in STATE_DIR can be made anew
SPOOL = "service/spool"
DATABASE = ".db"
BESIDE_A_DATABASE = ("-wal", "-shm", "-journal")


class WouldOverwrite(AppError):
    """What is there would be lost."""

    status, hint = 409, "Say --overwrite if that is meant."


class NothingToBackUp(AppError):
    """There is no state to keep."""

    status, hint = 404, "STATE_DIR says where the platform's state is."


class PlatformRunning(AppError):
    """The platform would go on writing into what is put back."""

    status, hint = 409, "Stop it first: `make down`."


@dataclass(frozen=True, kw_only=True)
class BackupSummary:
    """What a backup holds.

    Attributes:
        files: how many files.
        bytes: how much.
        left_out: what lies elsewhere and must be kept there, one sentence each.
    """

    files: int
    bytes: int
    left_out: tuple[str, ...]


def create_backup(settings: Settings, *, into: Path, now: datetime, overwrite: bool = False) -> BackupSummary:
    """Write the state into one file. The platform may run.

    Raises:
        WouldOverwrite: the file is there.
        NothingToBackUp: nothing was ever built here.
    """
    state = settings.state_dir.resolve()
    if into.exists() and not overwrite:
        raise WouldOverwrite(f"{into} is there already.")
    if not any((state / name).is_dir() for name in KEPT):
        raise NothingToBackUp(f"Nothing was built in {state}.")
    facts = {"made_at": now.isoformat(), "carvalue": version("carvalue"), "state_dir": str(state)}
    with write_archive(into, facts=facts) as archive:
        _add_all(archive, settings)
    return BackupSummary(files=len(archive.files), bytes=archive.bytes, left_out=_left_out(settings))


def restore_backup(settings: Settings, *, source: Path, overwrite: bool = False) -> ArchiveContents:
    """Put a backup's state in the place of what is there, once all of it was unpacked and found whole.

    Raises:
        PlatformRunning: the platform runs.
        WouldOverwrite: there is state already.
        ArchiveDamaged: the file is not whole; nothing was changed.
    """
    state = settings.state_dir.resolve()
    if Supervisor(state_dir=state).is_running:
        raise PlatformRunning(f"The platform runs on {state}.")
    there = [name for name in KEPT if (state / name).exists()]
    if there and not overwrite:
        raise WouldOverwrite(f"{state} holds {', '.join(there)} already.")
    state.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=state, prefix=f"restore{TEMPORARY_MARK}") as aside:
        contents = unpack_archive(source, into=Path(aside))
        _exchange(Path(aside), state)
    return contents


def _add_all(archive: Archive, settings: Settings) -> None:
    """The order matters: whatever moves on meanwhile must be found at its next place, not at neither."""
    state = settings.state_dir.resolve()
    for path in _files(state / SPOOL):  # before the journal, into which the spool is emptied
        _add(archive, path, state)
    for path in _databases(state):  # before the files that they name, which come first and stay
        with TemporaryDirectory() as aside:
            archive.add(_snapshot(path, Path(aside)), name=path.relative_to(state).as_posix())
    with DatasetStore(settings.storage_root / "datasets").exclusive():
        for path in _plain_files(settings):
            _add(archive, path, state)


def _add(archive: Archive, path: Path, state: Path) -> None:
    try:
        archive.add(path, name=path.relative_to(state).as_posix())
    except FileNotFoundError:
        return  # gone since it was listed: passed on by the spool, or older than what is kept


def _databases(state: Path) -> Iterator[Path]:
    for name in KEPT:
        yield from sorted((state / name).rglob(f"*{DATABASE}"))


def _plain_files(settings: Settings) -> Iterator[Path]:
    state = settings.state_dir.resolve()
    for name in KEPT:
        for path in _files(state / name):
            beside = path.name.endswith(tuple(DATABASE + end for end in ("", *BESIDE_A_DATABASE)))
            elsewhere = path.is_relative_to(state / SPOOL) or path == passwords_file(settings)
            if not beside and not elsewhere:
                yield path


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if TEMPORARY_MARK not in str(path.relative_to(folder)))


def _snapshot(database: Path, aside: Path) -> Path:
    """Copy a database as of one moment, whatever is being written to it."""
    copy = aside / database.name
    with (
        closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=60)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
    copy.chmod(database.stat().st_mode & 0o777)
    return copy


def _left_out(settings: Settings) -> tuple[str, ...]:
    own_journal = (
        settings.journal_url.get_secret_value() == f"sqlite:///{settings.state_dir}/service/journal.db"
    )
    own_mlflow = settings.mlflow_tracking_uri == local_url(settings.mlflow_port)
    journal = "The journal is where JOURNAL_URL says, and not in this file."
    models = f"Models are with {settings.mlflow_tracking_uri}, and not in this file."
    return tuple(line for line, is_here in ((journal, own_journal), (models, own_mlflow)) if not is_here)


def _exchange(new: Path, state: Path) -> None:
    old = state / f"replaced{TEMPORARY_MARK}{new.name}"
    old.mkdir()
    for name in KEPT:
        if (state / name).exists():
            (state / name).rename(old / name)
        if (new / name).exists():
            (new / name).rename(state / name)
    shutil.rmtree(old)
