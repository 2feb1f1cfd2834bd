"""Report files: a frozen dataclass stored as JSON, so that a later step can read an earlier step's result."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from carvalue.errors import AppError
from carvalue.files.atomic import atomic_write
from carvalue.files.formats import FormatUnknown, check_format

Report = TypeVar("Report")

FORMAT = 1  # of all report files, raised whenever an older release would misread one


class ArtifactUnreadable(AppError):
    """A report file is missing or damaged."""

    status, hint = 409, "Run the step that writes it again."


def write_artifact(report: object, path: Path) -> None:
    """Write a dataclass as JSON, atomically.

    Args:
        report: A dataclass instance whose fields Pydantic can serialize.
        path: The file to write.

    Example:
        >>> from dataclasses import dataclass
        >>> from pathlib import Path
        >>> @dataclass(frozen=True)
        ... class RowCount:
        ...     kept: int
        >>> write_artifact(RowCount(kept=3), Path("rows.json"))
        >>> print(Path("rows.json").read_text())
        {
          "format": 1,
          "kept": 3
        }
    """
    with atomic_write(path) as temporary:
        fields = TypeAdapter(type(report)).dump_python(report, mode="json")
        temporary.write_text(json.dumps({"format": FORMAT, **fields}, ensure_ascii=False, indent=2))


def read_artifact(kind: type[Report], path: Path) -> Report:
    """Read a dataclass that `write_artifact` wrote, and validate its fields.

    Args:
        kind: The dataclass to read.
        path: The JSON file.

    Returns:
        An instance of `kind`.

    Raises:
        ArtifactUnreadable: The file is missing, has an unknown format, or does not match the fields of
            `kind`.

    Example:
        >>> from dataclasses import dataclass
        >>> from pathlib import Path
        >>> @dataclass(frozen=True)
        ... class RowCount:
        ...     kept: int
        >>> _ = Path("rows.json").write_text('{"kept": 3}')
        >>> read_artifact(RowCount, Path("rows.json")).kept
        3
        >>> read_artifact(RowCount, Path("other.json"))
        Traceback (most recent call last):
        ...
        carvalue.files.artifacts.ArtifactUnreadable: other.json cannot be read: ...
    """
    try:
        fields = json.loads(path.read_bytes())
        stored_format = fields.pop("format", 1) if isinstance(fields, dict) else 1
        check_format(stored_format, kind="report", source=path, oldest=1, newest=FORMAT)
        return TypeAdapter(kind).validate_json(json.dumps(fields))
    except FormatUnknown as error:
        raise ArtifactUnreadable(error.message) from None
    except (OSError, ValueError) as error:  # Pydantic's error is a ValueError
        raise ArtifactUnreadable(f"{path} cannot be read: {error}.") from error
