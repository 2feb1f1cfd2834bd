"""What takes long to make and is the same for all tests is made once per run, also by parallel workers."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


class MadeOnce:
    """A folder of the whole run; without one, as in a program that a test starts, nothing is kept."""

    folder: Path | None = None

    def begin(self, factory: pytest.TempPathFactory) -> None:
        """Keep what is made in the temporary folder that the workers of this run share."""
        base = factory.getbasetemp()
        self.folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base).resolve() / "made-once"
        self.folder.mkdir(exist_ok=True)

    def get(self, name: str, make: Callable[[Path], object]) -> Path:
        """Give the folder of this name; who comes first makes it. Tests must not change it."""
        assert self.folder is not None
        made = self.folder / name
        with made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.with_suffix(".complete").exists():
                shutil.rmtree(made, ignore_errors=True)
                made.mkdir()
                make(made)
                made.with_suffix(".complete").touch()
        return made

    def copy(self, name: str, make: Callable[[Path], object], *, into: Path) -> None:
        """Fill a folder with a copy, which the test may change."""
        if self.folder is None:
            into.mkdir(parents=True, exist_ok=True)
            make(into)
        else:
            shutil.copytree(self.get(name, make), into, dirs_exist_ok=True)


made_once = MadeOnce()
