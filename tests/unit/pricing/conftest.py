"""One small real model for the whole folder."""

from pathlib import Path

import pytest

from carvalue.pricing.model import PriceModel
from markets import a_bundle


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_bundle(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="session")
def model(bundle: Path) -> PriceModel:
    return PriceModel.load(bundle)
