"""A zip cannot fill the disk, and nothing but a plain file is read from it."""

import errno
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from carvalue.files import ZipUnusable, archives, unpack


def a_zip(path: Path, *, name: str = "cars.csv", size: int = 10, mode: int = 0) -> Path:
    member = zipfile.ZipInfo(name)
    member.external_attr = mode << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr(member, b"x" * size)
    return path


@pytest.mark.parametrize("mode", [stat.S_IFLNK | 0o777, stat.S_IFIFO | 0o600, stat.S_IFCHR | 0o600])
def test_a_link_or_special_file_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ZipUnusable, match="special file"):
        unpack(a_zip(tmp_path / "a.zip", mode=mode), into=tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("mode", [0, stat.S_IFREG | 0o644, 0o644])
def test_a_plain_file_is_unpacked_whatever_made_the_zip(tmp_path: Path, mode: int) -> None:
    assert unpack(a_zip(tmp_path / "a.zip", mode=mode), into=tmp_path / "a.csv").read_bytes() == b"x" * 10


@pytest.mark.parametrize("name", ["/etc/cars.csv", "../../cars.csv", "C:\\\\cars.csv"])
def test_the_names_in_a_zip_are_never_paths(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)

    unpack(a_zip(folder / "a.zip", name=name), into=folder / "a.csv")

    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"a.zip", "a.csv"}


def test_a_zip_bomb_is_refused_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = a_zip(tmp_path / "a.zip", size=20_000_000)
    assert bomb.stat().st_size < 50_000
    monkeypatch.setattr(archives, "MAX_UNPACKED_BYTES", 10_000_000)

    with pytest.raises(ZipUnusable, match="20,000,000 bytes: expected at most 10,000,000"):
        unpack(bomb, into=tmp_path / "a.csv")

    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_a_zip_that_understates_its_size_is_not_read_further(tmp_path: Path) -> None:
    bomb = a_zip(tmp_path / "a.zip", size=20_000_000)
    bomb.write_bytes(bomb.read_bytes().replace((20_000_000).to_bytes(4, "little"), (5).to_bytes(4, "little")))

    with pytest.raises(ZipUnusable, match="CRC"):
        unpack(bomb, into=tmp_path / "a.csv")
    assert not (tmp_path / "a.csv").exists()


def test_an_archive_larger_than_the_free_disk_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage: Callable[..., object] = lambda _: shutil._ntuple_diskusage(100, 95, 5)  # noqa: E731
    monkeypatch.setattr(archives.shutil, "disk_usage", usage)

    with pytest.raises(OSError, match="10 bytes, 5 are free") as caught:
        unpack(a_zip(tmp_path / "a.zip"), into=tmp_path / "a.csv")
    assert caught.value.errno == errno.ENOSPC
