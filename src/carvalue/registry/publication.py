"""The version in production as files at a URL, so that it is served without the registry.

Each version has a folder: the bundle, `version.json`, and the signature of both. The file `production.json`
names the folder of the version in production; it is written last.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from carvalue.files import (
    MANIFEST,
    SIGNATURE,
    BundleUntrusted,
    FormatUnknown,
    Objects,
    PublicKey,
    SigningKey,
    StorageUnavailable,
    StoredFormat,
    atomic_folder,
)
from carvalue.registry.http_reader import bundle_files, check_bundle
from carvalue.registry.model_version import VERSION_FORMAT, ModelVersion, RegistryUnavailable
from carvalue.registry.port import RegistryReader

POINTER, VERSION_FILE = "production.json", "version.json"
FORMAT = StoredFormat(kind="publication")
FOLDER_NAME = re.compile(r"\d{1,18}-[0-9a-f]{12}")  # see `folder_name`


class PublicationUnavailable(RegistryUnavailable):
    """The place of the published bundles does not answer, or holds something else."""

    hint = "Check BUNDLE_URL, the network, and the permissions of this machine's role."


class Publication:
    """Published versions, to write to.

    Args:
        objects: Where they are.
        key: The key that signs them; None to publish without signatures.
    """

    def __init__(self, objects: Objects, *, key: SigningKey | None) -> None:
        self._objects, self._key = objects, key

    def publish(self, version: ModelVersion, bundle: Path) -> None:
        """Publish a version as the one in production; idempotent.

        Args:
            version: The version.
            bundle: The folder of its bundle.

        Raises:
            StorageUnavailable: The storage does not answer; readers keep the earlier version.
        """
        with TemporaryDirectory() as folder:
            version.save(Path(folder) / VERSION_FILE)
            files = {VERSION_FILE: (Path(folder) / VERSION_FILE).read_bytes()}
        manifest = (bundle / MANIFEST).read_bytes()
        files |= {name: (bundle / name).read_bytes() for name in (MANIFEST, *bundle_files(manifest))}
        name = folder_name(version)
        for file, content in files.items():
            self._objects.write(f"{name}/{file}", content)
        if self._key:
            self._objects.write(f"{name}/{SIGNATURE}", self._key.sign(files, name=name))
        self._objects.write(POINTER, FORMAT.encode({"folder": name}))


class PublishedReader:
    """Reads the published version in production; a `RegistryReader`.

    Args:
        objects: Where the published versions are.
        key: The key that verifies signatures; None to check checksums only.
        unsigned: Whether a version without a signature is refused.
        registry: Opens the registry, which knows the challenger; called only when that is asked for.
    """

    def __init__(
        self,
        objects: Objects,
        *,
        key: PublicKey | None,
        unsigned: Literal["refuse", "accept"],
        registry: Callable[[], RegistryReader],
    ) -> None:
        self._objects, self._key, self._registry = objects, key, registry
        self._refuses_unsigned = unsigned == "refuse"
        self._challenger: ModelVersion | None = None

    def champion(self) -> ModelVersion | None:
        """Find the version in production.

        Returns:
            The version; None if none was published. Its signature is verified by `download`.

        Raises:
            PublicationUnavailable: The storage does not answer, or does not hold published versions.
        """
        try:
            pointer = self._objects.read(POINTER)
            if pointer is None:
                return None
            return self._version_in(str(FORMAT.load(pointer, source=POINTER)["folder"]))
        except StorageUnavailable as error:
            raise PublicationUnavailable(error.message) from error
        except (ValueError, KeyError, TypeError, RecursionError, BundleUntrusted, FormatUnknown) as error:
            raise PublicationUnavailable(
                f"{self._objects.url} does not name a published version: {error}."
            ) from error

    def challenger(self) -> ModelVersion | None:
        """Find the version in shadow mode, in the registry.

        Returns:
            The version; None if there is none.

        Raises:
            RegistryUnavailable: The registry does not answer.
        """
        self._challenger = self._registry().challenger()
        return self._challenger

    def download(self, version: ModelVersion, *, into: Path) -> Path:
        """Download a version's bundle and verify its signature and its checksums.

        Args:
            version: The version that `champion` or `challenger` returned.
            into: The folder to write; an existing one is replaced.

        Returns:
            The folder `into`.

        Raises:
            PublicationUnavailable: The storage does not answer.
            BundleUntrusted: The signature is missing, was made with another key, or does not fit the files.
            BundleCorrupt: The bundle is damaged, or another one.
            BundleIncompatible: The bundle has another format than this program reads.
        """
        if version == self._challenger:
            return self._registry().download(version, into=into)
        try:
            with atomic_folder(into) as temporary:
                for name, content in self._verified_files(version).items():
                    (temporary / name).write_bytes(content)
                check_bundle(version, temporary)
        except StorageUnavailable as error:
            raise PublicationUnavailable(error.message) from error
        return into

    def _version_in(self, folder: str) -> ModelVersion:
        if not FOLDER_NAME.fullmatch(folder):
            raise ValueError(f"{folder!r} is not the folder of a version")
        fields = VERSION_FORMAT.load(self._read(folder, VERSION_FILE), source=f"{folder}/{VERSION_FILE}")
        version = ModelVersion(**fields)
        if folder_name(version) != folder:
            raise ValueError(f"{folder} holds the version {folder_name(version)}")
        return version

    def _verified_files(self, version: ModelVersion) -> Mapping[str, bytes]:
        """Read the files of a bundle; all of them, and the version, are those that were signed."""
        folder = folder_name(version)
        signed = self._signed_checksums(folder)
        manifest = self._read(folder, MANIFEST)
        files = {name: self._read(folder, name) for name in (VERSION_FILE, *bundle_files(manifest))}
        files[MANIFEST] = manifest
        if signed is not None:
            for name, content in files.items():
                if hashlib.sha256(content).hexdigest() != signed.get(name):
                    raise BundleUntrusted(
                        f"{self._objects.url}/{folder}/{name} is not the file that was signed."
                    )
        del files[VERSION_FILE]
        return files

    def _signed_checksums(self, folder: str) -> Mapping[str, str] | None:
        signature = self._objects.read(f"{folder}/{SIGNATURE}")
        if signature is None and self._refuses_unsigned:
            raise BundleUntrusted(f"{self._objects.url}/{folder} has no signature.")
        if signature is None or self._key is None:
            return None
        return self._key.verify(signature)

    def _read(self, folder: str, name: str) -> bytes:
        content = self._objects.read(f"{folder}/{name}")
        if content is None:
            raise BundleUntrusted(f"{self._objects.url}/{folder} has no file {name}.")
        return content


def folder_name(version: ModelVersion) -> str:
    """Name the folder of a version. The digest distinguishes registries that both count from 1.

    Args:
        version: The version.

    Returns:
        The number and the beginning of the digest.
    """
    return f"{version.version}-{version.bundle_digest[:12]}"
