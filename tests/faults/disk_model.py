"""What a disk may hold after power is lost at some point of a recorded log.

The model is stricter than common file systems: a name is durable only after its folder was flushed, data only
after their file was. What was not flushed may be lost, kept, or kept in part.
"""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath

from faults.recording import Operation

SECTOR = 512
EXCHANGE = 2  # the flag RENAME_EXCHANGE of renameat2
VARIANTS = ("nothing unsynced", "names without data", "names with zeros", "last sector torn", "some of it")


@dataclass
class File:
    """A file: what is surely on disk, and the writes since.

    Attributes:
        durable: The content after the last flush.
        pending: Writes (offset, data) and truncations (size, None) since then.
    """

    durable: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)


@dataclass
class Folder:
    """A folder: the entries that are surely on disk."""

    entries: dict[str, int] = field(default_factory=dict)


@dataclass
class Change:
    """Entries that one call changed: (folder, name, inode or None) each."""

    entries: list[tuple[int, str, int | None]]


class Disk:
    """The files below one folder. Apply operations one by one; ask for the states after a loss of power.

    Objects are numbered anew, because the kernel uses the number of a deleted file again.
    """

    def __init__(self, root: Path) -> None:
        self._root = PurePosixPath(root)
        self._objects: dict[int, File | Folder] = {0: Folder()}
        self._now: dict[int, dict[str, int]] = {0: {}}  # entries as the program sees them
        self._pending: list[Change] = []
        self._number: dict[int, int] = {}  # inode -> object

    def apply(self, operation: Operation) -> None:
        """Apply one operation of the log."""
        match operation.kind:
            case "c" | "m":
                self._create(operation)
            case "w" | "t":
                self._write(operation)
            case "s" | "f":
                self._flush(operation)
            case "r":
                self._rename(operation)
            case "u" | "d":
                self._rename_entries([(operation.name, None)])
            case "l":
                self._rename_entries([(operation.other, self._find(operation.name))])

    def states(self, operation: Operation, *, seed: int) -> Iterator[tuple[str, "State"]]:
        """Apply one operation, and list what the disk may hold if power is lost in it or just after it."""
        if operation.kind == "w":
            yield VARIANTS[3], self._torn(operation, seed=seed)
        self.apply(operation)
        if operation.kind != "k":
            yield from self.states_now(seed=seed)

    def states_now(self, *, seed: int) -> Iterator[tuple[str, "State"]]:
        """List what the disk may hold if power is lost now."""
        yield VARIANTS[0], self._state(names=0, content=lambda file: file.durable)
        has_data = any(isinstance(item, File) and item.pending for item in self._objects.values())
        if has_data or self._pending:
            yield VARIANTS[1], self._state(names=None, content=lambda file: file.durable)
            generator = random.Random(seed)  # noqa: S311
            kept = generator.randint(0, len(self._pending))
            yield VARIANTS[4], self._state(names=kept, content=lambda file: _some(file, generator))
        if has_data:
            yield VARIANTS[2], self._state(names=None, content=_zeros)

    def _torn(self, write: Operation, *, seed: int) -> "State":
        """Return the state in which only the first part of a write reached the disk, and all before it."""
        length = random.Random(seed).randrange(len(write.data) + 1)  # noqa: S311
        data = write.data[:length]
        if seed % 2:  # the drive wrote the rest of the sector, too, with what it had
            data += bytes(-(write.offset + length) % SECTOR)[: len(write.data) - length]
        file = self._file(write)
        file.pending.append((write.offset, data))
        state = self._state(names=None, content=_all)
        file.pending.pop()
        return state

    def _create(self, operation: Operation) -> None:
        number = len(self._objects)
        self._objects[number] = Folder() if operation.kind == "m" else File()
        if operation.kind == "m":
            self._now[number] = {}
        self._number[operation.inode] = number
        self._rename_entries([(operation.name, number)])

    def _rename(self, operation: Operation) -> None:
        number = self._find(operation.name)
        replaced = self._find(operation.other) if operation.offset == EXCHANGE else None
        self._rename_entries([(operation.name, replaced), (operation.other, number)])

    def _rename_entries(self, changes: Sequence[tuple[str, int | None]]) -> None:
        entries = []
        for path, number in changes:
            folder, name = self._find(str(PurePosixPath(path).parent)), PurePosixPath(path).name
            entries.append((folder, name, number))
            if number is None:
                self._now[folder].pop(name, None)
            else:
                self._now[folder][name] = number
        self._pending.append(Change(entries))

    def _find(self, path: str) -> int:
        number = 0
        for name in PurePosixPath(path).relative_to(self._root).parts:
            number = self._now[number][name]
        return number

    def _file(self, operation: Operation) -> File:
        file = self._objects[self._number[operation.inode]]
        assert isinstance(file, File)
        return file

    def _write(self, operation: Operation) -> None:
        file = self._file(operation)
        if operation.is_durable:
            file.durable = _apply(_all(file), (operation.offset, operation.data))
            file.pending.clear()
        else:
            data = operation.data if operation.kind == "w" else None
            file.pending.append((operation.offset, data))

    def _flush(self, operation: Operation) -> None:
        number = 0 if PurePosixPath(operation.name) == self._root else self._number[operation.inode]
        item = self._objects[number]
        if isinstance(item, File):
            if operation.kind == "s":
                item.durable = _all(item)
            item.pending.clear()  # a failed flush marks the pages clean: their data are never written
        elif operation.kind == "s":
            self._flush_names(number)

    def _flush_names(self, number: int) -> None:
        folders = {k: item.entries for k, item in self._objects.items() if isinstance(item, Folder)}
        waiting = []
        for change in self._pending:
            if any(folder == number for folder, *_ in change.entries):
                self._enter(change, folders)
            else:
                waiting.append(change)
        self._pending = waiting

    @staticmethod
    def _enter(change: Change, into: dict[int, dict[str, int]]) -> None:
        for folder, name, number in change.entries:
            if number is None:
                into[folder].pop(name, None)
            else:
                into[folder][name] = number

    def _state(self, *, names: int | None, content: Callable[[File], bytes]) -> "State":
        entries = {k: dict(v.entries) for k, v in self._objects.items() if isinstance(v, Folder)}
        for change in self._pending[:names]:
            self._enter(change, entries)
        files: dict[str, bytes | None] = {}

        def walk(number: int, path: str) -> None:
            for name, child in entries[number].items():
                item = self._objects[child]
                files[f"{path}{name}"] = content(item) if isinstance(item, File) else None
                if isinstance(item, Folder):
                    walk(child, f"{path}{name}/")

        walk(0, "")
        return State(files)


