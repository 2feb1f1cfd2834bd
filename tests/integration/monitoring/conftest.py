"""The programs of Prometheus; tests are skipped where they are not installed."""

import shutil
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "deploy" / "monitoring"))


@pytest.fixture(scope="session")
def promtool() -> str:
    return program("promtool")


def program(*names: str) -> str:
    """Find a program under one of its names."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{names[0]} is not installed: apt install prometheus prometheus-alertmanager")
    return found
