"""Stored objects of older releases are read; those of unknown formats are refused with the real cause."""

import json
from dataclasses import dataclass
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
