"""Isolate tests from the user's settings and from each other, and turn time limits of property tests off."""

import gc
import os
from collections.abc import Generator, Iterator
from unittest.mock import patch

os.environ["MARKET"] = "us-cars"  # read at the first import of a listing; not the one of the user's .env

import hypothesis
import pytest

from carvalue.settings import Settings
from made_once import made_once

hypothesis.settings.register_profile("carvalue", deadline=None)  # a busy machine is no failure
hypothesis.settings.load_profile("carvalue")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect no garbage while modules are imported, and keep them out of every later collection."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest tests first: `make test` runs two processes side by side."""
    items.sort(key=lambda item: not item.nodeid.startswith("tests/e2e/"))


@pytest.fixture(autouse=True, scope="session")
def what_is_made_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    made_once.begin(tmp_path_factory)


@pytest.fixture(autouse=True)
def bare_environment() -> Iterator[None]:
    """Remove the user's settings, and those that MLflow writes into the environment."""
    with patch.dict(os.environ), patch("carvalue.settings.paths.CHECKOUT", None):  # and its file .env
        for name in Settings.model_fields:
            os.environ.pop(name.upper(), None)
        yield
