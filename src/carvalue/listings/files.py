"""Raw listings from a file on this machine: a CSV, or a zip that holds one."""

import errno
import lzma
import shutil
import struct
import zipfile
import zlib
from pathlib import Path

from carvalue.listings.raw import RawListings, SourceFailed, check_raw_csv

MEMBER = "vehicles.csv"  # what the data set's own zip calls it


# what zipfile raises on bytes that make no sense to it; RuntimeError: the file wants a password
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,
)


class FileUnreadable(SourceFailed):
    """The file is not there, or may not be read."""

    hint = "Check DATA_SOURCE: expected the path of an existing .csv or .zip file."


class ZipUnusable(SourceFailed):
    """The zip is damaged, or does not hold exactly one file that could be meant."""

    hint = f"Expected a zip with {MEMBER} in it, or with one .csv."


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


def unpack(archive: Path, *, into: Path) -> Path:
    """Stream the zip's CSV to the file `into`, and return the path; it lies there only when it is complete.

    Raises:
        ZipUnusable: see `read_file`.
    """
    aside = into.with_name(f".{into.name}.part")
    aside.parent.mkdir(parents=True, exist_ok=True)
    try:
        _stream_member(archive, aside)
        return aside.replace(into)
    except _DAMAGE as error:
        raise ZipUnusable(f"{archive} cannot be unpacked: {error}.") from error
    except OSError as error:
        if error.errno in {None, errno.EINVAL}:  # an offset that points nowhere; the disk's own faults go on
            raise ZipUnusable(f"{archive} cannot be unpacked: {error}.") from error
        raise
    finally:
        aside.unlink(missing_ok=True)


def _stream_member(archive: Path, aside: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        member = choose_member(opened.namelist(), name=str(archive))
        with opened.open(member) as source, aside.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)


def choose_member(names: list[str], *, name: str) -> str:
    """Find the CSV that is meant among a zip's members.

    Raises:
        ZipUnusable: there is none, or there are several and none is called vehicles.csv.
    """
    tables = [member for member in names if _is_table(member)]
    named = [member for member in tables if Path(member).name == MEMBER]
    for candidates in (named, tables):
        if len(candidates) == 1:
            return candidates[0]
    found = ", ".join(repr(member) for member in (tables or names)[:5]) or "nothing"
    raise ZipUnusable(f"{name} holds {'several CSV files' if tables else 'no CSV'}: {found}.")


def _is_table(member: str) -> bool:
    path = Path(member)
    return path.suffix.lower() == ".csv" and "__MACOSX" not in path.parts and not path.name.startswith(".")


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
