"""The commands for the quarantine show reasons, store what is readable, and delete only what is named."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from carvalue.cli import app
from carvalue.journal.quarantine import Quarantine
from carvalue.journal.store import Journal, JournalCursor
from factories import an_entry

READABLE = an_entry(7).as_line()[:-1]
DAMAGED = b'2 00000000 {"vin":"\xff\x1b[31m"}'


@pytest.fixture
def quarantine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Quarantine:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIR", str(tmp_path))
    quarantine = Quarantine(tmp_path / "service" / "quarantine")
    quarantine.add([(READABLE, "an unknown field"), (DAMAGED, "the checksum does not match")])
    return quarantine


def carvalue(*words: str) -> Result:
    return CliRunner().invoke(app, ["quarantine", *words], catch_exceptions=False)


def test_the_list_shows_reasons_and_no_content(quarantine: Quarantine) -> None:
    first, second, total = carvalue("list").stdout.splitlines()

    assert first.startswith(quarantine.records()[0].id)
    assert first.endswith("an unknown field")
    assert second.endswith("the checksum does not match")
    assert total == "2 records"
    assert "vin" not in first + second


def test_a_record_is_shown_without_control_characters(quarantine: Quarantine) -> None:
    shown = carvalue("show", quarantine.records()[1].id).stdout

    assert '"vin"' in shown
    assert "\x1b" not in shown
    assert carvalue("show", "unknown").exit_code == 2


def test_a_replay_stores_what_is_readable(quarantine: Quarantine, tmp_path: Path) -> None:
    assert carvalue("replay").stdout == "1 records stored in the journal, 1 remain\n"

    journal = Journal(f"sqlite:///{tmp_path}/service/journal.db")
    assert journal.arrived(JournalCursor(), until=datetime.max.replace(tzinfo=UTC), limit=9).entries == [
        an_entry(7)
    ]
    assert [kept.record for kept in quarantine.records()] == [DAMAGED]


def test_only_what_is_named_is_deleted(quarantine: Quarantine) -> None:
    assert carvalue("discard").exit_code == 2
    assert carvalue("discard", "--all", "x").exit_code == 2
    assert len(quarantine) == 2

    assert carvalue("discard", quarantine.records()[0].id).stdout == "1 records deleted, 1 remain\n"
    assert carvalue("discard", "--all").stdout == "1 records deleted, 0 remain\n"
