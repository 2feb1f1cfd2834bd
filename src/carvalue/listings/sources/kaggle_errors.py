"""What can go wrong with Kaggle, in the reader's words: what happened, what to do, whether to ask again."""

import json
import zipfile
import zlib
from typing import ClassVar

import requests
from kagglehub.exceptions import DataCorruptionError

from carvalue.listings.sources.raw import SourceFailed

_OR_SAMPLE = "or set DATA_SOURCE to a .csv or .zip of your own, or to sample."
LONGEST_WAIT_S = 60.0


class KaggleFailed(SourceFailed):
    """Kaggle did not give the data set."""

    hint: ClassVar[str] = f"Look at the data set's page on kaggle.com, {_OR_SAMPLE}"
    attempts: ClassVar[int] = 1  # how often it is worth asking in all

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class KaggleForbidden(KaggleFailed):
    """401 or 403."""

    hint = (
        "Public data needs no account: unset wrong credentials (KAGGLE_API_TOKEN, KAGGLE_USERNAME and "
        "KAGGLE_KEY, ~/.kaggle), or give valid ones and accept the data set's terms on kaggle.com, "
        f"{_OR_SAMPLE}"
    )


class KaggleNotFound(KaggleFailed):
    """404."""

    hint = f"Check KAGGLE_DATASET (owner/name, or owner/name/versions/N), {_OR_SAMPLE}"


class KaggleBusy(KaggleFailed):
    """429."""

    status = 429
    hint = f"Try again later; an account's own KAGGLE_API_TOKEN has a higher limit, {_OR_SAMPLE}"
    attempts = 4


class KaggleDown(KaggleFailed):
    """5xx."""

    status = 502
    hint = f"Try again later, {_OR_SAMPLE}"
    attempts = 4


class KaggleUnreachable(KaggleFailed):
    """No connection, or no answer in time."""

    status = 504
    hint = (
        "Check the network, or raise KAGGLE_TIMEOUT_S; a version that is already here works offline when "
        f"KAGGLE_DATASET pins it (owner/name/versions/N), {_OR_SAMPLE}"
    )
    attempts = 3


class KaggleInterrupted(KaggleFailed):
    """The connection broke in the middle."""

    status = 502
    hint = f"Run again: the download goes on where it stopped, {_OR_SAMPLE}"
    attempts = 5


class KaggleCorrupt(KaggleFailed):
    """What came is not what Kaggle says it sent."""

    status = 502
    hint = f"Run again, and look for a proxy that alters downloads, {_OR_SAMPLE}"
    attempts = 2  # once more, from the first byte


class KaggleArchiveUnusable(KaggleFailed):
    """The data set came, and the table is not in it."""


EXPLAINED = (
    requests.RequestException,
    DataCorruptionError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
)
"""What kagglehub raises when something outside this program goes wrong."""


def explain(error: Exception, *, dataset: str) -> KaggleFailed:
    """Translate one of `EXPLAINED`."""
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _refusal(error.response, dataset=dataset)
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return KaggleInterrupted(f"The download of {dataset} broke off.")
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return KaggleUnreachable(f"Kaggle did not answer in time when asked for {dataset}.")
    if isinstance(error, json.JSONDecodeError):
        return KaggleUnreachable(f"Something answered in Kaggle's place when asked for {dataset}.")
    if isinstance(error, requests.RequestException):
        return KaggleUnreachable(f"Kaggle cannot be reached for {dataset}: {_root_of(error)}.")
    if isinstance(error, DataCorruptionError):
        return KaggleCorrupt(f"The download of {dataset} has another checksum than Kaggle's.")
    if isinstance(error, KeyError | zipfile.BadZipFile | zlib.error):
        return KaggleArchiveUnusable(f"The download of {dataset} cannot be unpacked: {error.args[0]}.")
    return KaggleFailed(f"kagglehub refused {dataset}: {error}.")


def _refusal(response: requests.Response, *, dataset: str) -> KaggleFailed:
    status = _status(response)
    if status in {401, 403}:
        return KaggleForbidden(f"Kaggle refuses {dataset} (status {status}).")
    if status == 404:
        return KaggleNotFound(f"Kaggle has no {dataset}, or no vehicles.csv in it (status 404).")
    if status == 429:
        wait = _retry_after_s(response)
        return KaggleBusy("Kaggle asks to wait: too many requests (status 429).", retry_after_s=wait)
    if status >= 500:
        return KaggleDown(f"Kaggle has a fault of its own (status {status}).")
    return KaggleFailed(f"Kaggle answered {dataset} with status {status}.")


def _status(response: requests.Response) -> int:
    """Read the status; Kaggle also sends errors as JSON under status 200."""
    if response.status_code >= 400:
        return response.status_code
    return int(response.json().get("code", response.status_code))


def _retry_after_s(response: requests.Response) -> float | None:
    told = response.headers.get("Retry-After", "")
    return min(float(told), LONGEST_WAIT_S) if told.isdigit() else None


def _root_of(error: BaseException) -> str:
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return str(_root_of(reason) if isinstance(reason, BaseException) else error)[-200:].strip()
