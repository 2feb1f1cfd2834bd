"""Every test starts with no setting in the environment, and leaves the environment as it was."""

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from carvalue.settings import Settings


@pytest.fixture(autouse=True)
def bare_environment() -> Iterator[None]:
    """Forget the settings of whoever runs the tests, and those that MLflow writes into the environment."""
    with patch.dict(os.environ):
        for name in Settings.model_fields:
            os.environ.pop(name.upper(), None)
        yield
