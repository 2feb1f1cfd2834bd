"""Format versions of stored objects, and the errors for formats that this release cannot read.

A stored object has the field `format`, a whole number that is raised whenever an older release would misread
it. Each release reads the formats of the last two releases. Without the field, an object has format 1.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from carvalue.errors import AppError
from carvalue.files.atomic import atomic_write

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Converts the fields of a stored object to those of the next format."""


class FormatUnknown(AppError):
    """A stored object has a format that this release cannot read.

    Args:
        source: The file.
        cause: What was found and what is read, without the file's name; for readers who may not see paths.
    """

    status: ClassVar[int] = 500
    hint: ClassVar[str] = "Install the release that wrote it, or a later one."

    def __init__(self, source: object, *, cause: str) -> None:
        super().__init__(f"{source}: {cause}.")
        self.cause = cause


@dataclass(frozen=True, kw_only=True)
class StoredFormat:
    """The format of one kind of stored object, a JSON object.

    Attributes:
        kind: What is stored, for messages.
        version: The format that this release writes.
        upgrades: For each older format that this release reads, the conversion to the next one.

    Example:
        >>> cursors = StoredFormat(
        ...     kind="cursor", version=2, upgrades={1: lambda fields: {"at": fields["position"]}}
        ... )
        >>> cursors.load('{"position": 7}', source="cursor.json")
        {'at': 7}
        >>> cursors.load('{"format": 3}', source="cursor.json")
        Traceback (most recent call last):
        ...
        carvalue.files.formats.FormatUnknown: cursor.json: cursor format 3, this release reads 1-2. ...
    """

    kind: str
    version: int = 1
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)

    def encode(self, fields: Mapping[str, Any]) -> bytes:
        """Encode an object in the present format.

        Args:
            fields: Its fields.

        Returns:
            JSON with the field `format` first.
        """
        return json.dumps({"format": self.version, **fields}, indent=1).encode()

    def write(self, path: Path, fields: Mapping[str, Any]) -> None:
        """Write an object to a file, atomically.

        Args:
            path: The file; its folder is created if needed.
            fields: Its fields.
        """
        with atomic_write(path) as temporary:
            temporary.write_bytes(self.encode(fields))

    def read(self, path: Path) -> dict[str, Any]:
        """Read what `write` wrote.

        Args:
            path: The file.

        Returns:
            The fields of the present format.

        Raises:
            FileNotFoundError: There is no such file.
            FormatUnknown: The format is newer, or too old.
            ValueError: The file is damaged.
        """
        return self.load(path.read_bytes(), source=path)

    def load(self, text: str | bytes, *, source: object) -> dict[str, Any]:
        """Read an object in any format that this release knows.

        Args:
            text: The content of a file that this or an older release wrote.
            source: The file, for messages.

        Returns:
            The fields of the present format, without `format`.

        Raises:
            FormatUnknown: The format is newer, or too old.
            ValueError: The text is not a JSON object.
        """
        content: dict[str, Any] = json.loads(text)
        if not isinstance(content, dict):
            raise ValueError(f"{source} is not a JSON object")  # noqa: TRY004  # like text that is no JSON
        stored_format = content.pop("format", 1)
        oldest = min((*self.upgrades, self.version))
        check_format(stored_format, kind=self.kind, source=source, oldest=oldest, newest=self.version)
        for version in range(stored_format, self.version):
            content = self.upgrades[version](content)
        return content


def check_format(found: object, *, kind: str, source: object, oldest: int, newest: int) -> None:
    """Check that this release reads a format.

    Args:
        found: The format of a stored object.
        kind: What is stored, for the message.
        source: The file, for the message.
        oldest: The oldest format that this release reads.
        newest: The newest one.

    Raises:
        FormatUnknown: It does not.
    """
    if not isinstance(found, int) or not oldest <= found <= newest:
        known = f"{newest}" if oldest == newest else f"{oldest}-{newest}"
        raise FormatUnknown(source, cause=f"{kind} format {found}, this release reads {known}")
