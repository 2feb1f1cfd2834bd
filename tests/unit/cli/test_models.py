"""`carvalue models --history` shows who decided what, when and why, without MLflow."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from carvalue.cli import app
from carvalue.journal.decisions import DecisionLog, DecisionRecord
from carvalue.journal.store import Journal


def test_the_history_has_the_newest_decision_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "150")
    log = DecisionLog(Journal(f"sqlite:///{tmp_path}/service/journal.db"))
    for after, (act, version, earlier, by, why) in enumerate(
        [("promoted", 1, None, "pipeline", "passed all 13 gates"), ("rolled back", 1, 2, "ann", "from 2")]
    ):
        at = datetime(2026, 1, 2 + after, 3, 4, tzinfo=UTC)
        made = DecisionRecord(at=at, act=act, version=version, earlier=earlier, by=by, reasons=(why,))
        log.append(made, after=after)

    shown = CliRunner().invoke(app, ["models", "--history"], catch_exceptions=False).stdout.splitlines()

    assert [line.split() for line in shown[1:]] == [
        ["2026-01-03", "03:04", "1", "rolled", "back", "2", "ann", "from", "2"],
        ["2026-01-02", "03:04", "1", "promoted", "-", "pipeline", "passed", "all", "13", "gates"],
    ]
