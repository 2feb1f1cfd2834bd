"""Bundles on disk: a folder of files with a manifest of their SHA-256 checksums, replaced as a whole."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carvalue.errors import AppError
from carvalue.files.atomic import atomic_folder
from carvalue.files.formats import FormatUnknown, check_format

FORMAT = 5  # raised whenever an older reader would misread the files
OLDEST_FORMAT = 5  # written by release 0.1
MANIFEST = "MANIFEST.json"
"""The file of a bundle that lists its format and the checksum of every other file."""


class BundleCorrupt(AppError):
    """A file of the bundle is missing, or its checksum differs from the manifest's."""

    status = 500
    hint = (
        "Delete the folder and fetch the version again, or train anew with `carvalue run initial_model_dag`."
    )


class BundleIncompatible(AppError):
    """The bundle is undamaged, but this version of the program cannot read it."""

    status = 500
    hint = "Use the program version that its card names, or train anew with `carvalue run initial_model_dag`."


class BundleFormatUnknown(FormatUnknown, BundleIncompatible):
    """The bundle has a format that this release cannot read."""

    hint = "Install a release that reads it, or train anew with `make build AGAIN=1` or `carvalue retrain`."


def write_bundle(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files and their manifest to a folder, atomically.

    Args:
        folder: The bundle's folder; an existing one is replaced.
        files: File name to content.

    Example:
        >>> from pathlib import Path
        >>> write_bundle(Path("bundle"), {"card.json": b"{}"})
        >>> sorted(path.name for path in Path("bundle").iterdir())
        ['MANIFEST.json', 'card.json']
    """
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    with atomic_folder(folder) as temporary:
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        (temporary / MANIFEST).write_bytes(json_bytes({"format": FORMAT, "sha256": checksums}))


def read_bundle(folder: Path) -> dict[str, bytes]:
    """Read every file that the manifest lists, and verify its checksum.

    Args:
        folder: The bundle's folder.

    Returns:
        File name to content, without the manifest.

    Raises:
        BundleCorrupt: A file is missing, or its checksum differs from the manifest's.
        BundleFormatUnknown: The bundle has a format that this release cannot read.

    Example:
        >>> from pathlib import Path
        >>> write_bundle(Path("bundle"), {"card.json": b"{}"})
        >>> read_bundle(Path("bundle"))
        {'card.json': b'{}'}
        >>> _ = Path("bundle", "card.json").write_bytes(b"[]")
        >>> read_bundle(Path("bundle"))
        Traceback (most recent call last):
        ...
        carvalue.files.bundle.BundleCorrupt: bundle/card.json does not have the checksum ...
    """
    manifest = read_json(_read(folder, MANIFEST), name=MANIFEST, folder=folder)
    try:
        check_format(
            manifest.get("format"), kind="bundle", source=folder, oldest=OLDEST_FORMAT, newest=FORMAT
        )
    except FormatUnknown as error:
        raise BundleFormatUnknown(folder, cause=error.cause) from None
    checksums = manifest.get("sha256")
    if not isinstance(checksums, dict):
        raise BundleCorrupt(f"{folder / MANIFEST} lists no checksums.")
    return {name: _checked(folder, name, sha256) for name, sha256 in checksums.items()}


def bundle_digest(folder: Path) -> str:
    """Identify a bundle by its content: hash its manifest, which contains the checksum of every file.

    Args:
        folder: The bundle's folder.

    Returns:
        The SHA-256 of the manifest, as 64 hexadecimal digits.

    Raises:
        BundleCorrupt: There is no manifest.
    """
    return hashlib.sha256(_read(folder, MANIFEST)).hexdigest()


def json_bytes(value: object) -> bytes:
    r"""Encode a value as JSON with sorted keys, so that equal values give equal bytes.

    Args:
        value: A value that the `json` module can encode, without NaN or infinity.

    Returns:
        JSON in UTF-8, indented by one space.

    Example:
        >>> json_bytes({"b": 1, "a": 2})
        b'{\n "a": 2,\n "b": 1\n}'
    """
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False).encode()


def read_json(content: bytes, *, name: str, folder: Path) -> dict[str, Any]:
    """Parse a file of a bundle as a JSON object.

    Args:
        content: The file's content.
        name: The file's name in error messages.
        folder: The bundle's folder in error messages.

    Returns:
        The parsed object.

    Raises:
        BundleCorrupt: The content is not a JSON object.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
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
    except ValueError as error:  # no file can have this name
        raise BundleCorrupt(f"{folder / MANIFEST} names {name!r}, which no file can have.") from error
