"""Keep one Parquet file for each file of a source, so that only new and changed files are read."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from carvalue.files import TEMPORARY_MARK, atomic_write
from carvalue.files.locations import SourceFile, has_wildcard, is_remote, list_files, shown
from carvalue.listings.cleaning import POSTING_DATE_FORMAT
from carvalue.listings.sources.column_mapping import ColumnMapping
from carvalue.listings.sources.partitions.reading import (
    PARTITION_COLUMNS,
    partition_digest,
    write_partition,
)
from carvalue.listings.sources.raw import RawListings
from carvalue.settings import DATA_SUFFIXES

logger = logging.getLogger(__name__)

FOLDER = "partitions"
IN_PLACE = (".csv", ".zip")  # a local file of these is not copied
LAYOUT = 2  # raised when the program writes partitions of the same file in another way


def is_partitioned(source: str) -> bool:
    """Tell whether a source is read file by file, rather than as one local CSV.

    Args:
        source: The setting DATA_SOURCE, which names no extension.

    Returns:
        Whether it is an address, a folder, a pattern or a file of another format.

    Example:
        >>> [is_partitioned(source) for source in ("cars.csv", "cars.parquet", "days/*.csv", "s3://cars/days")]
        [False, True, True, True]
    """
    path = Path(source)
    if is_remote(source) or path.is_dir() or has_wildcard(source):
        return not path.is_file()
    return source.lower().endswith(DATA_SUFFIXES) and path.suffix.lower() not in IN_PLACE


def read_partitions(source: str, *, into: Path, mapping: ColumnMapping | None) -> RawListings:
    """Read the files of a source that are new or changed since the last time.

    Each becomes a Parquet file below `into`, named by its address and version, and written atomically: after
    a crash the next run continues, and the partitions of the last run are still there
    (`drop_unused_partitions` deletes them).

    Args:
        source: Where the files are, as `list_files` expects it.
        into: The folder to write to.
        mapping: How to translate their columns; None if they have the raw columns.

    Returns:
        The partitions in order, and their origin. The fingerprint is a digest over those of the files.

    Raises:
        FilesMissing, PathUnreadable, FileUnreachable, FileChanged: A file is missing, or cannot be read now.
        NameRefused, AddressRefused: The name of a file has an empty part, or a web address is not encrypted.
        SourceFailed: A file is damaged, or lacks a column; the message names it.
        StorageUnavailable: The bucket does not answer, or does not exist.
    """
    files, folder = list_files(source, suffixes=DATA_SUFFIXES), into / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{_key(file, mapping=mapping)}.parquet" for file in files]
    new = [(file, path) for file, path in zip(files, paths, strict=True) if not path.is_file()]
    logger.info("files of listings found", extra={"files": len(files), "new": len(new)})
    for number, (file, path) in enumerate(new, start=1):
        with _scratch(into) as scratch, atomic_write(path) as temporary, file.opened(scratch) as local:
            rows = write_partition(local, name=file.name, into=temporary, scratch=scratch, mapping=mapping)
        logger.info(
            "file of listings read", extra={"file": file.name, "number": number, "of": len(new), "rows": rows}
        )
    digests = "\n".join(map(partition_digest, paths))
    return RawListings(
        path=folder,
        partitions=tuple(paths),
        kind="file",
        description=f"{mapping.name}: {_description(source, files)}"
        if mapping
        else _description(source, files),
        fingerprint=f"sha256:{hashlib.sha256(digests.encode()).hexdigest()}",
    )


def drop_unused_partitions(raw: RawListings) -> None:
    """Delete the partitions of files that are no longer in the source, or have changed, and unfinished ones.

    Args:
        raw: The listings of the present run, once it is recorded that they are used.
    """
    if not raw.partitions:
        return
    for path in set(raw.path.iterdir()) - set(raw.partitions):
        path.unlink()


@contextmanager
def _scratch(into: Path) -> Iterator[Path]:
    """Create an empty folder for downloads; the next run deletes what a killed one has left in it."""
    folder = into / f"scratch{TEMPORARY_MARK}"  # the mark keeps it out of the storage
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _key(file: SourceFile, *, mapping: ColumnMapping | None) -> str:
    parts = [LAYOUT, file.address, file.name, file.version, PARTITION_COLUMNS, POSTING_DATE_FORMAT]
    parts.append(mapping.model_dump_json() if mapping else "")
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _description(source: str, files: Sequence[SourceFile]) -> str:
    """Describe files without the folders of this machine."""
    place = shown(source) if "://" in source else PurePosixPath(source).name
    if len(files) == 1:
        return f"{place}: {files[0].name}" if files[0].name not in place else f"file {place}"
    return f"{len(files)} files of {place}, {files[0].name} to {files[-1].name}"
