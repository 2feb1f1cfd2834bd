"""Raw listings from a file on this machine: a CSV, or a zip that holds one."""

from pathlib import Path

from carvalue.files import MEMBER, unpack
from carvalue.listings.sources.raw import RawListings, SourceFailed, check_raw_csv


class FileUnreadable(SourceFailed):
    """The file is not there, or may not be read."""

    hint = "Check DATA_SOURCE: expected the path of an existing .csv or .zip file."


def read_file(path: Path, *, into: Path) -> RawListings:
    """Take a CSV where it lies, or unpack a zip's CSV to `into`/vehicles.csv, and check it.

    Raises:
        FileUnreadable: no such file, a folder, or no permission.
        ZipUnusable: not a zip, damaged, encrypted, without a CSV, or with several.
        SourceFailed: the CSV is empty, not UTF-8 or has other columns.
    """
    check_readable(path)
    if path.suffix.lower() == ".zip":
        return _from_zip(path, into=into)
    digest = check_raw_csv(path, name=str(path))
    return RawListings(
        path=path, kind="file", description=f"file {path.name}", fingerprint=f"sha256:{digest}"
    )


def check_readable(path: Path) -> None:
    """Make sure that a file can be read.

    Raises:
        FileUnreadable: no such file, a folder, or no permission.
    """
    try:
        path.open("rb").close()
    except OSError as error:
        raise FileUnreadable(f"{path} cannot be read: {error.strerror or error}.") from error


def _from_zip(path: Path, *, into: Path) -> RawListings:
    unpacked = unpack(path, into=into / f".{MEMBER}.unchecked")
    try:
        digest = check_raw_csv(unpacked, name=f"{path} (its CSV)")
    except SourceFailed:
        unpacked.unlink()
        raise
    kept = unpacked.replace(into / MEMBER)
    return RawListings(
        path=kept, kind="file", description=f"file {path.name}", fingerprint=f"sha256:{digest}"
    )
