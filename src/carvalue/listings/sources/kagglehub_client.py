"""Configure kagglehub: response timeouts, a progress callback and the cache folder.

kagglehub 1.0 has no parameters for these. By default it waits for a response forever and prints progress bars
to standard error; with KAGGLE_API_ENVIRONMENT=TEST it reads each response, the data set included, into memory
and prints it.
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
"""Called with the bytes received so far and the total number of bytes, None if not known."""


@contextmanager
def configured_kagglehub(*, timeout_s: float, cache: Path, progress: DownloadProgress) -> Iterator[None]:
    """Configure kagglehub for the downloads in the block; the variable KAGGLEHUB_CACHE has precedence.

    Args:
        timeout_s: The timeout of each response, in seconds.
        cache: The folder of the download cache.
        progress: Called with the progress of a download.

    Yields:
        Nothing.
    """
    with ExitStack() as stack:
        stack.enter_context(cache_in(cache))
        stack.enter_context(_level(logging.getLogger("kagglehub"), logging.WARNING))
        stack.enter_context(
            _replaced(http_resolver, "build_kaggle_client", lambda: client_with_timeout(timeout_s=timeout_s))
        )
        stack.enter_context(_replaced(clients, "tqdm", lambda **options: _Meter(progress, **options)))
        yield


@contextmanager
def cache_in(folder: Path) -> Iterator[None]:
    """Set kagglehub's cache folder for the block, unless the variable KAGGLEHUB_CACHE is set.

    Args:
        folder: The folder of the download cache.

    Yields:
        Nothing.
    """
    if CACHE_VARIABLE in os.environ:
        yield
        return
    os.environ[CACHE_VARIABLE] = str(folder)
    try:
        yield
    finally:
        del os.environ[CACHE_VARIABLE]


def client_with_timeout(*, timeout_s: float) -> KaggleClient:
    """Build kagglehub's client, with its credentials, and add a timeout.

    Args:
        timeout_s: The timeout of each response, in seconds.

    Returns:
        The client.
    """
    client = clients.build_kaggle_client()
    http = client.http_client()
    http._verbose = False
    http._init_session()
    http._session.send = partial(http._session.send, timeout=timeout_s)
    return client


class _Meter:
    """Replace kagglehub's progress bar by a callback."""

    def __init__(
        self, progress: DownloadProgress, *, total: int | None = None, initial: int = 0, **_: object
    ) -> None:
        self._progress, self._total, self._received = progress, total, initial

    def __enter__(self) -> Self:
        self._progress(self._received, self._total)
        return self

    def __exit__(self, *_: object) -> None:
        """Report nothing; the caller knows whether the download is complete."""

    def update(self, more: int) -> None:
        self._received += more
        self._progress(self._received, self._total)


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
