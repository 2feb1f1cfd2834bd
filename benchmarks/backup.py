"""Measure backup and restore of PostgreSQL and S3: `PYTHONPATH=tests python -m benchmarks.backup`.

Starts a PostgreSQL server and a fake S3, writes quotes before and during a backup, loses everything, and
restores it. Writes `results/backup.json`.
"""

import os
import time
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import psycopg
from benchmarks.results import save

from buckets import fake_s3, new_bucket
from carvalue.files import connect_bucket, open_folder
from carvalue.journal import Journal
from carvalue.platform.admin import create_backup, restore_backup
from carvalue.settings import Settings
from factories import an_entry
from production import postgres

QUOTES, AT_ONCE = 50_000, 1_000
ARTIFACT_MB, DATASET_MB = 20, 50  # a bundle of the real listings, and their datasets
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def main() -> None:
    """Measure, and write the results file."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        address, password = stack.enter_context(postgres(Path(folder)))
        server = f"postgresql://owner:{password}@127.0.0.1:{address}"
        _create_databases(server)
        os.environ["MLFLOW_BACKEND_STORE_URI"] = f"{server}/mlflow"
        os.environ["MLFLOW_ARTIFACTS_DESTINATION"] = "s3://cars/mlflow"
        stack.enter_context(new_bucket("cars", address=stack.enter_context(fake_s3())))
        settings = Settings(
            state_dir=Path(folder, "var"), journal_url=f"{server}/journal", storage_url="s3://cars/storage"
        )
        values = _measure(settings, Path(folder))
    save("backup", values, command="PYTHONPATH=tests python -m benchmarks.backup", model="none")


def _create_databases(server: str) -> None:
    with psycopg.connect(f"{server}/postgres", autocommit=True) as owner:
        for name in ("journal", "mlflow"):
            owner.execute(f"create database {name}")


def _measure(settings: Settings, folder: Path) -> dict[str, object]:
    with closing(Journal(settings.journal_url.get_secret_value(), answer_s=60)) as journal:
        journal.migrate()
        for first in range(0, QUOTES, AT_ONCE):
            journal.write([an_entry(number) for number in range(first, first + AT_ONCE)])
        _fill_storage(settings, folder)
        during, stopped = list[int](), Event()
        writer = Thread(target=_quote_until, args=(journal, stopped, during), daemon=True)
        writer.start()
        began = time.perf_counter()
        summary = create_backup(settings, into=folder / "backup", now=datetime.now(UTC))
        backup_s = time.perf_counter() - began
        stopped.set()
        writer.join()
        _lose_everything(settings)
        began = time.perf_counter()
        restore_backup(settings, source=folder / "backup", overwrite=True)
        stored = {entry.quote_id for entry in journal.after("", until=LATER, limit=2 * QUOTES)}
        restore_s = time.perf_counter() - began
    return {
        "quotes": QUOTES,
        "size, MB": round(summary.bytes / 2**20),
        "backup with verification, s": round(backup_s, 1),
        "restore, s": round(restore_s, 1),
        "quotes lost of those before the backup": len(_ids(range(QUOTES)) - stored),
        "quotes answered during the backup": len(during),
        "quotes lost of those during the backup": len(_ids(during) - stored),
    }


def _quote_until(journal: Journal, stopped: Event, written: list[int]) -> None:
    number = QUOTES
    while not stopped.wait(0.01):
        journal.write([an_entry(number)])
        written.append(number)
        number += 1


def _fill_storage(settings: Settings, folder: Path) -> None:
    artifact = folder / "model.ubj"
    artifact.write_bytes(os.urandom(ARTIFACT_MB * 2**20))
    connect_bucket("s3://cars/mlflow").upload(artifact, "1/model.ubj")
    with open_folder(settings, "datasets").updated() as datasets:
        (datasets / "train.parquet").write_bytes(os.urandom(DATASET_MB * 2**20))


def _lose_everything(settings: Settings) -> None:
    with psycopg.connect(settings.journal_url.get_secret_value()) as database:
        database.execute("drop schema public cascade")
        database.execute("create schema public")
    bucket = connect_bucket("s3://cars")
    for key in bucket.list(""):
        bucket.delete(key)


def _ids(numbers: "range | list[int]") -> set[str]:
    return {an_entry(number).quote_id for number in numbers}


if __name__ == "__main__":
    main()
