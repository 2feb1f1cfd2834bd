"""The package, its command and its metadata name the same version."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata
from pathlib import Path

import pytest

import carvalue

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]


def test_package_and_metadata_have_the_version_of_the_project() -> None:
    assert carvalue.__version__ == metadata("carvalue")["Version"] == PROJECT["version"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", carvalue.__version__)


def test_the_command_prints_the_version() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "carvalue", "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout == f"carvalue {carvalue.__version__}\n"


def test_the_package_has_no_other_lazy_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        getattr(carvalue, "absent")  # noqa: B009  # what is tested is the look-up by name
