"""Control of `disk.c`: compile it, start a program under it, and read the log that it wrote."""

import ctypes
import functools
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

import pytest

SOURCE = Path(__file__).with_name("disk.c")
HEAD = struct.Struct("<BBHHIQQ")  # `struct record` of disk.c
WRITES, SYNCS, CREATES, CHANGES = 1, 2, 4, 8
"""Kinds of calls that can fail; CHANGES includes the others but for syncs."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One call that changed a file, or a mark of the program.

    Attributes:
        kind: A letter of `disk.c`.
        is_durable: Whether a write returned only when its data were on disk (O_DSYNC).
        inode: The number of the file or folder.
        offset: Where the write begins; the new size of a truncated file; the flags of a rename.
        name: The path; the text of a mark.
        other: The new path of a rename or link.
        data: What was written.
    """

    kind: str
    is_durable: bool
    inode: int
    offset: int
    name: str
    other: str
    data: bytes


def read_log(log: Path) -> list[Operation]:
    """Read all operations in their order."""
    content, start, operations = log.read_bytes(), 0, []
    while start < len(content):
        kind, durable, name, other, size, inode, offset = HEAD.unpack_from(content, start)
        start += HEAD.size
        parts = []
        for length in (name, other, size):
            parts.append(content[start : start + length])
            start += length
        operations.append(
            Operation(chr(kind), bool(durable), inode, offset, parts[0].decode(), parts[1].decode(), parts[2])
        )
    return operations


@functools.cache
def compiled_library() -> Path:
    """Compile `disk.c`; skip the test where that is impossible."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("recording disk accesses needs Linux and a C compiler")
    library = Path(mkdtemp(prefix="disk-")) / "disk.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl", "-lpthread"], check=True
    )
    return library


def run_recorded(module: str, *arguments: str) -> str:
    """Run a module of the tests under `disk.c`; return what it printed."""
    tests = Path(__file__).parents[1]
    path = os.pathsep.join(filter(None, [str(tests), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=os.environ | {"LD_PRELOAD": str(compiled_library()), "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def mark(text: str) -> None:
    """Note in the log that the program got here, for example that it acknowledged a quote."""
    _library().disk_mark(text.encode())


@contextmanager
def watching(folder: Path, *, log: Path | None = None) -> Iterator[None]:
    """Record the calls below a folder, or only count and fail them."""
    _library().disk_watch(bytes(folder.resolve()), bytes(log) if log else None)
    try:
        yield
    finally:
        _library().disk_watch(None, None)


@contextmanager
def failing(error: int, kinds: int, *, at: int, lasts: bool) -> Iterator[None]:
    """Let the call with this number, counted from 1, fail with an errno; those after it, too, if it lasts."""
    _library().disk_fail(error, kinds, ctypes.c_long(at), int(lasts))
    try:
        yield
    finally:
        heal()


def heal() -> int:
    """Let calls succeed again; return how many could have failed."""
    return int(_library().disk_heal())


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(None)
    library.disk_heal.restype = ctypes.c_long
    return library
