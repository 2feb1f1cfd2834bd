"""kagglehub made patient and quiet: time limits, progress to a callback, a cache folder of our choice.

kagglehub 1.0 has no parameter for any of these. What it does without this module: an answer that never
comes is waited for without end, progress bars go to standard error, and with KAGGLE_API_ENVIRONMENT=TEST
each answer is read into memory and printed, the data set too.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Self

from kagglehub import clients, http_resolver
from kagglesdk.kaggle_client import KaggleClient

CACHE_VARIABLE = "KAGGLEHUB_CACHE"

DownloadProgress = Callable[[int, int | None], None]
"""Called with the bytes that are here and the bytes there will be, where Kaggle says so."""


@contextmanager
def configured_kagglehub(*, timeout_s: float, cache: Path, progress: DownloadProgress) -> Iterator[None]:
    """Tune kagglehub for the downloads inside; a KAGGLEHUB_CACHE of the user's own stays in force."""
    with ExitStack() as stack:
        stack.enter_context(cache_in(cache))
        stack.enter_context(_level(logging.getLogger("kagglehub"), logging.WARNING))
        stack.enter_context(
            _replaced(http_resolver, "build_kaggle_client", lambda: client_with_timeout(timeout_s=timeout_s))
        )
        stack.enter_context(_replaced(clients, "tqdm", lambda **told: _Meter(progress, **told)))
        yield


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    """Let kagglehub keep its files in `folder`, unless the user has named another."""
    if CACHE_VARIABLE in os.environ:
        yield
        return
    os.environ[CACHE_VARIABLE] = str(folder)
    try:
        yield
    finally:
        del os.environ[CACHE_VARIABLE]


def client_with_timeout(*, timeout_s: float) -> KaggleClient:
    """Make kagglehub's own client, credentials and all, with a time limit on each answer."""
    client = clients.build_kaggle_client()
    http = client.http_client()
    http._verbose = False
    http._init_session()
    http._session.send = partial(http._session.send, timeout=timeout_s)
    return client


class _Meter:
    """Stand where kagglehub puts its progress bar, and tell the callback instead."""

    def __init__(
        self, progress: DownloadProgress, *, total: int | None = None, initial: int = 0, **_: object
    ) -> None:
        self._progress, self._total, self._here = progress, total, initial

    def __enter__(self) -> Self:
        self._progress(self._here, self._total)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last word to whoever knows whether the download is whole."""

    def update(self, more: int) -> None:
        self._here += more
        self._progress(self._here, self._total)


@contextmanager
def _level(library: logging.Logger, level: int) -> Iterator[None]:
    before = library.level
    library.setLevel(level)
    try:
        yield
    finally:
        library.setLevel(before)


@contextmanager
def _replaced(module: ModuleType, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)
