"""Every `>>>` example in the docstrings runs and prints what it shows."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
MODULES = sorted(
    path.relative_to(SOURCE).with_suffix("").as_posix().removesuffix("/__init__").replace("/", ".")
    for path in (SOURCE / "carvalue").rglob("*.py")
    if ">>>" in path.read_text()
)
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    results = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)

    assert results.attempted
    assert results.failed == 0
