"""Decisions of earlier releases are imported once; a damaged line is skipped, named, and blocks nothing."""

import logging
from pathlib import Path

import pytest

from carvalue.journal.store import JournalUnavailable
from carvalue.registry.opening import read_decisions
from carvalue.settings import Settings

GATE = '{"name": "speed", "figure": 1.0, "limit": 5.0, "passed": true, "words": "1 ms"%s}'
LINE = (
    '{"at": "2026-11-0%d4T10:00:00+00:00", "act": "%s", "version": %d, "earlier": %s, "by": "ann", '
    '"reasons": ["größer als 5 %%"], "gates": [%s]}\n'
)
FIRST = (LINE % (1, "promoted", 1, "null", GATE % "")).replace("014T", "01T")
SECOND = (LINE % (2, "refused", 2, "1", GATE % ', "needs_approval": true')).replace("024T", "02T")
THIRD = (LINE % (3, "promoted", 3, "1", "")).replace("034T", "03T")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "storage").mkdir()
    return Settings(state_dir=tmp_path, mlflow_tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def file(settings: Settings) -> Path:
    return settings.storage_root / "promotions.ndjson"


def decided(settings: Settings) -> list[tuple[str, int, int | None]]:
    return [(item.act, item.version, item.earlier) for item in read_decisions(settings)]


ALL = [("promoted", 1, None), ("refused", 2, 1), ("promoted", 3, 1)]


def test_the_file_of_an_earlier_release_is_imported_once(settings: Settings, file: Path) -> None:
    file.write_text(FIRST + SECOND + THIRD)

    for _ in range(2):
        assert decided(settings) == ALL

    first, second, _ = read_decisions(settings)
    assert (first.by, first.reasons, first.applied_at) == ("ann", ("größer als 5 %",), first.at)
    assert second.gates[0]["words"] == "1 ms"
    assert second.applied_at is None
    assert not file.exists()
    assert file.with_name("promotions.ndjson.imported").read_text() == FIRST + SECOND + THIRD


@pytest.mark.parametrize(
    "damaged",
    [
        SECOND[:40] + "\n",  # a full disk cut the line, and the next decision ended it
        SECOND[:40],  # and the next decision continued it: two lines are lost
        "null\n",
        "[1]\n",
        '{"at": "yesterday", "act": "promoted", "version": 1, "earlier": null, "by": "a", "reasons": []}\n',
        THIRD.replace("promoted", "dreamt"),
        "\0" * 512 + "\n",
        "\udcff\n",
    ],
)
def test_a_damaged_line_is_skipped_and_named_and_blocks_nothing(
    settings: Settings, file: Path, damaged: str, caplog: pytest.LogCaptureFixture
) -> None:
    file.write_bytes((FIRST + damaged + THIRD + SECOND).encode(errors="surrogateescape"))

    with caplog.at_level(logging.WARNING):
        found = decided(settings)

    assert found[0] == ALL[0]
    assert found[-1] == ALL[1]
    assert [record.line for record in caplog.records] == [2]
    assert "skipped" in caplog.text


def test_a_torn_last_line_is_skipped(settings: Settings, file: Path) -> None:
    file.write_text(FIRST + SECOND[:-20])

    assert decided(settings) == ALL[:1]


def test_an_import_that_was_interrupted_is_continued(settings: Settings, file: Path) -> None:
    file.write_text(FIRST)
    read_decisions(settings)
    file.write_text(FIRST + SECOND)  # the renaming was lost, or the earlier release ran once more

    assert decided(settings) == ALL[:2]


def test_a_file_that_cannot_be_renamed_does_not_block(
    settings: Settings, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError("read-only file system")

    file.write_text(FIRST)
    monkeypatch.setattr(Path, "replace", refuse)

    for _ in range(2):
        assert decided(settings) == ALL[:1]


def test_a_database_that_is_away_leaves_the_file_for_later(settings: Settings, file: Path) -> None:
    file.write_text(FIRST)
    away = settings.state_dir / "service"
    away.write_text("a file in the place of the folder")

    with pytest.raises(JournalUnavailable):
        read_decisions(settings)

    away.unlink()
    assert decided(settings) == ALL[:1]
