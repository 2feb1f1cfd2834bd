"""List the files at a location in the order of their names."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from carvalue.errors import AppError
from carvalue.files.locations.files import (
    WEB,
    BucketFile,
    LocalFile,
    SourceFile,
    check_readable,
    file_version,
    find_web_file,
    shown,
)
from carvalue.files.storage import Bucket, check_name

logger = logging.getLogger(__name__)

BUCKET = "s3://"
WILDCARDS = "*?["
SHOWN = 5


class FilesMissing(AppError):
    """No file of the expected formats is there."""

    status, hint = 422, "Check the location, and the endings of the files."


def is_remote(location: str) -> bool:
    """Tell whether a location is in a bucket or on a web server.

    Args:
        location: A path, a pattern or an address.

    Returns:
        Whether it is on no file system.
    """
    return location.startswith((BUCKET, *WEB))


def has_wildcard(path: str) -> bool:
    """Tell whether a path is a pattern.

    Args:
        path: A path or the URL of an object.

    Returns:
        Whether it has a wildcard.
    """
    return any(sign in path for sign in WILDCARDS)


def list_files(location: str, *, suffixes: Sequence[str]) -> Sequence[SourceFile]:
    """List files in the order of their names.

    Folders are read with all folders below them. Of folders, prefixes and patterns, hidden files, those
    below a hidden folder, and those with a leading underscore are left out, as Hive and Spark do.

    Args:
        location: A folder, a file, a pattern such as `days/2026-*.parquet`, `s3://BUCKET/PREFIX`, which may
            have a pattern too, or addresses that begin with `https://`, separated by blanks (`http://` is
            accepted for a server on this machine).
        suffixes: The endings of the files, in lower case; others are left out.

    Returns:
        The files, at least one.

    Raises:
        FilesMissing: There is no such file.
        NameRefused: The name of a file has an empty part, `.` or `..`.
        PathUnreadable: A local file or folder is missing, or may not be read.
        AddressRefused: A web address is not encrypted.
        FileUnreachable: A web server does not answer.
        StorageUnavailable: The bucket does not answer, or does not exist.

    Example:
        >>> from pathlib import Path
        >>> Path("days").mkdir()
        >>> for name in ("2026-05-02.csv", "2026-05-01.csv", "notes.txt"):
        ...     Path("days", name).touch()
        >>> [file.name for file in list_files("days", suffixes=[".csv"])]
        ['2026-05-01.csv', '2026-05-02.csv']
    """
    if location.startswith(WEB):
        files: Iterable[SourceFile] = map(find_web_file, location.split())
    else:
        files = _bucket_files(location) if location.startswith(BUCKET) else _local_files(Path(location))
    chosen: list[SourceFile] = []
    ignored: list[str] = []
    for file in files:
        if file.name.lower().endswith(tuple(suffixes)):
            check_name(file.name)  # others write files of the same name below a folder
            chosen.append(file)
        else:
            ignored.append(file.name)
    if ignored:
        fields = {"files": ignored[:SHOWN], "of": len(ignored)}
        logger.warning("files of other formats are left out", extra=fields)
    if not chosen:
        raise FilesMissing(f"{shown(location)} has no file that ends in {', '.join(suffixes)}.")
    return sorted(chosen, key=lambda file: file.name)


def _local_files(path: Path) -> Iterator[SourceFile]:
    if path.exists() or not has_wildcard(str(path)):
        check_readable(path)  # a search passes over a folder that it may not read
        root, found = (path, path.rglob("*")) if path.is_dir() else (path.parent, iter([path]))
    else:
        root = Path(_before_wildcard(path.as_posix()) or path.anchor)
        found = root.glob(path.as_posix().removeprefix(root.as_posix()).lstrip("/"))
    for file in found:
        name = file.relative_to(root).as_posix()
        is_visible = file == path or not _is_hidden(name)
        if is_visible and (version := file_version(file)):
            yield LocalFile(name=name, version=version, path=file)


def _bucket_files(url: str) -> Iterator[SourceFile]:
    name, _, path = url.removeprefix(BUCKET).partition("/")
    bucket, path = Bucket(name=name, prefix=""), path.rstrip("/")
    literal = path[: min((path.find(sign) for sign in WILDCARDS if sign in path), default=len(path))]
    for key, found in bucket.versions(literal).items():
        if key.endswith("/"):
            continue  # a marker of an empty folder
        if has_wildcard(path):
            is_chosen, root = _matches(key, path), _before_wildcard(path)
        elif key == path:
            is_chosen, root = True, path.rpartition("/")[0]
        else:  # not listings-old/ for the prefix listings
            is_chosen, root = not path or key.startswith(f"{path}/"), path
        if is_chosen:
            name = key.removeprefix(f"{root}/") if root else key
            if key == path or not _is_hidden(name):
                yield BucketFile(name=name, version=found.etag, bucket=bucket, key=key)


def _before_wildcard(path: str) -> str:
    """Return the folders before the first part of a path that has a wildcard."""
    parts = path.split("/")
    fixed = next(number for number, part in enumerate(parts) if has_wildcard(part))
    return "/".join(parts[:fixed])


def _matches(key: str, pattern: str) -> bool:
    """Compare part by part, as a shell does: `*` stands for no slash."""
    parts, patterns = key.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/"))
