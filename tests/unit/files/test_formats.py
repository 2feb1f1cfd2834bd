"""Stored objects of older releases are read; those of unknown formats are refused with the real cause."""

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from carvalue.files import (
    ArtifactUnreadable,
    BundleFormatUnknown,
    BundleIncompatible,
    FormatUnknown,
    StoredFormat,
    read_artifact,
    read_bundle,
    write_artifact,
    write_bundle,
)
from carvalue.files.bundle import FORMAT, MANIFEST

CURSORS = StoredFormat(
    kind="cursor",
    version=3,
    upgrades={1: lambda fields: {"at": fields["position"]}, 2: lambda fields: {**fields, "by": "quote"}},
)


@dataclass(frozen=True)
class RowCount:
    kept: int


@dataclass(frozen=True)
class Remark:
    text: str
    day: date


def test_an_object_is_read_from_the_file_it_was_written_to(tmp_path: Path) -> None:
    CURSORS.write(tmp_path / "new" / "cursor.json", {"at": 7, "by": "sale"})

    assert CURSORS.read(tmp_path / "new" / "cursor.json") == {"at": 7, "by": "sale"}


@pytest.mark.parametrize(
    "stored", ['{"position": 7}', '{"format": 2, "at": 7}', '{"format": 3, "at": 7, "by": "quote"}']
)
def test_older_formats_are_converted_step_by_step(stored: str) -> None:
    assert CURSORS.load(stored, source="cursor.json") == {"at": 7, "by": "quote"}


@pytest.mark.parametrize("found", [0, 4, "3", None])
def test_an_unknown_format_is_named_with_those_that_are_read(found: object) -> None:
    with pytest.raises(FormatUnknown) as caught:
        CURSORS.load(json.dumps({"format": found}), source="cursor.json")

    assert str(caught.value).startswith(
        f"cursor.json: cursor format {found}, this release reads 1-3. Install"
    )


@pytest.mark.parametrize("text", ["", "[]", "7", "{"])
def test_what_is_no_object_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        CURSORS.load(text, source="cursor.json")


def test_a_report_of_a_newer_release_is_not_misread(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    write_artifact(RowCount(kept=3), path)
    assert read_artifact(RowCount, path) == RowCount(kept=3)

    path.write_text('{"format": 2, "kept": 3}')
    with pytest.raises(ArtifactUnreadable, match="report format 2, this release reads 1"):
        read_artifact(RowCount, path)


def test_a_bundle_of_a_newer_release_names_its_format(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", {"card.json": b"{}"})
    manifest = tmp_path / "bundle" / MANIFEST
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": FORMAT + 1}))

    with pytest.raises(BundleFormatUnknown) as caught:
        read_bundle(tmp_path / "bundle")

    assert isinstance(caught.value, BundleIncompatible)
    assert caught.value.cause.startswith(f"bundle format {FORMAT + 1}, this release reads ")
    assert str(tmp_path) not in caught.value.cause


def test_an_object_is_stored_as_json_with_its_format_first(tmp_path: Path) -> None:
    CURSORS.write(tmp_path / "cursor.json", {"at": 7})

    assert (tmp_path / "cursor.json").read_text() == '{\n "format": 3,\n "at": 7\n}'


def test_what_is_no_object_is_named() -> None:
    with pytest.raises(ValueError, match=r"cursor\.json is not a JSON object"):
        CURSORS.load("[]", source="cursor.json")


def test_a_single_readable_format_is_named_alone() -> None:
    with pytest.raises(FormatUnknown, match=r"state format 2, this release reads 1\."):
        StoredFormat(kind="state").load('{"format": 2}', source="state.json")


def test_a_report_is_stored_as_text_that_people_can_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    write_artifact(Remark(text="größer", day=date(2026, 1, 2)), path)

    assert path.read_text() == '{\n  "format": 1,\n  "text": "größer",\n  "day": "2026-01-02"\n}'


@pytest.mark.parametrize("text", ["", "[1]", '{"kept": "many"}', "{}", '{"format": 0, "kept": 3}'])
def test_a_damaged_report_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text)

    with pytest.raises(ArtifactUnreadable) as caught:
        read_artifact(RowCount, path)

    assert str(caught.value).startswith(f"{path}")
    assert "None" not in str(caught.value)
