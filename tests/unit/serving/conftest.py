"""Two small trained bundles: prices of the second are about a third lower."""

from pathlib import Path

import pytest

from markets import a_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("first"), data_source="sample")


@pytest.fixture(scope="session")
def cheaper_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("cheaper"), price_share=0.7)
