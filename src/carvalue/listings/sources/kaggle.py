"""Raw listings from Kaggle: public data without an account, resumed where a download broke off, verified."""

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

FIRST_WAIT_S = 1.0  # before the second attempt; doubled before each further one
PROBE_TIMEOUT_S = 4.0
PROBE_DEADLINE_S = 8.0  # name look-ups know no time limit of ours, so the whole probe has one
LOG_EVERY_S = 5.0
CACHE_FOLDER = "kagglehub"


@dataclass(frozen=True, kw_only=True)
class KaggleRequest:
    """Which data set to ask for (owner/name, or owner/name/versions/N), and how patiently."""

    dataset: str
    timeout_s: float = 30.0


def read_kaggle(
    request: KaggleRequest,
    *,
    into: Path,
    progress: DownloadProgress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> RawListings:
    """Download the data set's vehicles.csv to a folder of its version below `into`, and check it.

    A version that is already there is not downloaded again; versions never overwrite each other.

    Raises:
        KaggleFailed: says what Kaggle answered and what to do; has been retried where that can help.
        SourceFailed: the CSV came whole, but is empty, not UTF-8 or has other columns.
    """
    path = _download_patiently(request, into=into, progress=progress or _LoggedProgress(), sleep=sleep)
    version = path.parent.name
    name = f"vehicles.csv of {request.dataset}, version {version},"
    return RawListings(
        path=path,
        kind="kaggle",
        description=f"Kaggle {request.dataset.partition('/versions/')[0]}, version {version}",
        fingerprint=f"sha256:{check_raw_csv(path, name=name)}",
    )


def probe(request: KaggleRequest, *, deadline_s: float = PROBE_DEADLINE_S) -> SourceFailed | None:
    """Ask whether Kaggle would answer; return why not, after `deadline_s` seconds at most."""
    answers: queue.SimpleQueue[SourceFailed | None] = queue.SimpleQueue()
    asking = threading.Thread(target=lambda: answers.put(_ask(request)), daemon=True, name="kaggle-probe")
    asking.start()
    try:
        return answers.get(timeout=deadline_s)
    except queue.Empty:
        return KaggleUnreachable(f"Kaggle did not answer within {deadline_s:g} seconds.")


def newest_cached(request: KaggleRequest, *, into: Path) -> KaggleRequest | None:
    """Pin the newest version that an earlier run has brought whole, of the asked ones; needs no network."""
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
    names = (found.name for found in folder.glob("versions/*"))
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def _ask(request: KaggleRequest) -> SourceFailed | None:
    wanted = ApiGetDatasetRequest()
    try:
        handle = parse_dataset_handle(request.dataset)
        wanted.owner_slug, wanted.dataset_slug = handle.owner, handle.dataset
        with client_with_timeout(timeout_s=min(PROBE_TIMEOUT_S, request.timeout_s)) as client:
            handle_call(lambda: client.datasets.dataset_api_client.get_dataset(wanted), handle)
    except EXPLAINED as error:
        return explain(error, dataset=request.dataset)
    return None


def _download_patiently(
    request: KaggleRequest, *, into: Path, progress: DownloadProgress, sleep: Callable[[float], None]
) -> Path:
    for attempt in itertools.count(1):
        try:
            return _download(request, into=into, progress=progress)
        except KaggleFailed as error:
            if attempt >= error.attempts:
                raise
            wait_s = error.retry_after_s or FIRST_WAIT_S * 2 ** (attempt - 1)
            told = {"attempt": attempt, "of": error.attempts, "wait_s": wait_s, "reason": error.message}
            logger.warning("Kaggle will be asked again", extra=told)
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
    """Unpack what kagglehub hands out as the table after it was ended before it could unpack."""
    if not zipfile.is_zipfile(path):
        return path
    try:
        return unpack(path, into=path)
    except ZipUnusable:
        path.unlink()  # never verified; without it the next run downloads afresh
        raise


class _LoggedProgress:
    """Log how far the download is, every few seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._last = clock, -LOG_EVERY_S

    def __call__(self, here: int, total: int | None) -> None:
        now = self._clock()
        if now - self._last < LOG_EVERY_S and here != total:
            return
        self._last = now
        told = {"megabytes": round(here / 1e6, 1), "of": round(total / 1e6, 1) if total else None}
        logger.info("downloading from Kaggle", extra=told)
