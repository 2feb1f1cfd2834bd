"""Reports on disk: a frozen dataclass as JSON, so that one step can hand its findings to the next."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from carvalue.errors import AppError
from carvalue.files.atomic import atomic_write

Report = TypeVar("Report")


class ArtifactUnreadable(AppError):
    """A report is not there, or is damaged."""

    status, hint = 409, "Run the step that writes it again."


def write_artifact(report: object, path: Path) -> None:
    """Write a dataclass as JSON."""
    with atomic_write(path) as aside:
        aside.write_bytes(TypeAdapter(type(report)).dump_json(report, indent=2))


def read_artifact(kind: type[Report], path: Path) -> Report:
    """Read a dataclass that was written as JSON.

    Raises:
        ArtifactUnreadable: the file is missing or is no such report.
    """
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtifactUnreadable(f"{path} cannot be read: {error}.") from error
