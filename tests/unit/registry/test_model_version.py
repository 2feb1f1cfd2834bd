"""A version is read from MLflow's tags, and from the file beside a cached bundle."""

import json
from pathlib import Path

import pytest

from carvalue.files import FormatUnknown
from carvalue.registry.model_version import ModelVersion

TAGS = {
    "bundle.sha256": "f00d",
    "test.figures": '{"mdape": 0.13}',
    "data.source": "kaggle",
    "data.fingerprint": "beef",
}


def from_tags(tags: dict[str, str]) -> ModelVersion:
    return ModelVersion.from_tags(tags, name="m", number=3, run_id="r", source="s")


def test_a_version_has_what_its_tags_say() -> None:
    version = from_tags(TAGS)

    assert (version.name, version.version, version.run_id, version.source) == ("m", 3, "r", "s")
    assert (version.bundle_digest, version.test) == ("f00d", {"mdape": 0.13})
    assert (version.data_source, version.dataset_fingerprint) == ("kaggle", "beef")


def test_a_version_without_tags_has_no_figures() -> None:
    version = from_tags({})

    assert (version.bundle_digest, version.test) == ("", {})
    assert (version.data_source, version.dataset_fingerprint) == ("", "")


def test_release_0_1_reads_a_saved_version(tmp_path: Path) -> None:
    path = tmp_path / "version.json"
    from_tags(TAGS).save(path)

    assert list(json.loads(path.read_text())) == [
        "name",
        "version",
        "run_id",
        "source",
        "bundle_digest",
        "test",
    ]
    assert '\n "name": "m",\n' in path.read_text()
    assert ModelVersion.load(path) == from_tags(TAGS)
    assert ModelVersion.load(path).test == {"mdape": 0.13}


def test_a_version_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "version.json"
    path.write_text('{"format": 2}')

    with pytest.raises(FormatUnknown, match=r"version\.json: model version format 2, this release reads 1"):
        ModelVersion.load(path)
