"""The version in production, read over MLflow's REST API; light enough for the price service."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from uuid import uuid4

import httpx

from carvalue.files import MANIFEST, BundleCorrupt, bundle_digest, read_bundle
from carvalue.registry.model_version import (
    BUNDLE_PATH,
    DIGEST_TAG,
    MODEL_NAME,
    PRODUCTION,
    TEST_TAG,
    ModelVersion,
    RegistryUnavailable,
)

__all__ = ["ProductionReader", "RegistryUnavailable", "check_bundle"]

ALIAS_PATH = "/api/2.0/mlflow/registered-models/alias"
ARTIFACT = "/model-versions/get-artifact"  # the server fetches from whatever store it keeps artifacts in
NOT_THERE = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}  # no such model; no such alias


class ProductionReader:
    """Asks one MLflow server over connections that are kept; each call takes at most some seconds."""

    def __init__(self, tracking_uri: str, *, timeout_s: float = 5) -> None:
        self._uri = tracking_uri
        self._http = httpx.Client(timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def latest(self, *, alias: str = PRODUCTION) -> ModelVersion | None:
        """Name the version that bears an alias; None where none does.

        Raises:
            RegistryUnavailable: MLflow does not answer, or answers what it should not.
        """
        answer = self._get(ALIAS_PATH, {"name": MODEL_NAME, "alias": alias})
        found = self._object(answer)
        if answer.status_code >= httpx.codes.BAD_REQUEST and found.get("error_code") in NOT_THERE:
            return None
        try:
            return _version(found["model_version"])
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryUnavailable(f"{self._said(answer)} {answer.text[:200]!r}.") from error

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        """Fetch a version's bundle; the folder appears whole and checked, or not at all.

        Raises:
            RegistryUnavailable: MLflow does not answer.
            BundleCorrupt: what came is not what was registered.
        """
        aside = into.with_name(f".{into.name}.{uuid4().hex[:8]}")
        try:
            self._fetch(version, aside)
            check_bundle(version, aside)
            shutil.rmtree(into, ignore_errors=True)
            aside.rename(into)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return into

    def _fetch(self, version: ModelVersion, aside: Path) -> None:
        aside.mkdir(parents=True)
        manifest = self._artifact(version, MANIFEST)
        (aside / MANIFEST).write_bytes(manifest)
        for name in _files(manifest):
            (aside / name).write_bytes(self._artifact(version, name))

    def _artifact(self, version: ModelVersion, name: str) -> bytes:
        path = f"artifacts/{BUNDLE_PATH}/{name}"
        answer = self._get(ARTIFACT, {"name": version.name, "version": str(version.version), "path": path})
        if answer.status_code != httpx.codes.OK:
            raise RegistryUnavailable(f"{self._said(answer)} no {path} of version {version.version}.")
        return answer.content

    def _get(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        try:
            return self._http.get(f"{self._uri}{path}", params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = f"MLflow at MLFLOW_TRACKING_URI={self._uri} does not answer: {error}."
            raise RegistryUnavailable(problem) from error

    def _object(self, answer: httpx.Response) -> dict[str, object]:
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise RegistryUnavailable(f"{self._said(answer)} what is not JSON.")
        return found

    def _said(self, answer: httpx.Response) -> str:
        return f"MLflow at MLFLOW_TRACKING_URI={self._uri} answered {answer.status_code} and"


def check_bundle(version: ModelVersion, folder: Path) -> None:
    """Make sure that a folder holds the bundle that was registered, whole.

    Raises:
        BundleCorrupt: it does not.
        BundleIncompatible: it is of another format than this program reads.
    """
    if bundle_digest(folder) != version.bundle_digest:
        raise BundleCorrupt(f"The bundle that came is not the one registered as version {version.version}.")
    read_bundle(folder)


def _version(found: object) -> ModelVersion:
    if not isinstance(found, dict):
        raise TypeError(type(found).__name__)
    tags = {tag["key"]: tag["value"] for tag in found.get("tags", ())}
    return ModelVersion(
        name=found["name"],
        version=int(found["version"]),
        run_id=found.get("run_id", ""),
        source=found.get("source", ""),
        bundle_digest=tags[DIGEST_TAG],
        test=json.loads(tags.get(TEST_TAG, "{}")),
    )


def _files(manifest: bytes) -> list[str]:
    """List the files; none may lead out of the folder."""
    try:
        names = list(json.loads(manifest)["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise BundleCorrupt(f"The {MANIFEST} that came is no manifest.") from error
    for name in names:
        if Path(name).name != name:
            raise BundleCorrupt(f"The {MANIFEST} that came names {name!r}, which is not a file of a bundle.")
    return names
