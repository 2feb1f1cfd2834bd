"""One process or thread at a time holds the lock of a file."""

import fcntl
from pathlib import Path

import pytest

from carvalue.files.locks import file_lock


def is_free(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_nobody_else_gets_a_lock_that_is_held(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / ".lock"

    with file_lock(path):
        assert not is_free(path)

    assert is_free(path)


def test_a_lock_is_free_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / ".lock"

    with pytest.raises(ValueError, match="in the block"), file_lock(path):
        raise ValueError("in the block")

    assert is_free(path)


def test_a_lock_file_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    path.write_text("older")

    with file_lock(path):
        pass

    assert path.read_text() == "older"
