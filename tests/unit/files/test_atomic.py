"""Whatever fails while a file or folder is written, the previous version stays and no rubbish is left."""

import ctypes
import errno
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from carvalue.files import (
    TEMPORARY_MARK,
    atomic_create,
    atomic_folder,
    atomic_write,
    file_lock,
    make_folder,
    make_private,
)


def test_a_failed_write_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("previous")

    with pytest.raises(FileNotFoundError), atomic_write(path) as temporary, temporary.open("w") as file:
        file.write("half" + (tmp_path / "missing").read_text())

    assert [file.name for file in tmp_path.iterdir()] == ["state.json"]
    assert path.read_text() == "previous"


def test_a_failed_write_leaves_the_previous_folder(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    with atomic_folder(folder) as temporary:
        (temporary / "card").write_text("previous")

    with pytest.raises(FileNotFoundError), atomic_folder(folder) as temporary:
        (temporary / "card").write_text((tmp_path / "missing").read_text())

    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (folder / "card").read_text() == "previous"


def test_a_folder_whose_entry_could_not_be_flushed_is_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []

    def fail_once(path: Path) -> None:
        flushed.append(path)
        if len(flushed) == 1:
            raise OSError(errno.EIO, "the disk is broken")

    monkeypatch.setattr("carvalue.files.atomic.fsync", fail_once)
    with pytest.raises(OSError, match="broken"):
        make_folder(tmp_path / "service")

    make_folder(tmp_path / "service")

    assert (tmp_path / "service").is_dir()
    assert flushed == [tmp_path, tmp_path]


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_a_folder_replaces_another_one_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)  # where folders are exchanged, or renamed twice
    folder = tmp_path / "new parent" / "bundle"
    for name in ("first", "second"):
        with atomic_folder(folder) as temporary:
            (temporary / "below").mkdir()
            (temporary / "below" / name).touch()

    assert [path.name for path in (folder / "below").iterdir()] == ["second"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_previous_folder_is_there_until_the_new_one_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bundle"
    seen: list[bool] = []
    rename = Path.rename
    with atomic_folder(folder) as temporary:
        (temporary / "card").touch()
    monkeypatch.setattr(Path, "rename", _after(rename, lambda: seen.append((folder / "card").exists())))

    with atomic_folder(folder) as temporary:
        (temporary / "card").touch()

    assert seen == [True]  # the rename that found a folder in its place; the exchange is one step


def test_a_folder_may_be_moved_in(tmp_path: Path) -> None:
    downloaded = tmp_path / "downloaded"
    downloaded.mkdir()
    (downloaded / "card").write_text("{}")

    with atomic_folder(tmp_path / "bundle") as temporary:
        downloaded.replace(temporary)

    assert (tmp_path / "bundle" / "card").read_text() == "{}"
    assert not downloaded.exists()


def test_everything_is_flushed_before_it_is_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[str, bool]] = []
    folder = tmp_path / "new parent" / "bundle"
    fsync = os.fsync

    def record(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        flushed.append((path.name.partition(TEMPORARY_MARK)[0], folder.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    with atomic_folder(folder) as temporary:
        (temporary / "below").mkdir()
        (temporary / "below" / "card").touch()

    assert flushed == [
        (tmp_path.name, False),  # the new parent's entry
        ("below", False),
        ("card", False),
        (".bundle", False),
        ("new parent", True),
    ]


def test_a_flush_that_fails_leaves_the_previous_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    path.write_text("previous")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"), atomic_write(path) as temporary:
        temporary.write_text("never on disk")

    assert path.read_text() == "previous"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_is_deleted_by_a_later_write(tmp_path: Path) -> None:
    old, young = (tmp_path / f".state.json{TEMPORARY_MARK}{name}" for name in ("old", "young"))
    (old / "below").mkdir(parents=True)
    young.touch()
    os.utime(old, (0, 0))

    with atomic_write(tmp_path / "state.json") as temporary:
        temporary.touch()

    assert sorted(path.name for path in tmp_path.iterdir()) == [young.name, "state.json"]


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    for write in (atomic_write, atomic_create):
        with write(tmp_path / write.__name__, mode=0o600) as temporary:
            temporary.write_text("secret")
            assert temporary.stat().st_mode & 0o777 == 0o600
        assert (tmp_path / write.__name__).stat().st_mode & 0o777 == 0o600


def test_the_first_process_creates_the_file(tmp_path: Path) -> None:
    with atomic_create(tmp_path / "secret") as mine, atomic_create(tmp_path / "secret") as other:
        other.write_text("the other's")
        mine.write_text("mine")

    assert (tmp_path / "secret").read_text() == "the other's"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_lock_excludes_other_processes(tmp_path: Path) -> None:
    path = tmp_path / "counter"
    path.write_text("0")
    processes = [multiprocessing.get_context("fork").Process(target=_count, args=(path,)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()

    assert path.read_text() == "100"


def _count(path: Path) -> None:
    for _ in range(50):
        with file_lock(path.with_suffix(".lock")):
            path.write_text(str(int(path.read_text()) + 1))


def _after(rename: Callable[[Path, Path], Path], note: Callable[[], None]) -> Callable[[Path, Path], Path]:
    def noted(path: Path, target: Path) -> Path:
        note()
        return rename(path, target)

    return noted


@pytest.mark.parametrize(("age_h", "stays"), [(23, True), (25, False)])
def test_an_unfinished_file_is_abandoned_after_a_day(tmp_path: Path, age_h: int, *, stays: bool) -> None:
    left = tmp_path / f".state.json{TEMPORARY_MARK}left"
    other = tmp_path / f".other.json{TEMPORARY_MARK}left"
    for path in (left, other):
        path.touch()
        os.utime(path, (0, time.time() - age_h * 3600))

    with atomic_write(tmp_path / "state.json") as temporary:
        temporary.touch()

    assert left.exists() == stays
    assert other.exists()  # it belongs to another name


def test_a_link_that_leads_nowhere_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / f".bundle{TEMPORARY_MARK}left").symlink_to(tmp_path / "missing")

    with atomic_folder(tmp_path / "bundle") as temporary:
        (temporary / "link").symlink_to(tmp_path / "missing")

    assert (tmp_path / "bundle" / "link").is_symlink()


def test_a_file_in_the_place_of_a_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "bundle").write_text("a file")

    with pytest.raises(NotADirectoryError), atomic_folder(tmp_path / "bundle"):
        pass

    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    assert (tmp_path / "bundle").read_text() == "a file"


class FakeLibc:
    """Fails to exchange two folders with an error number."""

    def __init__(self, number: int) -> None:
        self._number = number

    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(self._number)
        return -1


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_folders_are_renamed_where_they_cannot_be_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: FakeLibc(number))
    for name in ("first", "second"):
        with atomic_folder(tmp_path / "bundle") as temporary:
            (temporary / name).touch()

    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "second"]


def test_an_exchange_that_fails_names_the_folder_and_leaves_the_previous_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: FakeLibc(errno.EIO))
    with atomic_folder(tmp_path / "bundle") as temporary:
        (temporary / "first").touch()

    with (
        pytest.raises(OSError, match="Input/output") as caught,
        atomic_folder(tmp_path / "bundle") as temporary,
    ):
        (temporary / "second").touch()

    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(tmp_path / "bundle"))
    assert [path.name for path in tmp_path.rglob("*")] == ["bundle", "first"]


def test_a_private_folder_is_closed_to_others(tmp_path: Path) -> None:
    new, open_to_all = tmp_path / "parent" / "new", tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    for folder in (new, open_to_all, open_to_all):
        make_private(folder)

    assert [folder.stat().st_mode & 0o777 for folder in (new, open_to_all)] == [0o700, 0o700]


def test_the_entries_of_new_private_folders_are_flushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr("carvalue.files.atomic.fsync", flushed.append)

    make_private(tmp_path / "above" / "var")
    make_private(tmp_path / "above" / "var")

    assert flushed == [tmp_path, tmp_path / "above"]
    (tmp_path / "usual").mkdir()
    assert (tmp_path / "above").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_folder_of_another_user_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)

    make_private(tmp_path)

    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_no_file_stays_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with atomic_write(tmp_path / "state.json") as temporary:
        temporary.touch()

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_another_process_deletes_first_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / f".state.json{TEMPORARY_MARK}left"
    left.touch()

    def gone(_: Path) -> os.stat_result:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "lstat", gone)
    with atomic_write(tmp_path / "state.json") as temporary:
        temporary.touch()

    assert left.exists()
