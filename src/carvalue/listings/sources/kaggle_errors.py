"""Errors of downloads from Kaggle: what happened, what to do, and how often to retry."""

import json
import zipfile
import zlib
from typing import ClassVar

import requests
from kagglehub.exceptions import DataCorruptionError

from carvalue.listings.sources.raw import SourceFailed

_OR_SAMPLE = "or set DATA_SOURCE to a .csv or .zip of your own, or to sample."
MAX_WAIT_S = 60.0


class KaggleFailed(SourceFailed):
    """The data set could not be downloaded from Kaggle.

    Args:
        message: What happened.
        retry_after_s: How long to wait before the next attempt, in seconds; None if Kaggle does not say.
    """

    hint: ClassVar[str] = f"Look at the data set's page on kaggle.com, {_OR_SAMPLE}"
    attempts: ClassVar[int] = 1  # the maximum number of attempts

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class KaggleForbidden(KaggleFailed):
    """Kaggle refuses access (status 401 or 403)."""

    hint = (
        "Public data needs no account: unset wrong credentials (KAGGLE_API_TOKEN, KAGGLE_USERNAME and "
        "KAGGLE_KEY, ~/.kaggle), or give valid ones and accept the data set's terms on kaggle.com, "
        f"{_OR_SAMPLE}"
    )


class KaggleNotFound(KaggleFailed):
    """Kaggle does not have the data set, or it has no vehicles.csv (status 404)."""

    hint = f"Check KAGGLE_DATASET (owner/name, or owner/name/versions/N), {_OR_SAMPLE}"


class KaggleBusy(KaggleFailed):
    """Kaggle limits the rate of requests (status 429)."""

    status = 429
    hint = f"Try again later; an account's own KAGGLE_API_TOKEN has a higher limit, {_OR_SAMPLE}"
    attempts = 4


class KaggleDown(KaggleFailed):
    """Kaggle has an internal error (status 500 or higher)."""

    status = 502
    hint = f"Try again later, {_OR_SAMPLE}"
    attempts = 4


class KaggleUnreachable(KaggleFailed):
    """Kaggle cannot be reached, or does not answer in time."""

    status = 504
    hint = (
        "Check the network, or raise KAGGLE_TIMEOUT_S; a version that is already here works offline when "
        f"KAGGLE_DATASET pins it (owner/name/versions/N), {_OR_SAMPLE}"
    )
    attempts = 3


class KaggleInterrupted(KaggleFailed):
    """The connection was lost during the download."""

    status = 502
    hint = f"Run again: the download continues where it stopped, {_OR_SAMPLE}"
    attempts = 5


class KaggleCorrupt(KaggleFailed):
    """The checksum of the downloaded file differs from the one that Kaggle sent."""

    status = 502
    hint = f"Run again, and look for a proxy that alters downloads, {_OR_SAMPLE}"
    attempts = 2  # the second one starts from the first byte


class KaggleArchiveUnusable(KaggleFailed):
    """The downloaded archive is damaged, or does not contain vehicles.csv."""


EXPLAINED = (
    requests.RequestException,
    DataCorruptionError,
    KeyError,
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
)
"""Errors that kagglehub raises for causes outside of this program."""


def explain(error: Exception, *, dataset: str) -> KaggleFailed:
    """Translate an error of kagglehub into one with a message and a hint.

    Args:
        error: An error of one of the types `EXPLAINED`.
        dataset: The handle of the data set.

    Returns:
        The error to raise instead.
    """
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return _refusal(error.response, dataset=dataset)
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return KaggleInterrupted(f"The download of {dataset} broke off.")
    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return KaggleUnreachable(f"Kaggle did not answer in time when asked for {dataset}.")
    if isinstance(error, json.JSONDecodeError):
        return KaggleUnreachable(
            f"The answer to the request for {dataset} is not from Kaggle: it is not JSON."
        )
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
        return KaggleBusy(
            "Kaggle refuses further requests for now: too many requests (status 429).", retry_after_s=wait
        )
    if status >= 500:
        return KaggleDown(f"Kaggle has an internal error (status {status}).")
    return KaggleFailed(f"Kaggle answered {dataset} with status {status}.")


def _status(response: requests.Response) -> int:
    """Read the status; Kaggle also sends errors as JSON with the HTTP status 200."""
    if response.status_code >= 400:
        return response.status_code
    return int(response.json().get("code", response.status_code))


def _retry_after_s(response: requests.Response) -> float | None:
    seconds = response.headers.get("Retry-After", "")
    return min(float(seconds), MAX_WAIT_S) if seconds.isdigit() else None


def _root_of(error: BaseException) -> str:
    while error.args and isinstance(error.args[0], BaseException):
        error = error.args[0]
    reason = getattr(error, "reason", None)
    return str(_root_of(reason) if isinstance(reason, BaseException) else error)[-200:].strip()
