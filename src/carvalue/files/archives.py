"""Zip archives that hold one CSV."""

import errno
import lzma
import shutil
import struct
import zipfile
import zlib
from pathlib import Path
from typing import ClassVar

from carvalue.errors import AppError

MEMBER = "vehicles.csv"  # the CSV's name in the data set's own zip

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
    """The zip is damaged, or does not hold exactly one file that could be meant."""

    status: ClassVar[int] = 422
    hint: ClassVar[str] = f"Expected a zip with {MEMBER} in it, or with one .csv."


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
