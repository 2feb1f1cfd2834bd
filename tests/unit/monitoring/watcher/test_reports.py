"""Reports are stored when their process has ended, not before."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from carvalue.files import LocalFolder
from carvalue.monitoring.watcher import reports as reports_module
from carvalue.monitoring.watcher.reports import ReportFolder
from waiting import until

REPORT = """
import sys, time, pathlib
gate = pathlib.Path("gate")
while not gate.exists():
    time.sleep(0.02)
pathlib.Path(sys.argv[-1]).write_text("<html>")
"""


@pytest.fixture
def slow_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A report program that ends once the returned file exists."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\nexec python3 -c '{REPORT}' \"$@\"\n")
    program.chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(reports_module.sys, "executable", str(program))
    gate = tmp_path / "gate"
    yield gate
    gate.touch()


def test_a_report_in_progress_is_left_alone(
    tmp_path: Path, slow_program: Path, request: pytest.FixtureRequest
) -> None:
    folder = ReportFolder(LocalFolder(tmp_path / "reports"))
    request.addfinalizer(folder.close)
    rows = pl.DataFrame({"year": [2015, 2016]})
    name = folder.request(why="drift", at=datetime(2026, 1, 1, tzinfo=UTC), reference=rows, window=rows)

    assert folder.collect() == 0
    assert folder.all() == []

    slow_program.touch()
    until(lambda: folder.collect() == 1)
    assert [report.name for report in folder.all()] == [name]
