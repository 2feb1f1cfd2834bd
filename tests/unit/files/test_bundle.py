"""A bundle with a damaged manifest is refused as corrupt, whatever the manifest holds instead."""

from pathlib import Path

import pytest

from carvalue.files import BundleCorrupt, read_bundle, write_bundle


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
