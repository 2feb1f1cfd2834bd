"""Read raw listings from a local file: a CSV, or a zip that contains one."""

from pathlib import Path

from carvalue.files import MEMBER, unpack
from carvalue.listings.sources.raw import RawListings, SourceFailed, check_raw_csv


class FileUnreadable(SourceFailed):
    """The file is missing, is a folder, or is not readable."""

    hint = "Check DATA_SOURCE: expected the path of an existing file or folder."


def read_file(path: Path, *, into: Path) -> RawListings:
    """Check a CSV in place, or unpack a zip's CSV to `into`/vehicles.csv and check it.

    Args:
        path: The CSV or zip.
        into: The folder for the unpacked CSV.

    Returns:
        The checked CSV and its origin.

    Raises:
        FileUnreadable: The file is missing, is a folder, or is not readable.
        ZipUnusable: The file is not a zip, is damaged or encrypted, or contains no CSV or several.
        SourceFailed: The CSV is empty, is not UTF-8 or has other columns.
    """
    check_readable(path)
    if path.suffix.lower() == ".zip":
        return _from_zip(path, into=into)
    digest = check_raw_csv(path, name=str(path))
    return RawListings(
        path=path, kind="file", description=f"file {path.name}", fingerprint=f"sha256:{digest}"
    )


def check_readable(path: Path) -> None:
    """Check that a file can be opened for reading.

    Args:
        path: The file.

    Raises:
        FileUnreadable: The file is missing, is a folder, or is not readable.
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
