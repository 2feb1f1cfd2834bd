"""A damaged label of the last good version is ignored."""

import json
from pathlib import Path

import pytest

from carvalue.registry.model_version import MODEL_NAME
from carvalue.serving.model.bundle_cache import BundleCache

LABEL = {
    "name": MODEL_NAME,
    "version": 3,
    "run_id": "r",
    "source": "s",
    "bundle_digest": "f00d" * 16,
    "test": {},
}


@pytest.mark.parametrize(
    "damage",
    [
        {"bundle_digest": None},
        {"bundle_digest": {}},
        {"bundle_digest": 1.5},
        {"version": None},
        {"version": "3"},
    ],
)
def test_a_damaged_label_is_ignored(tmp_path: Path, damage: dict[str, object]) -> None:
    (tmp_path / "last_good.json").write_text(json.dumps(LABEL | damage))

    assert list(BundleCache(tmp_path).bundles()) == []
