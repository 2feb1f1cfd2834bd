"""A bundle with a damaged manifest is refused as corrupt, whatever the manifest holds instead."""

import hashlib
from pathlib import Path

import pytest

from carvalue.files import BundleCorrupt, bundle_digest, read_bundle, write_bundle
from carvalue.files.bundle import json_bytes


@pytest.mark.parametrize(
    "manifest",
    [
        '{"format": 5}',
        '{"format": 5, "sha256": null}',
        '{"format": 5, "sha256": ["card.json"]}',
        '{"format": 5, "sha256": {"card\\u0000.json": "00"}}',
        '{"format": 5, "sha256": {"\\ud800": "00"}}',
        '{"format": 5, "sha256": {"": "00"}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_manifest_is_refused(tmp_path: Path, manifest: str) -> None:
    folder = tmp_path / "bundle"
    write_bundle(folder, {"card.json": b"{}"})
    (folder / "MANIFEST.json").write_text(manifest)

    with pytest.raises(BundleCorrupt, match=r"MANIFEST|cannot be read"):
        read_bundle(folder)


def test_the_manifest_lists_the_checksum_of_every_file(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", {"card.json": b"{}", "trees.json": b"[1]"})
    manifest = (tmp_path / "bundle" / "MANIFEST.json").read_bytes()
    card, trees = (hashlib.sha256(content).hexdigest() for content in (b"{}", b"[1]"))

    assert manifest.decode().splitlines() == [
        "{",
        ' "format": 5,',
        ' "sha256": {',
        f'  "card.json": "{card}",',
        f'  "trees.json": "{trees}"',
        " }",
        "}",
    ]
    assert read_bundle(tmp_path / "bundle") == {"card.json": b"{}", "trees.json": b"[1]"}
    assert bundle_digest(tmp_path / "bundle") == hashlib.sha256(manifest).hexdigest()


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("[]", "MANIFEST.json is not a JSON object."),
        ('{"format": 5}', "MANIFEST.json lists no checksums."),
        (
            '{"format": 5, "sha256": {"../card.json": "00"}}',
            "names '../card.json', which is not a file of the",
        ),
        ('{"format": 5, "sha256": {"a\\u0000": "00"}}', "names 'a\\x00', which no file can have."),
        (
            '{"format": 5, "sha256": {"trees.json": "00"}}',
            "trees.json cannot be read (No such file or directory).",
        ),
        (
            '{"format": 5, "sha256": {"card.json": "00"}}',
            "card.json does not have the checksum that MANIFEST.json",
        ),
    ],
)
def test_what_is_wrong_with_a_bundle_is_named(tmp_path: Path, manifest: str, message: str) -> None:
    write_bundle(tmp_path / "bundle", {"card.json": b"{}"})
    (tmp_path / "bundle" / "MANIFEST.json").write_text(manifest)

    with pytest.raises(BundleCorrupt) as caught:
        read_bundle(tmp_path / "bundle")

    assert str(caught.value).startswith(f"{tmp_path / 'bundle'}/")
    assert message in str(caught.value)


def test_equal_values_have_equal_bytes() -> None:
    assert (
        json_bytes({"b": "ü", "a": 1})
        == json_bytes({"a": 1, "b": "ü"})
        == '{\n "a": 1,\n "b": "ü"\n}'.encode()
    )
    with pytest.raises(ValueError, match="JSON"):
        json_bytes(float("nan"))