@dataclass(frozen=True)
class State:
    """The content of a disk: path to bytes; None for a folder."""

    files: dict[str, bytes | None]

    def digest(self) -> bytes:
        """Identify the content."""
        total = sha256()
        for path in sorted(self.files):
            content = self.files[path]
            total.update(f"{path}\0{-1 if content is None else len(content)}\0".encode())
            total.update(content or b"")
        return total.digest()

    def write(self, folder: Path) -> None:
        """Make a folder hold exactly this content."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for path, content in self.files.items():
            if content is None:
                (folder / path).mkdir(exist_ok=True)
            else:
                (folder / path).write_bytes(content)


def _apply(content: bytes, change: tuple[int, bytes | None]) -> bytes:
    offset, data = change
    if data is None:
        return content[:offset].ljust(offset, b"\0")
    return content[:offset].ljust(offset, b"\0") + data + content[offset + len(data) :]


def _all(file: File) -> bytes:
    content = file.durable
    for change in file.pending:
        content = _apply(content, change)
    return content


def _zeros(file: File) -> bytes:
    size = len(_all(file))
    return file.durable[:size].ljust(size, b"\0")


def _some(file: File, generator: random.Random) -> bytes:
    """Keep each sector of the unsynced writes or not, and the longer or the shorter size."""
    after, content = _all(file), bytearray(_zeros(file))
    for start in range(0, len(after), SECTOR):
        if generator.random() < 0.5:
            content[start : start + SECTOR] = after[start : start + SECTOR]
    return bytes(content)
