"""Two real bundles, learned once: the second asks about a third less."""

from pathlib import Path

import pytest

from bundles import a_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("bundles") / "first")


@pytest.fixture(scope="session")
def cheaper_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("bundles") / "cheaper", cheaper_by=0.3)
