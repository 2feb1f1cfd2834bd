"""Download raw listings from Kaggle without an account; downloads resume and their checksums are verified."""

import itertools
import logging
import queue
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import kagglehub
from kagglehub.cache import Cache
from kagglehub.exceptions import handle_call
from kagglehub.handle import parse_dataset_handle
from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

from carvalue.files import MEMBER, ZipUnusable, unpack
from carvalue.listings.sources.kaggle_errors import EXPLAINED, KaggleFailed, KaggleUnreachable, explain
from carvalue.listings.sources.kagglehub_client import (
    DownloadProgress,
    cache_in,
    client_with_timeout,
    configured_kagglehub,
)
from carvalue.listings.sources.raw import RawListings, SourceFailed, check_raw_csv

logger = logging.getLogger(__name__)

FIRST_WAIT_S = 1.0  # before the second attempt; doubles with each further attempt
PROBE_TIMEOUT_S = 4.0
PROBE_DEADLINE_S = 8.0  # of the whole probe, because DNS look-ups have no timeout
LOG_EVERY_S = 5.0
CACHE_FOLDER = "kagglehub"


@dataclass(frozen=True, kw_only=True)
class KaggleRequest:
    """The Kaggle data set to download."""

    dataset: str
    """The handle, `owner/name` or `owner/name/versions/N`."""
    timeout_s: float = 30.0
    """The timeout of each HTTP response, in seconds."""


def read_kaggle(
    request: KaggleRequest,
    *,
    into: Path,
    progress: DownloadProgress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> RawListings:
    """Download the data set's vehicles.csv, and check it.

    Each version has its own folder; a version that is already there is not downloaded again.

    Args:
        request: The data set.
        into: The folder of the download cache.
        progress: Called with the progress of the download; None logs it.
        sleep: Waits for the given number of seconds between two attempts.

    Returns:
        The checked CSV and its origin.

    Raises:
        KaggleFailed: Kaggle refused the request or could not be reached, also after retries.
        SourceFailed: The downloaded CSV is empty, is not UTF-8 or has other columns.
    """
    path = _download_with_retries(request, into=into, progress=progress or _LoggedProgress(), sleep=sleep)
    version = path.parent.name
    name = f"vehicles.csv of {request.dataset}, version {version},"
    return RawListings(
        path=path,
        kind="kaggle",
        description=f"Kaggle {request.dataset.partition('/versions/')[0]}, version {version}",
        fingerprint=f"sha256:{check_raw_csv(path, name=name)}",
    )


def probe(request: KaggleRequest, *, deadline_s: float = PROBE_DEADLINE_S) -> SourceFailed | None:
    """Check whether Kaggle answers a request for the data set's metadata.

    Args:
        request: The data set.
        deadline_s: The time limit of the whole check, in seconds.

    Returns:
        The error that a download would meet; None if Kaggle answers.
    """
    answers: queue.SimpleQueue[SourceFailed | None] = queue.SimpleQueue()
    thread = threading.Thread(
        target=lambda: answers.put(_get_metadata(request)), daemon=True, name="kaggle-probe"
    )
    thread.start()
    try:
        return answers.get(timeout=deadline_s)
    except queue.Empty:
        return KaggleUnreachable(f"Kaggle did not answer within {deadline_s:g} seconds.")


def newest_cached(request: KaggleRequest, *, into: Path) -> KaggleRequest | None:
    """Find the newest completely downloaded version of a data set; needs no network.

    Args:
        request: The data set, of any version or of a pinned one.
        into: The folder of the download cache.

    Returns:
        The request pinned to that version; None if the cache has none.
    """
    with cache_in(into / CACHE_FOLDER):
        try:
            handle = parse_dataset_handle(request.dataset)
        except ValueError:
            return None
        for version in _versions_below(Path(Cache().get_path(handle.with_version(None)))):
            pinned = handle.with_version(version)
            if handle.version in {None, version} and Cache().load_from_cache(pinned, MEMBER):
                return replace(request, dataset=str(pinned))
    return None


def _versions_below(folder: Path) -> list[int]:
    names = (path.name for path in folder.glob("versions/*"))
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def _get_metadata(request: KaggleRequest) -> SourceFailed | None:
    query = ApiGetDatasetRequest()
    try:
        handle = parse_dataset_handle(request.dataset)
        query.owner_slug, query.dataset_slug = handle.owner, handle.dataset
        with client_with_timeout(timeout_s=min(PROBE_TIMEOUT_S, request.timeout_s)) as client:
            handle_call(lambda: client.datasets.dataset_api_client.get_dataset(query), handle)
    except EXPLAINED as error:
        return explain(error, dataset=request.dataset)
    return None


def _download_with_retries(
    request: KaggleRequest, *, into: Path, progress: DownloadProgress, sleep: Callable[[float], None]
) -> Path:
    for attempt in itertools.count(1):
        try:
            return _download(request, into=into, progress=progress)
        except KaggleFailed as error:
            if attempt >= error.attempts:
                raise
            wait_s = error.retry_after_s or FIRST_WAIT_S * 2 ** (attempt - 1)
            fields = {"attempt": attempt, "of": error.attempts, "wait_s": wait_s, "reason": error.message}
            logger.warning("the request to Kaggle will be retried", extra=fields)
        sleep(wait_s)
    raise AssertionError("unreachable: count() does not end")


def _download(request: KaggleRequest, *, into: Path, progress: DownloadProgress) -> Path:
    try:
        with configured_kagglehub(timeout_s=request.timeout_s, cache=into / CACHE_FOLDER, progress=progress):
            path = Path(kagglehub.dataset_download(request.dataset, path=MEMBER))
    except EXPLAINED as error:
        raise explain(error, dataset=request.dataset) from error
    return _unpacked(path)


def _unpacked(path: Path) -> Path:
    """Unpack the zip that kagglehub returns as the CSV if an earlier run ended before it was unpacked."""
    if not zipfile.is_zipfile(path):
        return path
    try:
        return unpack(path, into=path)
    except ZipUnusable:
        path.unlink()  # not verified; the next run downloads it again
        raise


class _LoggedProgress:
    """Log the progress of a download every few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last = clock, -LOG_EVERY_S

    def __call__(self, received: int, total: int | None) -> None:
        now = self._clock()
        if now - self._last < LOG_EVERY_S and received != total:
            return
        self._last = now
        fields = {"megabytes": round(received / 1e6, 1), "of": round(total / 1e6, 1) if total else None}
        logger.info("downloading from Kaggle", extra=fields)
