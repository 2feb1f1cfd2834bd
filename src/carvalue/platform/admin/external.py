"""Databases and a bucket outside of STATE_DIR: dumped into files of a backup, and restored from them."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit, urlunsplit

from carvalue.errors import AppError
from carvalue.files import Bucket, connect_bucket
from carvalue.settings import JournalSettings

ARTIFACTS = "artifacts"
AIRFLOW, MLFLOW = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "MLFLOW_BACKEND_STORE_URI"
MLFLOW_BUCKET = "MLFLOW_ARTIFACTS_DESTINATION"
ERROR_CHARACTERS = 500  # of what PostgreSQL's programs print
# pg_restore cannot drop the constraints of partitions, which are inherited, and skips what is gone already
DROP_PARTITIONED = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT oid::regclass::text FROM pg_class WHERE relkind = 'p' AND NOT relispartition LOOP
    EXECUTE 'DROP TABLE ' || name || ' CASCADE';
  END LOOP;
END $$
"""


class DumpFailed(AppError):
    """A program of PostgreSQL is missing, or failed."""

    status, hint = 503, "Install PostgreSQL's client programs of the server's version, and check the URL."


class StoreMissing(AppError):
    """The backup holds a store whose address is not given, so it cannot be restored."""

    status = 409
    hint = "Set JOURNAL_URL and the environment variables that the backup was made with. Nothing was changed."


@dataclass(frozen=True, kw_only=True)
class ExternalStores:
    """The stores outside of STATE_DIR.

    Attributes:
        databases: Name of each PostgreSQL database, which is also that of its dump, to its URL.
        bucket: The bucket of MLflow's artifacts, `s3://BUCKET/PREFIX`; empty if there is none.

    Example:
        >>> given = {"MLFLOW_ARTIFACTS_DESTINATION": "s3://models/mlflow"}
        >>> find_external(JournalSettings(), environment=given)
        ExternalStores(databases={}, bucket='s3://models/mlflow')
    """

    databases: Mapping[str, str]
    bucket: str

    def dump(self, folder: Path) -> Iterator[Path]:
        """Copy every store, one after another: databases before the bucket, whose objects never change.

        Args:
            folder: A scratch folder.

        Yields:
            Each file that was written, below the folder; it may be deleted afterwards.

        Raises:
            DumpFailed: A database cannot be dumped.
            StorageUnavailable: The bucket does not answer.
        """
        for name, url in self.databases.items():
            file = folder / f"{name}.dump"
            _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={file}", url=url)
            yield file
        for key in self._objects():
            file = folder / ARTIFACTS / key
            file.parent.mkdir(parents=True, exist_ok=True)
            self._bucket().download(key, file)
            yield file

    def require(self, folder: Path) -> None:
        """Check that each dump of a backup can be restored.

        Args:
            folder: What `dump` wrote.

        Raises:
            StoreMissing: The address of a store is not given.
        """
        missing = [path.stem for path in folder.glob("*.dump") if path.stem not in self.databases]
        if (folder / ARTIFACTS).is_dir() and not self.bucket:
            missing.append(MLFLOW_BUCKET)
        if missing:
            raise StoreMissing(f"The backup holds {', '.join(missing)}, whose address is not given.")

    def restore(self, folder: Path) -> None:
        """Replace the content of every store by that of a backup; each database in one transaction.

        Args:
            folder: What `dump` wrote.

        Raises:
            DumpFailed: A database cannot be restored; its content is unchanged.
            StorageUnavailable: The bucket does not answer.
        """
        artifacts = folder / ARTIFACTS
        for file in sorted(path for path in artifacts.rglob("*") if path.is_file()):
            self._bucket().upload(file, file.relative_to(artifacts).as_posix())
        for file in sorted(folder.glob("*.dump")):
            _replace_database(file, url=self.databases[file.stem])

    def _objects(self) -> list[str]:
        return sorted(self._bucket().list("")) if self.bucket else []

    def _bucket(self) -> Bucket:
        return connect_bucket(self.bucket)


def find_external(
    settings: JournalSettings, *, environment: Mapping[str, str] = os.environ
) -> ExternalStores:
    """Find the stores outside of STATE_DIR.

    Args:
        settings: The address of the journal.
        environment: The addresses of MLflow's and Airflow's database and of MLflow's artifacts, in the
            variables of these programs.

    Returns:
        The PostgreSQL databases, and the bucket.
    """
    given = {
        "journal": settings.journal_url.get_secret_value(),
        "mlflow": environment.get(MLFLOW, ""),
        "airflow": environment.get(AIRFLOW, ""),
    }
    bucket = environment.get(MLFLOW_BUCKET, "")
    return ExternalStores(
        databases={name: url for name, url in given.items() if url.startswith("postgresql")},
        bucket=bucket if urlsplit(bucket).scheme == "s3" else "",
    )


def _replace_database(file: Path, *, url: str) -> None:
    """Replace the content of a database by a dump, in one transaction."""
    options = ("--clean", "--if-exists", "--no-owner", "--no-privileges")
    with TemporaryDirectory() as folder:
        script = Path(folder) / "restore.sql"
        _run("pg_restore", *options, f"--file={script}", str(file))
        in_one = ("--single-transaction", "--set=ON_ERROR_STOP=1", "--quiet", "--no-psqlrc")
        _run("psql", *in_one, f"--command={DROP_PARTITIONED}", f"--file={script}", url=url)


def _run(program: str, *arguments: str, url: str = "") -> None:
    """Run a program of PostgreSQL; the password is in its environment, where other users cannot read it."""
    found, parts = shutil.which(program), urlsplit(url)
    if found is None:
        raise DumpFailed(f"{program} is not installed.")
    user, at, host = parts.netloc.rpartition("@")
    place = f"{user.partition(':')[0]}{at}{host}"
    address = urlunsplit(("postgresql", place, parts.path, parts.query, ""))
    done = subprocess.run(  # noqa: S603
        (found, *((f"--dbname={address}",) if url else ()), *arguments),
        env=os.environ | {"PGPASSWORD": unquote(parts.password or "")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DumpFailed(
            f"{program} of {address if url else 'a dump'} failed: {done.stderr[-ERROR_CHARACTERS:].strip()}."
        )
