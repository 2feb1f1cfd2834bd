"""The commands for old quotes follow the settings, and say what they did and what they cannot reach."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner, Result

from carvalue.cli import app
from carvalue.journal import Journal, first_id_at
from factories import an_entry

NOW = datetime.now(UTC)
OLD, NEW = (
    an_entry(quote_id=f"{first_id_at(at)}{0:020x}", quoted_at=at) for at in (NOW - timedelta(days=40), NOW)
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal with an old and a new quote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    journal = Journal(f"sqlite:///{tmp_path}/service/journal.db")
    journal.write([OLD, NEW])
    return tmp_path


def carvalue(*words: str) -> Result:
    return CliRunner().invoke(app, ["journal", *words], catch_exceptions=False)


def test_quotes_are_kept_for_ever_unless_somebody_says_how_long() -> None:
    for command in ("prune", "archive"):
        refused = carvalue(command)

        assert refused.exit_code == 2
        assert "JOURNAL_KEEP_DAYS is 0" in refused.output


def test_prune_keeps_as_many_days_as_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_KEEP_DAYS", "30")

    assert carvalue("prune").stdout.startswith("1 quotes from before ")
    assert carvalue("prune").stdout.startswith("0 quotes from before ")
    assert carvalue("prune", "--keep-days", "1").stdout.startswith("0 quotes from before ")


def test_archive_then_forget(state: Path) -> None:
    archived = carvalue("archive", "--keep-days", "30").stdout.splitlines()
    forgotten = carvalue("forget", OLD.quote_id).stdout.splitlines()

    folder = state / "storage" / "journal-archive"
    assert archived[-1].endswith(f"moved to file://{folder}")
    assert forgotten[0] == "deleted from the archive; not reached:"
    assert any("backups" in line for line in forgotten)
    assert pl.read_parquet(next(folder.glob("*/quotes.parquet"))).height == 0
    assert carvalue("forget", NEW.quote_id).stdout.startswith("deleted from the journal; ")
    assert carvalue("forget", "x").exit_code == 2


def test_export_writes_a_range_of_days(state: Path) -> None:
    everything = carvalue("export", "all.parquet").stdout
    recent = carvalue("export", "new.csv", "--start", f"{NOW - timedelta(days=3):%Y-%m-%d}").stdout

    assert everything == "2 quotes, in all.parquet\n"
    assert recent == "1 quotes, in new.csv\n"
    assert pl.read_csv(state / "new.csv")["quote_id"].to_list() == [NEW.quote_id]
