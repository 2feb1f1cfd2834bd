"""CONTRIBUTING names the files of the most common changes; README states what the program checks."""

import re
from pathlib import Path

import pytest

from carvalue.platform.admin import doctor
from contributing import common_changes

ROOT = Path(__file__).parents[2]
CHANGES = (
    "field of a listing",
    "cleaning rule",
    "feature",
    "gate",
    "alert",
    "notification channel",
    "metric",
    "dashboard panel",
    "version of a monitoring program",
    "DAG step",
    "route",
    "setting",
    "data source",
    "storage backend",
    "page element",
    "decision record",
)
NAME = re.compile(r"`([A-Z_]{4,}|_\w+)`")


def test_every_common_change_is_checked() -> None:
    assert set(CHANGES) == common_changes().keys() - {"change", "---"}


@pytest.mark.parametrize("change", CHANGES)
def test_a_common_change_names_files_and_checks_that_exist(change: str) -> None:
    edit, check = common_changes()[change]

    files = [path for path in re.findall(r"`([\w./]+/[\w./-]+)`", edit) if " " not in path]
    checks = re.findall(r"`(tests/[\w./]+)`", check)
    assert files
    assert checks
    assert [path for path in (*files, *checks) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("change", CHANGES)
def test_the_constants_that_a_change_names_are_in_its_files(change: str) -> None:
    edit, _ = common_changes()[change]
    code = "".join(
        (ROOT / path).read_text(encoding="utf-8")
        for path in re.findall(r"`([\w./-]+\.(?:py|example))`", edit)
    )

    assert [name for name in NAME.findall(edit) if name not in code and name != "NNNN"] == []


def test_the_readme_states_what_the_doctor_checks() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert f"{doctor.MIN_MEMORY_GB:g} GB of available memory" in text
    assert f"{doctor.MIN_DISK_GB:g} GB of free disk" in text
    assert "Linux" in text
    assert len(text.splitlines()) <= 80
