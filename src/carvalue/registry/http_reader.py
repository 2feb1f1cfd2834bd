"""Read versions over MLflow's REST API, without importing MLflow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import httpx
from typing_extensions import override

from carvalue.files import MANIFEST, BundleCorrupt, atomic_folder, bundle_digest, read_bundle
from carvalue.registry.model_version import (
    BUNDLE_PATH,
    CHALLENGER,
    DIGEST_TAG,
    MODEL_NAME,
    PRODUCTION,
    ModelVersion,
    RegistryUnavailable,
)
from carvalue.registry.port import RegistryReader

ALIAS_PATH = "/api/2.0/mlflow/registered-models/alias"
ARTIFACT = "/model-versions/get-artifact"  # works with every artifact store of the server
NOT_FOUND_CODES = {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}  # no such model; no such alias


class HttpRegistryReader(RegistryReader):
    """A client of one MLflow server with a connection pool; use it as a context manager to close it.

    Args:
        tracking_uri: The server's URL.
        timeout_s: The timeout of each request, in seconds.
    """

    def __init__(self, tracking_uri: str, *, timeout_s: float = 5) -> None:
        self._uri = tracking_uri
        self._http = httpx.Client(timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @override
    def champion(self) -> ModelVersion | None:
        return self._by_alias(PRODUCTION)

    @override
    def challenger(self) -> ModelVersion | None:
        return self._by_alias(CHALLENGER)

    @override
    def download(self, version: ModelVersion, *, into: Path) -> Path:
        with atomic_folder(into) as temporary:
            self._fetch(version, temporary)
            check_bundle(version, temporary)
        return into

    def _by_alias(self, alias: str) -> ModelVersion | None:
        response = self._get(ALIAS_PATH, {"name": MODEL_NAME, "alias": alias})
        content = self._object(response)
        if response.status_code >= httpx.codes.BAD_REQUEST and content.get("error_code") in NOT_FOUND_CODES:
            return None
        try:
            return _version(content["model_version"])
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryUnavailable(f"{self._status_line(response)} {response.text[:200]!r}.") from error

    def _fetch(self, version: ModelVersion, folder: Path) -> None:
        manifest = self._artifact(version, MANIFEST)
        (folder / MANIFEST).write_bytes(manifest)
        for name in bundle_files(manifest):
            (folder / name).write_bytes(self._artifact(version, name))

    def _artifact(self, version: ModelVersion, name: str) -> bytes:
        path = f"artifacts/{BUNDLE_PATH}/{name}"
        query = {"name": version.name, "version": str(version.version), "path": path}
        response = self._get(ARTIFACT, query)
        if response.status_code != httpx.codes.OK:
            raise RegistryUnavailable(
                f"{self._status_line(response)} no {path} of version {version.version}."
            )
        return response.content

    def _get(self, path: str, query: Mapping[str, str]) -> httpx.Response:
        try:
            return self._http.get(f"{self._uri}{path}", params=query)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            problem = f"MLflow at MLFLOW_TRACKING_URI={self._uri} does not answer: {str(error).rstrip('.')}."
            raise RegistryUnavailable(problem) from error

    def _object(self, response: httpx.Response) -> dict[str, object]:
        try:
            content = response.json()
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise RegistryUnavailable(f"{self._status_line(response)} a body that is not a JSON object.")
        return content

    def _status_line(self, response: httpx.Response) -> str:
        return f"MLflow at MLFLOW_TRACKING_URI={self._uri} answered {response.status_code} and"


def check_bundle(version: ModelVersion, folder: Path) -> None:
    """Check that a folder contains the complete bundle that was registered as a version.

    Args:
        version: The version.
        folder: The bundle's folder.

    Raises:
        BundleCorrupt: A file is missing or damaged, or the bundle is another one.
        BundleIncompatible: The bundle has another format than this program reads.
    """
    if bundle_digest(folder) != version.bundle_digest:
        raise BundleCorrupt(f"The downloaded bundle is not the one registered as version {version.version}.")
    read_bundle(folder)


def bundle_files(manifest: bytes) -> list[str]:
    """List the file names of a manifest, and check that none of them is a path out of the folder.

    Args:
        manifest: The content of the manifest.

    Returns:
        The names, without the manifest itself.

    Raises:
        BundleCorrupt: The content is not a manifest, or names something else than a file of a bundle.
    """
    try:
        names = list(json.loads(manifest)["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise BundleCorrupt(f"The downloaded {MANIFEST} is not a manifest.") from error
    for name in names:
        if Path(name).name != name:
            raise BundleCorrupt(f"The downloaded {MANIFEST} names {name!r}, which is not a file of a bundle.")
    return names


def _version(content: object) -> ModelVersion:
    if not isinstance(content, dict):
        raise TypeError(type(content).__name__)
    tags = {tag["key"]: tag["value"] for tag in content.get("tags", ())}
    if DIGEST_TAG not in tags:
        raise KeyError(DIGEST_TAG)
    return ModelVersion.from_tags(
        tags,
        name=content["name"],
        number=int(content["version"]),
        run_id=content.get("run_id", ""),
        source=content.get("source", ""),
    )
