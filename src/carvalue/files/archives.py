"""Zip archives that contain one CSV file."""

import errno
import lzma
import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import ClassVar

from carvalue.errors import AppError
from carvalue.files.atomic import atomic_write

MEMBER = "vehicles.csv"
"""The name of the CSV in the Kaggle data set's zip."""
MAX_UNPACKED_BYTES = 32 * 2**30
"""The largest CSV that a zip may contain; the Kaggle data set has 1.4 GB."""

# what zipfile raises for damaged archives; RuntimeError: the archive is encrypted
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    RuntimeError,
)


class ZipUnusable(AppError):
    """The zip is damaged or encrypted, or it is not clear which CSV in it to read."""

    status: ClassVar[int] = 422
    hint: ClassVar[str] = f"Expected a zip with {MEMBER} in it, or with one .csv."


def unpack(archive: Path, *, into: Path) -> Path:
    """Extract the zip's CSV to a file, as a stream; the file appears only when it is complete.

    Args:
        archive: The zip file.
        into: The file to write; may be `archive` itself, which is then replaced.

    Returns:
        The path `into`.

    Raises:
        ZipUnusable: The archive is not a zip, is damaged or encrypted, or has no CSV, or has several of
            which none is named vehicles.csv; or the CSV is a link or larger than `MAX_UNPACKED_BYTES`.
        OSError: The CSV does not fit on the disk.

    Example:
        >>> import zipfile
        >>> from pathlib import Path
        >>> with zipfile.ZipFile("cars.zip", "w") as archive:
        ...     archive.writestr("export/cars.csv", "price,year")
        >>> unpack(Path("cars.zip"), into=Path("cars.csv")).read_text()
        'price,year'
    """
    try:
        with atomic_write(into) as temporary:
            _stream_member(archive, temporary)
    except _DAMAGE as error:
        raise ZipUnusable(f"{archive} cannot be unpacked: {error}.") from error
    except OSError as error:
        if error.errno in {None, errno.EINVAL}:  # an invalid offset in the archive, not a fault of the disk
            raise ZipUnusable(f"{archive} cannot be unpacked: {error}.") from error
        raise
    return into


def _stream_member(archive: Path, temporary: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        member = opened.getinfo(choose_member(opened.namelist(), name=str(archive)))
        _check_member(member, archive=archive, free=shutil.disk_usage(temporary.parent).free)
        # zipfile reads no more bytes of the member than it declares
        with opened.open(member) as source, temporary.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)


def _check_member(member: zipfile.ZipInfo, *, archive: Path, free: int) -> None:
    if stat.S_IFMT(member.external_attr >> 16) not in {0, stat.S_IFREG}:
        raise ZipUnusable(f"{archive}: {member.filename!r} is a link or another special file.")
    if member.file_size > MAX_UNPACKED_BYTES:
        raise ZipUnusable(
            f"{archive}: {member.filename!r} has {member.file_size:,} bytes: "
            f"expected at most {MAX_UNPACKED_BYTES:,}."
        )
    if member.file_size > free:
        raise OSError(errno.ENOSPC, f"{member.filename} needs {member.file_size:,} bytes, {free:,} are free")


def choose_member(names: list[str], *, name: str) -> str:
    """Choose the CSV to read among a zip's members: vehicles.csv, or else the only CSV.

    Args:
        names: The members' names.
        name: The archive's name in error messages.

    Returns:
        The member's name.

    Raises:
        ZipUnusable: There is no CSV, or there are several and none is named vehicles.csv.

    Example:
        >>> choose_member(["readme.txt", "data/vehicles.csv", "other.csv"], name="cars.zip")
        'data/vehicles.csv'
    """
    tables = [member for member in names if _is_table(member)]
    by_name = [member for member in tables if Path(member).name == MEMBER]
    for candidates in (by_name, tables):
        if len(candidates) == 1:
            return candidates[0]
    members = ", ".join(repr(member) for member in (tables or names)[:5]) or "nothing"
    raise ZipUnusable(f"{name} holds {'several CSV files' if tables else 'no CSV'}: {members}.")


def _is_table(member: str) -> bool:
    path = Path(member)
    return path.suffix.lower() == ".csv" and "__MACOSX" not in path.parts and not path.name.startswith(".")
