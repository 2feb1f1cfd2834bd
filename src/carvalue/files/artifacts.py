"""Report files: a frozen dataclass stored as JSON, so that a later step can read an earlier step's result."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from carvalue.errors import AppError
from carvalue.files.atomic import atomic_write

Report = TypeVar("Report")


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
          "kept": 3
        }
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(TypeAdapter(type(report)).dump_json(report, indent=2))


def read_artifact(kind: type[Report], path: Path) -> Report:
    """Read a dataclass that `write_artifact` wrote, and validate its fields.

    Args:
        kind: The dataclass to read.
        path: The JSON file.

    Returns:
        An instance of `kind`.

    Raises:
        ArtifactUnreadable: The file is missing, or does not match the fields of `kind`.

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
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtifactUnreadable(f"{path} cannot be read: {error}.") from error
