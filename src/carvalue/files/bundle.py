"""A bundle on disk: a folder of named files with a manifest of their checksums, replaced as a whole."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from carvalue.errors import AppError

FORMAT = 5  # raised whenever an older reader would misread the files
MANIFEST = "MANIFEST.json"


class BundleCorrupt(AppError):
    """A file of the bundle is missing or is not the file that was written."""

    status = 500
    hint = (
        "Delete the folder and fetch the version again, or train anew with `carvalue run initial_model_dag`."
    )


class BundleIncompatible(AppError):
    """The bundle is whole, but this program cannot price with it."""

    status = 500
    hint = "Use the program version that its card names, or train anew with `carvalue run initial_model_dag`."


def write_bundle(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files and their manifest aside, then put the folder in its place."""
    aside = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    aside.mkdir(parents=True)
    for name, content in files.items():
        (aside / name).write_bytes(content)
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    (aside / MANIFEST).write_bytes(json_bytes({"format": FORMAT, "sha256": checksums}))
    _replace(folder, aside)


def read_bundle(folder: Path) -> dict[str, bytes]:
    """Read every file that the manifest names.

    Raises:
        BundleCorrupt: names the file that is missing or has another checksum.
        BundleIncompatible: the bundle is of another format.
    """
    manifest = read_json(_read(folder, MANIFEST), name=MANIFEST, folder=folder)
    if manifest.get("format") != FORMAT:
        raise BundleIncompatible(
            f"{folder}: bundle format {manifest.get('format')}, this program reads {FORMAT}."
        )
    return {name: _checked(folder, name, sha256) for name, sha256 in manifest["sha256"].items()}


def bundle_digest(folder: Path) -> str:
    """Name a bundle by its content: the checksum of its manifest.

    Raises:
        BundleCorrupt: there is no manifest.
    """
    return hashlib.sha256(_read(folder, MANIFEST)).hexdigest()


def json_bytes(value: object) -> bytes:
    """Write JSON, the same bytes for the same value."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False).encode()


def read_json(content: bytes, *, name: str, folder: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        BundleCorrupt: the file holds something else.
    """
    try:
        value = json.loads(content)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BundleCorrupt(f"{folder / name} is not a JSON object.")
    return value


def _checked(folder: Path, name: str, sha256: str) -> bytes:
    content = _read(folder, name)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BundleCorrupt(f"{folder / name} does not have the checksum that {MANIFEST} gives.")
    return content


def _read(folder: Path, name: str) -> bytes:
    if Path(name).name != name:
        raise BundleCorrupt(f"{folder / MANIFEST} names {name!r}, which is not a file of the bundle.")
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BundleCorrupt(f"{folder / name} cannot be read ({error.strerror}).") from error


def _replace(folder: Path, aside: Path) -> None:
    """Rename into place; a folder cannot be renamed over, so the old one steps aside first."""
    old = folder.with_name(f".{folder.name}.old.{uuid4().hex[:8]}")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
